"""The tables, with the names of the scheduler document. Hours are stored as whole seconds, moments in UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    Double,
    ForeignKey,
    Index,
    MetaData,
    SmallInteger,
    String,
    Table,
    false,
    text,
)

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, long_bytes, long_text, sequence_type

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *parts: Any) -> Table:
    # The binary collation keeps `abc` and `ABC` apart on MariaDB.
    return Table(
        name,
        metadata,
        *parts,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def _text(name: str, length: int = 255) -> Column[str]:
    return Column(name, String(length))


def _count(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=str(default))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _where(condition: str) -> dict[str, Any]:
    """Options of an index over some rows only, where the database has such."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


def _moment(name: str, *, required: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime(), nullable=not required)


employees = _table(
    "employees",
    Column("employee_id", id_type(), primary_key=True),
    _text("name"),
    Column("skills", json_type()),
    Column("experience_years", Double),
    _count("external_seconds"),
    _count("assigned_seconds"),
    _count("max_seconds"),
    _count("active_tasks"),
    _count("active_units"),
    Column("current_workload", Double, Computed("(external_seconds + assigned_seconds) / 3600e0", persisted=True)),
    Column("max_workload", Double, Computed("max_seconds / 3600e0", persisted=True)),
    Column("availability_status", String(16), nullable=False),
    Column("performance_rating", Double),
    _text("department"),
    Column("queues", json_type(), nullable=False),
    _count("max_units", 1),
    _moment("shift_end"),
    # Presence: the open session, and since when more work may be given (NULL: not present, paused or busy).
    Column("session_id", id_type()),
    _count("session_fence"),
    _flag("paused"),
    Column("free_at", UtcDateTime(), index=True),
    _count("version", 1),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    _moment("deleted_at"),
)

tasks = _table(
    "tasks",
    Column("task_id", id_type(), primary_key=True),
    _text("title"),
    Column("description", long_text()),
    Column("required_skills", json_type()),
    Column("minimum_levels", json_type(), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("priority_level", SmallInteger, nullable=False),
    Column("estimated_seconds", BigInteger),
    Column("estimated_hours", Double, Computed("estimated_seconds / 3600e0", persisted=True)),
    _moment("deadline"),
    Column("complexity_score", Double),
    Column("status", String(16), nullable=False),
    _text("category"),
    _text("department"),
    Column("dependencies", json_type(), nullable=False),
    Column("queue", String(64), nullable=False),
    _count("units", 1),
    _text("ticket_number", 64),
    Column("scheduled_date", Date),
    Column("preferred_employee", id_type()),
    Column("context", json_type(), nullable=False),
    Column("processing_status", String(16), nullable=False),
    _text("processing_instance_id"),
    _moment("processed_at"),
    # Triage: which claim counts, how often it was claimed, and when somebody may claim it (again); NULL: nobody.
    _count("processing_fence"),
    _count("processing_attempts"),
    _moment("processing_due_at"),
    _text("processing_error", 500),
    _count("version", 1),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    _moment("deleted_at"),
    # Waiting: since when, the place in its queue, who may look at it (NULL: nobody now), and when time changes that.
    _moment("enqueued_at"),
    _moment("rank_at"),
    Column("dispatch_key", id_type(96)),
    _moment("due_at"),
    _text("dispatch_mode", 16),
    # Everything that is counted about tasks, so that watching them reads this index alone.
    Index("ix_tasks_overview", "status", "queue", "priority_level", "processing_status", "deleted_at", "enqueued_at"),
    Index(None, "dispatch_key", "rank_at", "task_id", **_where("dispatch_key IS NOT NULL")),
    Index(None, "dispatch_key", "enqueued_at", "task_id", **_where("dispatch_key IS NOT NULL")),
    Index(None, "due_at", **_where("due_at IS NOT NULL")),
    Index(None, "rank_at", "task_id", **_where("status IN ('pending', 'in_progress')")),
    Index(None, "processing_due_at", "task_id", **_where("processing_due_at IS NOT NULL")),
)

# What tasks of one key have in common that decides who can ever take them.
dispatch_keys = _table(
    "dispatch_keys",
    Column("dispatch_key", id_type(96), primary_key=True),
    Column("queue", String(64), nullable=False),
    Column("minimum_levels", json_type(), nullable=False),
)

task_dependencies = _table(
    "task_dependencies",
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), primary_key=True),
    Column("depends_on", id_type(), primary_key=True, index=True),
)

