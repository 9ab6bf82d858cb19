"""Who was given work with the same context, what plans were compared with, and the arm of a decision."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import id_type, json_type, long_bytes

revision = "0008"
down_revision = "0007"

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_KINDS = ("raised_by", "entered_by", "symptom", "location", "parent")
_NEVER_TAKEN = ("offered", "rejected", "expired")
_LONGEST_VALUE = 80
_AT_ONCE = 5000

_tasks = sa.table("tasks", sa.column("task_id", id_type()), sa.column("context", json_type()))
_assignments = sa.table(
    "task_assignments",
    sa.column("assignment_id", id_type()),
    sa.column("task_id", id_type()),
    sa.column("employee_id", id_type()),
    sa.column("status", sa.String()),
    sa.column("context", json_type()),
)
_history = sa.table(
    "context_history",
    sa.column("kind", id_type(16)),
    sa.column("value", id_type(80)),
    sa.column("employee_id", id_type()),
    sa.column("given", sa.BigInteger()),
)


def upgrade() -> None:
    op.create_table(
        "context_history",
        sa.Column("kind", id_type(16), nullable=False),
        sa.Column("value", id_type(80), nullable=False),
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("given", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", "employee_id", name="pk_context_history"),
        **_MARIADB,
    )
    op.create_table(
        "preview_decisions",
        sa.Column("preview_id", id_type(), nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", long_bytes(), nullable=False),
        sa.ForeignKeyConstraint(
            ["preview_id"], ["previews.preview_id"], name="fk_preview_decisions_preview_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("preview_id", "part", name="pk_preview_decisions"),
        **_MARIADB,
    )
    op.add_column("task_assignments", sa.Column("context", json_type(), nullable=True))
    op.add_column("ml_training_data", sa.Column("arm", sa.String(length=16), nullable=True))
    _count_what_was_given()


def _count_what_was_given() -> None:
    """Every assignment that was taken counts for what its task says now, a part of them at a time."""
    connection, last, given = op.get_bind(), "", Counter[tuple[str, str, str]]()
    query = (
        sa.select(_assignments.c.assignment_id, _assignments.c.employee_id, _assignments.c.status, _tasks.c.context)
        .join(_tasks, _tasks.c.task_id == _assignments.c.task_id)
        .order_by(_assignments.c.assignment_id)
        .limit(_AT_ONCE)
    )
    freeze = (
        sa.update(_assignments)
        .where(_assignments.c.assignment_id == sa.bindparam("row_id"))
        .values(context=sa.bindparam("counted", type_=json_type()))
    )
    while rows := connection.execute(query.where(_assignments.c.assignment_id > last)).all():
        found = [(row, _counted(row.context or {})) for row in rows]
        changes = [{"row_id": row.assignment_id, "counted": counted} for row, counted in found if counted]
        if changes:
            connection.execute(freeze, changes)
        given.update(
            (kind, value, row.employee_id)
            for row, counted in found
            if row.status not in _NEVER_TAKEN
            for kind, value in counted.items()
        )
        last = rows[-1].assignment_id
    new = [dict(zip(("kind", "value", "employee_id", "given"), (*key, n), strict=True)) for key, n in given.items()]
    for start in range(0, len(new), _AT_ONCE):
        connection.execute(sa.insert(_history), new[start : start + _AT_ONCE])


def _counted(context: Mapping[str, str]) -> dict[str, str]:
    return {kind: _stored(context[kind]) for kind in _KINDS if kind in context}


def _stored(value: str) -> str:
    if len(value) <= _LONGEST_VALUE and not value.endswith(" ") and not value.startswith("sha256:"):
        return value
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()
