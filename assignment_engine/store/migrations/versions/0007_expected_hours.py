"""How long work is expected to take, how long it was paused, and indexes for those who watch over it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_PENDING_WITH_DEADLINE = sa.text("status = 'pending' AND deadline IS NOT NULL")
_ANSWERED = sa.text("acceptance IS NOT NULL")


def upgrade() -> None:
    op.add_column("task_assignments", sa.Column("expected_p50", sa.BigInteger(), nullable=True))
    op.add_column("task_assignments", sa.Column("expected_p90", sa.BigInteger(), nullable=True))
    op.add_column("task_assignments", sa.Column("paused_seconds", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_past_assignments_completed_at", "past_assignments", ["completed_at"], unique=False)
    _partial_index("ix_tasks_pending_deadline", "tasks", ["deadline", "task_id"], _PENDING_WITH_DEADLINE)
    _partial_index("ix_ml_training_data_answered", "ml_training_data", ["logged_at", "acceptance"], _ANSWERED)


def _partial_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    """An index over some rows only, where the database has such."""
    op.create_index(name, table, columns, unique=False, postgresql_where=where, sqlite_where=where)