queues = _table(
    "queues",
    Column("name", id_type(), primary_key=True),
    Column("settings", json_type(), nullable=False),
    _moment("updated_at", required=True),
)

sessions = _table(
    "sessions",
    Column("session_id", id_type(), primary_key=True),
    Column("employee_id", id_type(), ForeignKey(employees.c.employee_id), nullable=False),
    # The person while this session is open, otherwise NULL: nobody has two.
    Column("open_employee_id", id_type(), unique=True),
    _count("fence"),
    _moment("opened_at", required=True),
    _moment("last_seen_at", required=True),
    _moment("closed_at"),
    _text("close_reason", 32),
    Index(None, "employee_id", "opened_at"),
)

alerts = _table(
    "alerts",
    Column("alert_id", id_type(), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("reason", long_text(), nullable=False),
    Column("raised_at", UtcDateTime(), nullable=False, index=True),
    _moment("cleared_at"),
    # Kind and subject while the alert stands, otherwise NULL: it is raised once.
    Column("standing", id_type(320), unique=True),
)

workers = _table(
    "workers",
    Column("worker_id", id_type(128), primary_key=True),
    Column("instance_id", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    _moment("started_at", required=True),
    _moment("last_seen_at", required=True),
    _text("busy_with"),
)

cycles = _table(
    "cycles",
    Column("name", String(32), primary_key=True),
    _moment("last_at", required=True),
    _moment("quiet_until"),
)

task_assignments = _table(
    "task_assignments",
    Column("assignment_id", id_type(), primary_key=True),
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), nullable=False),
    Column("employee_id", id_type(), ForeignKey(employees.c.employee_id), nullable=False),
    # The task while this assignment is active, otherwise NULL: the database itself refuses a second one.
    Column("active_task_id", id_type(), unique=True),
    Column("assignment_method", String(32), nullable=False),
    Column("assignment_score", Double),
    Column("confidence", Double),
    _text("scorer"),
    Column("assigned_by", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    _moment("assigned_at", required=True),
    _moment("accepted_at"),
    _moment("rejected_at"),
    Column("rejection_reason", long_text()),
    _moment("completed_at"),
    _moment("eta_p50"),
    _moment("eta_p90"),
    _count("seconds"),
    _count("units", 1),
    Column("allow_overload", Boolean, nullable=False),
    # The person's load with this assignment, and their capacity, at the moment it was made.
    _count("load_seconds"),
    _count("capacity_seconds"),
    Column("session_id", id_type()),
    Column("preview_id", id_type()),
    _moment("offer_expires_at"),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    # A person's jobs of one status, in order. The name that follows from the columns is too long for PostgreSQL.
    Index("ix_task_assignments_jobs", "employee_id", "status", "assigned_at", "assignment_id"),
    Index(None, "employee_id", "assigned_at", "assignment_id"),
    Index(None, "status", "assigned_at", "assignment_id"),
    Index(None, "assigned_at", "assignment_id"),
    Index(None, "offer_expires_at", **_where("offer_expires_at IS NOT NULL")),
    Index(None, "task_id"),
)

ml_training_data = _table(
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
    _moment("logged_at", required=True),
    Column("candidates", json_type()),
    Column("rank", BigInteger),
    Column("propensity", Double),
    Column("outcome", SmallInteger),
    Column("acceptance", SmallInteger),
    Index(None, "logged_at"),
)

previews = _table(
    "previews",
    Column("preview_id", id_type(), primary_key=True),
    _moment("created_at", required=True),
    Column("expires_at", UtcDateTime(), nullable=False, index=True),
    Column("created_by", String(255), nullable=False),
    _moment("finalized_at"),
    Column("content", long_bytes(), nullable=False),
    Column("result", long_bytes()),
)

audit_log = _table(
    "audit_log",
    Column("audit_id", sequence_type(), primary_key=True, autoincrement=True),
    _moment("at", required=True),
    Column("actor", String(255), nullable=False),
    Column("event", String(32), nullable=False),
    Column("assignment_id", id_type(), index=True),
    Column("task_id", id_type(), index=True),
    Column("employee_id", id_type(), index=True),
    _text("from_status", 16),
    _text("to_status", 16),
    Column("reason", long_text()),
    Column("detail", json_type()),
)

outbox = _table(
    "outbox",
    Column("id", sequence_type(), primary_key=True, autoincrement=True),
    Column("event_id", id_type(), nullable=False, unique=True),
    Column("event_type", String(64), nullable=False),
    Column("data", json_type(), nullable=False),
    _moment("created_at", required=True),
    # Ids of a sequence are not in the order of commits; a relay numbers committed rows without gaps.
    Column("position", BigInteger, unique=True),
    Column("employee_id", id_type()),
    Index(None, "employee_id", "position"),
    Index(None, "id", **_where("position IS NULL")),
)

leases = _table(
    "leases",
    Column("name", id_type(), primary_key=True),
    _text("holder", 128),
    # Counts up with every change of holder: what an older one still writes is refused.
    _count("fence"),
    _moment("expires_at"),
)

# How far each reader of the outbox has come; the one that gives positions is among them.
cursors = _table(
    "cursors",
    Column("name", id_type(), primary_key=True),
    _count("position"),
    _count("failures"),
    _moment("due_at"),
    _text("error"),
    _moment("updated_at"),
)

inbox = _table(
    "inbox",
    Column("event_id", id_type(), primary_key=True),
    Column("event_type", String(64), nullable=False),
    Column("source", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    _count("attempts"),
    _text("error", 500),
    Column("data", json_type(), nullable=False),
    _moment("received_at", required=True),
    _moment("finished_at"),
    Index(None, "status", "received_at", "event_id"),
)

past_assignments = _table(
    "past_assignments",
    Column("task_id", id_type(), primary_key=True),
    Column("employee_id", id_type(), primary_key=True, index=True),
    Column("assigned_at", UtcDateTime(), primary_key=True),
    _text("category"),
    _text("department"),
    _moment("started_at"),
    _moment("completed_at"),
    # The hours given, or else the time from start (or assignment) to completion.
    Column("worked_seconds", BigInteger),
    _text("outcome", 8),
)

employee_history = _table(
    "employee_history",
    Column("employee_id", id_type(), primary_key=True),
    Column("category", String(255), primary_key=True),
    Column("department", String(255), primary_key=True),
    _count("completed"),
    _count("completed_seconds"),
    _count("good"),
    _count("judged"),
)

responses = _table(
    "responses",
    Column("subject", String(255), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_hash", String(128), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", long_bytes(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False, index=True),
)

conversations = _table(
    "conversations",
    Column("conversation_id", id_type(), primary_key=True),
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), nullable=False),
    Column("content", long_text(), nullable=False),
    Column("status", String(16), nullable=False),
    _count("version", 1),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    Index(None, "task_id", "created_at", "conversation_id"),
)

task_triage = _table(
    "task_triage",
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), primary_key=True),
    # What was read out of the texts: field, value, confidence, words, source, and whether the task has it from there.
    Column("findings", json_type(), nullable=False),
    _text("note", 500),
    _count("runs"),
    _moment("triaged_at", required=True),
)

