"""Indexes that keep lists of assignments flat, and counting tasks cheap."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_ASSIGNMENT_ORDERS = (
    ["employee_id", "assigned_at", "assignment_id"],
    ["status", "assigned_at", "assignment_id"],
    ["assigned_at", "assignment_id"],
)
_JOBS = ["employee_id", "status", "assigned_at", "assignment_id"]
_OVERVIEW = ["status", "queue", "priority_level", "processing_status", "deleted_at", "enqueued_at"]


def upgrade() -> None:
    for columns in _ASSIGNMENT_ORDERS:
        op.create_index("_".join(["ix_task_assignments", *columns]), "task_assignments", columns, unique=False)
    # The new one comes first: MariaDB does not let a foreign key be without an index.
    op.create_index("ix_task_assignments_jobs", "task_assignments", _JOBS, unique=False)
    op.drop_index("ix_task_assignments_employee_id_status_assigned_at", "task_assignments")
    op.create_index("ix_tasks_overview", "tasks", _OVERVIEW, unique=False)
    op.drop_index("ix_tasks_status_queue_priority_level", "tasks")
