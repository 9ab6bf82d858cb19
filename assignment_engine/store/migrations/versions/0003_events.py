"""Leases, what is known of each receiver of events, whose events they are, and events that came in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, sequence_type

revision = "0003"
down_revision = "0002"

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_FILLED_AT_ONCE = 1000


def upgrade() -> None:
    _extend_outbox()
    _create_leases()
    _create_cursors()
    _create_inbox()
    _fill()


def _extend_outbox() -> None:
    op.add_column("outbox", sa.Column("employee_id", id_type(), nullable=True))
    op.create_index("ix_outbox_employee_id_position", "outbox", ["employee_id", "position"], unique=False)
    unnumbered = sa.text("position IS NULL")
    op.create_index(
        "ix_outbox_id", "outbox", ["id"], unique=False, postgresql_where=unnumbered, sqlite_where=unnumbered
    )


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", id_type(), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
        **_MARIADB,
    )


def _create_cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("name", id_type(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
        **_MARIADB,
    )


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("event_id", id_type(), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("data", json_type(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name="pk_inbox"),
        **_MARIADB,
    )
    op.create_index(
        "ix_inbox_status_received_at_event_id", "inbox", ["status", "received_at", "event_id"], unique=False
    )


def _fill() -> None:
    """Events written before say in their data whose they are."""
    names = (("id", sequence_type()), ("data", json_type()), ("employee_id", id_type()))
    outbox = sa.table("outbox", *(sa.column(name, kind) for name, kind in names))
    connection, last = op.get_bind(), 0
    page = sa.select(outbox.c.id, outbox.c.data).order_by(outbox.c.id).limit(_FILLED_AT_ONCE)
    change = sa.update(outbox).where(outbox.c.id == sa.bindparam("row_id")).values(employee_id=sa.bindparam("person"))
    while rows := connection.execute(page.where(outbox.c.id > last)).all():
        connection.execute(change, [{"row_id": row.id, "person": row.data["technician_id"]} for row in rows])
        last = rows[-1].id
