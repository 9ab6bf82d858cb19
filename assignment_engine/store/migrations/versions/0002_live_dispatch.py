"""Sessions, queues, and what dispatch looks tasks and people up by."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, long_text

revision = "0002"
down_revision = "0001"

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    _extend_employees()
    _extend_tasks()
    _extend_assignments()
    _create_waiting()
    _create_sessions()
    _create_alerts()
    _create_workers()
    _fill()


def _extend_employees() -> None:
    op.add_column("employees", sa.Column("session_id", id_type(), nullable=True))
    op.add_column("employees", sa.Column("session_fence", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("employees", sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("employees", sa.Column("free_at", UtcDateTime(), nullable=True))
    op.create_index("ix_employees_free_at", "employees", ["free_at"], unique=False)


def _extend_tasks() -> None:
    op.add_column("tasks", sa.Column("enqueued_at", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("rank_at", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("dispatch_key", id_type(96), nullable=True))
    op.add_column("tasks", sa.Column("due_at", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("dispatch_mode", sa.String(length=16), nullable=True))
    _index_some("tasks", ["dispatch_key", "rank_at", "task_id"], "dispatch_key IS NOT NULL")
    _index_some("tasks", ["dispatch_key", "enqueued_at", "task_id"], "dispatch_key IS NOT NULL")
    _index_some("tasks", ["due_at"], "due_at IS NOT NULL")
    _index_some("tasks", ["rank_at", "task_id"], "status IN ('pending', 'in_progress')")


def _extend_assignments() -> None:
    op.add_column("task_assignments", sa.Column("offer_expires_at", UtcDateTime(), nullable=True))
    _index_some("task_assignments", ["offer_expires_at"], "offer_expires_at IS NOT NULL")


def _index_some(table: str, columns: list[str], condition: str) -> None:
    name = "_".join(["ix", table, *columns])
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, postgresql_where=where, sqlite_where=where)


def _create_waiting() -> None:
    op.create_table(
        "dispatch_keys",
        sa.Column("dispatch_key", id_type(96), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("minimum_levels", json_type(), nullable=False),
        sa.PrimaryKeyConstraint("dispatch_key", name="pk_dispatch_keys"),
        **_MARIADB,
    )
    op.create_table(
        "task_dependencies",
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("depends_on", id_type(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_dependencies_task_id"),
        sa.PrimaryKeyConstraint("task_id", "depends_on", name="pk_task_dependencies"),
        **_MARIADB,
    )
    op.create_index("ix_task_dependencies_depends_on", "task_dependencies", ["depends_on"], unique=False)
    op.create_table(
        "queues",
        sa.Column("name", id_type(), nullable=False),
        sa.Column("settings", json_type(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_queues"),
        **_MARIADB,
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", id_type(), nullable=False),
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("open_employee_id", id_type(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("close_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.employee_id"], name="fk_sessions_employee_id"),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
        sa.UniqueConstraint("open_employee_id", name="uq_sessions_open_employee_id"),
        **_MARIADB,
    )
    op.create_index("ix_sessions_employee_id_opened_at", "sessions", ["employee_id", "opened_at"], unique=False)


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", id_type(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("reason", long_text(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("cleared_at", UtcDateTime(), nullable=True),
        sa.Column("standing", id_type(320), nullable=True),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
        sa.UniqueConstraint("standing", name="uq_alerts_standing"),
        **_MARIADB,
    )
    op.create_index("ix_alerts_raised_at", "alerts", ["raised_at"], unique=False)


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker_id", id_type(128), nullable=False),
        sa.Column("instance_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("busy_with", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("worker_id", name="pk_workers"),
        **_MARIADB,
    )
    op.create_table(
        "cycles",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("quiet_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_cycles"),
        **_MARIADB,
    )


def _fill() -> None:
    """Tasks that wait already are due to be looked at; their dependencies become rows."""
    tasks = sa.table("tasks", *(sa.column(name) for name in ("task_id", "status", "enqueued_at", "due_at")))
    created, dependencies = sa.column("created_at", UtcDateTime()), sa.column("dependencies", json_type())
    op.execute(sa.update(tasks).values(enqueued_at=created))
    op.execute(sa.update(tasks).where(tasks.c.status == "pending").values(due_at=created))
    target = sa.table("task_dependencies", sa.column("task_id"), sa.column("depends_on"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(tasks.c.task_id, dependencies).select_from(tasks)).all():
        for dependency in sorted(set(row.dependencies)):
            connection.execute(sa.insert(target).values(task_id=row.task_id, depends_on=dependency))
