"""The tables, one room for each part of the engine."""

from assignment_engine.store.tables.background import (
    conversations,
    file_processing_metrics,
    job_executors,
    job_records,
    reference_files,
    skill_embeddings,
    task_triage,
)
from assignment_engine.store.tables.columns import metadata
from assignment_engine.store.tables.events import (
    cursors,
    inbox,
    leases,
    outbox,
)
from assignment_engine.store.tables.live import (
    alerts,
    cycles,
    dispatch_keys,
    queues,
    sessions,
    workers,
)
from assignment_engine.store.tables.work import (
    audit_log,
    employee_history,
    employees,
    ml_training_data,
    past_assignments,
    previews,
    responses,
    task_assignments,
    task_dependencies,
    tasks,
)

__all__ = [
    "alerts",
    "audit_log",
    "conversations",
    "cursors",
    "cycles",
    "dispatch_keys",
    "employee_history",
    "employees",
    "file_processing_metrics",
    "inbox",
    "job_executors",
    "job_records",
    "leases",
    "metadata",
    "ml_training_data",
    "outbox",
    "past_assignments",
    "previews",
    "queues",
    "reference_files",
    "responses",
    "sessions",
    "skill_embeddings",
    "task_assignments",
    "task_dependencies",
    "task_triage",
    "tasks",
    "workers",
]
