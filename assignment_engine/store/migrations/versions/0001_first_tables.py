"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, long_bytes, long_text, sequence_type

revision = "0001"
down_revision = None

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    _create_audit_log()
    _create_employee_history()
    _create_employees()
    _create_outbox()
    _create_past_assignments()
    _create_previews()
    _create_responses()
    _create_tasks()
    _create_task_assignments()
    _index_task_assignments()
    _create_ml_training_data()


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("audit_id", sequence_type(), autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("assignment_id", id_type(), nullable=True),
        sa.Column("task_id", id_type(), nullable=True),
        sa.Column("employee_id", id_type(), nullable=True),
        sa.Column("from_status", sa.String(length=16), nullable=True),
        sa.Column("to_status", sa.String(length=16), nullable=True),
        sa.Column("reason", long_text(), nullable=True),
        sa.Column("detail", json_type(), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit_log"),
        **_MARIADB,
    )
    op.create_index("ix_audit_log_assignment_id", "audit_log", ["assignment_id"], unique=False)
    op.create_index("ix_audit_log_employee_id", "audit_log", ["employee_id"], unique=False)
    op.create_index("ix_audit_log_task_id", "audit_log", ["task_id"], unique=False)


def _create_employee_history() -> None:
    op.create_table(
        "employee_history",
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("category", sa.String(length=255), nullable=False),
        sa.Column("department", sa.String(length=255), nullable=False),
        sa.Column("completed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("completed_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("good", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("judged", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("employee_id", "category", "department", name="pk_employee_history"),
        **_MARIADB,
    )


def _create_employees() -> None:
    op.create_table(
        "employees",
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("skills", json_type(), nullable=True),
        sa.Column("experience_years", sa.Double(), nullable=True),
        sa.Column("external_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("assigned_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("max_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("active_tasks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("active_units", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "current_workload",
            sa.Double(),
            sa.Computed("(external_seconds + assigned_seconds) / 3600e0", persisted=True),
            nullable=True,
        ),
        sa.Column("max_workload", sa.Double(), sa.Computed("max_seconds / 3600e0", persisted=True), nullable=True),
        sa.Column("availability_status", sa.String(length=16), nullable=False),
        sa.Column("performance_rating", sa.Double(), nullable=True),
        sa.Column("department", sa.String(length=255), nullable=True),
        sa.Column("queues", json_type(), nullable=False),
        sa.Column("max_units", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("shift_end", UtcDateTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("employee_id", name="pk_employees"),
        **_MARIADB,
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sequence_type(), autoincrement=True, nullable=False),
        sa.Column("event_id", id_type(), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("data", json_type(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("event_id", name="uq_outbox_event_id"),
        sa.UniqueConstraint("position", name="uq_outbox_position"),
        **_MARIADB,
    )


def _create_past_assignments() -> None:
    op.create_table(
        "past_assignments",
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.Column("category", sa.String(length=255), nullable=True),
        sa.Column("department", sa.String(length=255), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("worked_seconds", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.PrimaryKeyConstraint("task_id", "employee_id", "assigned_at", name="pk_past_assignments"),
        **_MARIADB,
    )
    op.create_index("ix_past_assignments_employee_id", "past_assignments", ["employee_id"], unique=False)


def _create_previews() -> None:
    op.create_table(
        "previews",
        sa.Column("preview_id", id_type(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("finalized_at", UtcDateTime(), nullable=True),
        sa.Column("content", long_bytes(), nullable=False),
        sa.Column("result", long_bytes(), nullable=True),
        sa.PrimaryKeyConstraint("preview_id", name="pk_previews"),
        **_MARIADB,
    )
    op.create_index("ix_previews_expires_at", "previews", ["expires_at"], unique=False)


def _create_responses() -> None:
    op.create_table(
        "responses",
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=128), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", long_bytes(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "key", name="pk_responses"),
        **_MARIADB,
    )
    op.create_index("ix_responses_created_at", "responses", ["created_at"], unique=False)


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=True),
        sa.Column("description", long_text(), nullable=True),
        sa.Column("required_skills", json_type(), nullable=True),
        sa.Column("minimum_levels", json_type(), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("priority_level", sa.SmallInteger(), nullable=False),
        sa.Column("estimated_seconds", sa.BigInteger(), nullable=True),
        sa.Column(
            "estimated_hours", sa.Double(), sa.Computed("estimated_seconds / 3600e0", persisted=True), nullable=True
        ),
        sa.Column("deadline", UtcDateTime(), nullable=True),
        sa.Column("complexity_score", sa.Double(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=255), nullable=True),
        sa.Column("department", sa.String(length=255), nullable=True),
        sa.Column("dependencies", json_type(), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("units", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("ticket_number", sa.String(length=64), nullable=True),
        sa.Column("scheduled_date", sa.Date(), nullable=True),
        sa.Column("preferred_employee", id_type(), nullable=True),
        sa.Column("context", json_type(), nullable=False),
        sa.Column("processing_status", sa.String(length=16), nullable=False),
        sa.Column("processing_instance_id", sa.String(length=255), nullable=True),
        sa.Column("processed_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
        **_MARIADB,
    )
    op.create_index(
        "ix_tasks_status_queue_priority_level", "tasks", ["status", "queue", "priority_level"], unique=False
    )


def _create_task_assignments() -> None:
    op.create_table(
        "task_assignments",
        sa.Column("assignment_id", id_type(), nullable=False),
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("active_task_id", id_type(), nullable=True),
        sa.Column("assignment_method", sa.String(length=32), nullable=False),
        sa.Column("assignment_score", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("scorer", sa.String(length=255), nullable=True),
        sa.Column("assigned_by", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=True),
        sa.Column("rejected_at", UtcDateTime(), nullable=True),
        sa.Column("rejection_reason", long_text(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("eta_p50", UtcDateTime(), nullable=True),
        sa.Column("eta_p90", UtcDateTime(), nullable=True),
        sa.Column("seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("units", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("allow_overload", sa.Boolean(), nullable=False),
        sa.Column("load_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("capacity_seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("session_id", id_type(), nullable=True),
        sa.Column("preview_id", id_type(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.employee_id"], name="fk_task_assignments_employee_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_assignments_task_id"),
        sa.PrimaryKeyConstraint("assignment_id", name="pk_task_assignments"),
        sa.UniqueConstraint("active_task_id", name="uq_task_assignments_active_task_id"),
        **_MARIADB,
    )


def _index_task_assignments() -> None:
    op.create_index(
        "ix_task_assignments_employee_id_status_assigned_at",
        "task_assignments",
        ["employee_id", "status", "assigned_at"],
        unique=False,
    )
    op.create_index("ix_task_assignments_task_id", "task_assignments", ["task_id"], unique=False)


def _create_ml_training_data() -> None:
    op.create_table(
        "ml_training_data",
        sa.Column("log_id", id_type(), nullable=False),
        sa.Column("decision_id", id_type(), nullable=False),
        sa.Column("assignment_id", id_type(), nullable=False),
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("employee_id", id_type(), nullable=False),
        sa.Column("features", json_type(), nullable=False),
        sa.Column("assignment_score", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("scorer", sa.String(length=255), nullable=False),
        sa.Column("logged_at", UtcDateTime(), nullable=False),
        sa.Column("candidates", json_type(), nullable=True),
        sa.Column("rank", sa.BigInteger(), nullable=True),
        sa.Column("propensity", sa.Double(), nullable=True),
        sa.Column("outcome", sa.SmallInteger(), nullable=True),
        sa.Column("acceptance", sa.SmallInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["task_assignments.assignment_id"], name="fk_ml_training_data_assignment_id"
        ),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.employee_id"], name="fk_ml_training_data_employee_id"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_ml_training_data_task_id"),
        sa.PrimaryKeyConstraint("log_id", name="pk_ml_training_data"),
        **_MARIADB,
    )
    op.create_index("ix_ml_training_data_assignment_id", "ml_training_data", ["assignment_id"], unique=False)
    op.create_index("ix_ml_training_data_employee_id", "ml_training_data", ["employee_id"], unique=False)
    op.create_index("ix_ml_training_data_logged_at", "ml_training_data", ["logged_at"], unique=False)
    op.create_index("ix_ml_training_data_task_id", "ml_training_data", ["task_id"], unique=False)
