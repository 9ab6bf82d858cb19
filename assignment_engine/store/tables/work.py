"""People, tasks, their assignments, and what is logged and counted of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Computed, Date, Double, ForeignKey, Index, SmallInteger, String

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, long_bytes, long_text, sequence_type
from assignment_engine.store.tables.columns import count, flag, line, moment, only_where, table

employees = table(
    "employees",
    Column("employee_id", id_type(), primary_key=True),
    line("name"),
    Column("skills", json_type()),
    Column("experience_years", Double),
    count("external_seconds"),
    count("assigned_seconds"),
    count("max_seconds"),
    count("active_tasks"),
    count("active_units"),
    Column("current_workload", Double, Computed("(external_seconds + assigned_seconds) / 3600e0", persisted=True)),
    Column("max_workload", Double, Computed("max_seconds / 3600e0", persisted=True)),
    Column("availability_status", String(16), nullable=False),
    Column("performance_rating", Double),
    line("department"),
    Column("queues", json_type(), nullable=False),
    count("max_units", 1),
    moment("shift_end"),
    # Presence: the open session, and since when more work may be given (NULL: not present, paused or busy).
    Column("session_id", id_type()),
    count("session_fence"),
    flag("paused"),
    Column("free_at", UtcDateTime(), index=True),
    count("version", 1),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("deleted_at"),
)

tasks = table(
    "tasks",
    Column("task_id", id_type(), primary_key=True),
    line("title"),
    Column("description", long_text()),
    Column("required_skills", json_type()),
    Column("minimum_levels", json_type(), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("priority_level", SmallInteger, nullable=False),
    Column("estimated_seconds", BigInteger),
    Column("estimated_hours", Double, Computed("estimated_seconds / 3600e0", persisted=True)),
    moment("deadline"),
    Column("complexity_score", Double),
    Column("status", String(16), nullable=False),
    line("category"),
    line("department"),
    Column("dependencies", json_type(), nullable=False),
    Column("queue", String(64), nullable=False),
    count("units", 1),
    line("ticket_number", 64),
    Column("scheduled_date", Date),
    Column("preferred_employee", id_type()),
    Column("context", json_type(), nullable=False),
    Column("processing_status", String(16), nullable=False),
    line("processing_instance_id"),
    moment("processed_at"),
    # Triage: which claim counts, how often it was claimed, and when somebody may claim it (again); NULL: nobody.
    count("processing_fence"),
    count("processing_attempts"),
    moment("processing_due_at"),
    line("processing_error", 500),
    count("version", 1),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    moment("deleted_at"),
    # Waiting: since when, the place in its queue, who may look at it (NULL: nobody now), and when time changes that.
    moment("enqueued_at"),
    moment("rank_at"),
    Column("dispatch_key", id_type(96)),
    moment("due_at"),
    line("dispatch_mode", 16),
    # Everything that is counted about tasks, so that watching them reads this index alone.
    Index("ix_tasks_overview", "status", "queue", "priority_level", "processing_status", "deleted_at", "enqueued_at"),
    Index(None, "dispatch_key", "rank_at", "task_id", **only_where("dispatch_key IS NOT NULL")),
    Index(None, "dispatch_key", "enqueued_at", "task_id", **only_where("dispatch_key IS NOT NULL")),
    Index(None, "created_at", "task_id"),
    Index(None, "due_at", **only_where("due_at IS NOT NULL")),
    Index(None, "rank_at", "task_id", **only_where("status IN ('pending', 'in_progress')")),
    Index(None, "processing_due_at", "task_id", **only_where("processing_due_at IS NOT NULL")),
    Index(
        "ix_tasks_pending_deadline",
        *("deadline", "task_id"),
        **only_where("status = 'pending' AND deadline IS NOT NULL"),
    ),
)

task_dependencies = table(
    "task_dependencies",
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), primary_key=True),
    Column("depends_on", id_type(), primary_key=True, index=True),
)

task_assignments = table(
    "task_assignments",
    Column("assignment_id", id_type(), primary_key=True),
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), nullable=False),
    Column("employee_id", id_type(), ForeignKey(employees.c.employee_id), nullable=False),
    # The task while this assignment is active, otherwise NULL: the database itself refuses a second one.
    Column("active_task_id", id_type(), unique=True),
    Column("assignment_method", String(32), nullable=False),
    Column("assignment_score", Double),
    Column("confidence", Double),
    line("scorer"),
    Column("assigned_by", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    moment("assigned_at", required=True),
    moment("accepted_at"),
    moment("rejected_at"),
    Column("rejection_reason", long_text()),
    moment("completed_at"),
    moment("eta_p50"),
    moment("eta_p90"),
    count("seconds"),
    count("units", 1),
    # How long it was expected to take when it was made, and how long its person has been paused meanwhile.
    Column("expected_p50", BigInteger),
    Column("expected_p90", BigInteger),
    count("paused_seconds"),
    # What is counted for its person in `context_history` while it is one that was taken.
    Column("context", json_type()),
    Column("allow_overload", Boolean, nullable=False),
    # The person's load with this assignment, and their capacity, at the moment it was made.
    count("load_seconds"),
    count("capacity_seconds"),
    Column("session_id", id_type()),
    Column("preview_id", id_type()),
    moment("offer_expires_at"),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    # A person's jobs of one status, in order. The name that follows from the columns is too long for PostgreSQL.
    Index("ix_task_assignments_jobs", "employee_id", "status", "assigned_at", "assignment_id"),
    Index(None, "employee_id", "assigned_at", "assignment_id"),
    Index(None, "status", "assigned_at", "assignment_id"),
    Index(None, "assigned_at", "assignment_id"),
    Index(None, "offer_expires_at", **only_where("offer_expires_at IS NOT NULL")),
    Index(None, "task_id"),
)

ml_training_data = table(
    "ml_training_data",
    Column("log_id", id_type(), primary_key=True),
    Column("decision_id", id_type(), nullable=False),
    Column("assignment_id", id_type(), ForeignKey(task_assignments.c.assignment_id), nullable=False, index=True),
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), nullable=False, index=True),
    Column("employee_id", id_type(), ForeignKey(employees.c.employee_id), nullable=False, index=True),
    Column("features", json_type(), nullable=False),
    Column("assignment_score", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("method", String(32), nullable=False),
    Column("scorer", String(255), nullable=False),
    moment("logged_at", required=True),
    Column("candidates", json_type()),
    Column("rank", BigInteger),
    Column("propensity", Double),
    Column("outcome", SmallInteger),
    Column("acceptance", SmallInteger),
    line("arm", 16),
    Index(None, "logged_at"),
    Index("ix_ml_training_data_answered", "logged_at", "acceptance", **only_where("acceptance IS NOT NULL")),
)

previews = table(
    "previews",
    Column("preview_id", id_type(), primary_key=True),
    moment("created_at", required=True),
    Column("expires_at", UtcDateTime(), nullable=False, index=True),
    Column("created_by", String(255), nullable=False),
    moment("finalized_at"),
    Column("content", long_bytes(), nullable=False),
    Column("result", long_bytes()),
)

# What each choice of a preview was compared with, some hundred choices in a row.
preview_decisions = table(
    "preview_decisions",
    Column("preview_id", id_type(), ForeignKey(previews.c.preview_id, ondelete="CASCADE"), primary_key=True),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("content", long_bytes(), nullable=False),
)

audit_log = table(
    "audit_log",
    Column("audit_id", sequence_type(), primary_key=True, autoincrement=True),
    moment("at", required=True),
    Column("actor", String(255), nullable=False),
    Column("event", String(32), nullable=False),
    Column("assignment_id", id_type(), index=True),
    Column("task_id", id_type(), index=True),
    Column("employee_id", id_type(), index=True),
    line("from_status", 16),
    line("to_status", 16),
    Column("reason", long_text()),
    Column("detail", json_type()),
)

past_assignments = table(
    "past_assignments",
    Column("task_id", id_type(), primary_key=True),
    Column("employee_id", id_type(), primary_key=True, index=True),
    Column("assigned_at", UtcDateTime(), primary_key=True),
    line("category"),
    line("department"),
    moment("started_at"),
    moment("completed_at"),
    # The hours given, or else the time from start (or assignment) to completion.
    Column("worked_seconds", BigInteger),
    line("outcome", 8),
    Index(None, "completed_at"),
)

employee_history = table(
    "employee_history",
    Column("employee_id", id_type(), primary_key=True),
    Column("category", String(255), primary_key=True),
    Column("department", String(255), primary_key=True),
    count("completed"),
    count("completed_seconds"),
    count("good"),
    count("judged"),
)

context_history = table(
    "context_history",
    Column("kind", id_type(16), primary_key=True),
    Column("value", id_type(80), primary_key=True),
    Column("employee_id", id_type(), primary_key=True),
    count("given"),
)

responses = table(
    "responses",
    Column("subject", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_hash", String(128), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", long_bytes(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False, index=True),
)