skill_embeddings = _table(
    "skill_embeddings",
    Column("model", String(128), primary_key=True),
    Column("phrase", id_type(255), primary_key=True),
    Column("vector", long_bytes(), nullable=False),
    _moment("created_at", required=True),
)

job_records = _table(
    "job_records",
    Column("job_id", id_type(), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Double, nullable=False),
    Column("request", json_type(), nullable=False),
    _text("file_path", 1024),
    _text("selected_ucs"),
    Column("reference_file_path", json_type()),
    Column("results_json", json_type()),
    Column("metrics", json_type()),
    _text("error_category", 16),
    Column("error_detail", long_text()),
    # Which run of the job counts: what an older one still writes is refused.
    _count("attempts"),
    _text("executor_id", 128),
    # Since when runs before this one, or all of them if it failed, are to be ended in the engine; NULL: none.
    _moment("to_end_since"),
    Column("created_by", String(255), nullable=False),
    _moment("created_at", required=True),
    _moment("started_at"),
    _moment("touched_at"),
    _moment("completed_at"),
    Index(None, "status", "created_at", "job_id"),
    Index(None, "created_by", "created_at"),
    Index(None, "to_end_since", **_where("to_end_since IS NOT NULL")),
)

job_executors = _table(
    "job_executors",
    Column("executor_id", id_type(128), primary_key=True),
    # Executors with the same engine share one database of jobs, and take over from each other.
    Column("engine", String(255), nullable=False),
    _moment("started_at", required=True),
    _moment("last_seen_at", required=True),
)
