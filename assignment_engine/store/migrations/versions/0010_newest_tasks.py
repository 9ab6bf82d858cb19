"""An index that keeps the list of the newest tasks flat."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("ix_tasks_created_at_task_id", "tasks", ["created_at", "task_id"], unique=False)
