"""Conversations, triage, cached embeddings, and durable jobs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, long_bytes, long_text

revision = "0004"
down_revision = "0003"

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    _extend_tasks()
    _create_conversations()
    _create_triage()
    _create_embeddings()
    _create_jobs()


def _extend_tasks() -> None:
    op.add_column("tasks", sa.Column("processing_fence", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("processing_attempts", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("processing_due_at", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("processing_error", sa.String(length=500), nullable=True))
    where = sa.text("processing_due_at IS NOT NULL")
    op.create_index(
        "ix_tasks_processing_due_at_task_id",
        "tasks",
        ["processing_due_at", "task_id"],
        unique=False,
        postgresql_where=where,
        sqlite_where=where,
    )
    # Tasks that are there and open are read when a worker comes.
    tasks = sa.table("tasks", *(sa.column(name) for name in ("status", "processing_due_at", "deleted_at")))
    open_ones = sa.and_(tasks.c.status.in_(["pending", "assigned", "in_progress"]), tasks.c.deleted_at.is_(None))
    op.execute(sa.update(tasks).where(open_ones).values(processing_due_at=sa.column("created_at", UtcDateTime())))


def _create_conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("conversation_id", id_type(), nullable=False),
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("content", long_text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_conversations_task_id"),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_conversations"),
        **_MARIADB,
    )
    op.create_index(
        "ix_conversations_task_id_created_at_conversation_id",
        "conversations",
        ["task_id", "created_at", "conversation_id"],
        unique=False,
    )


def _create_triage() -> None:
    op.create_table(
        "task_triage",
        sa.Column("task_id", id_type(), nullable=False),
        sa.Column("findings", json_type(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("runs", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("triaged_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_triage_task_id"),
        sa.PrimaryKeyConstraint("task_id", name="pk_task_triage"),
        **_MARIADB,
    )


def _create_embeddings() -> None:
    op.create_table(
        "skill_embeddings",
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("phrase", id_type(255), nullable=False),
        sa.Column("vector", long_bytes(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("model", "phrase", name="pk_skill_embeddings"),
        **_MARIADB,
    )


def _create_jobs() -> None:
    op.create_table(
        "job_records",
        sa.Column("job_id", id_type(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("request", json_type(), nullable=False),
        sa.Column("file_path", sa.String(length=1024), nullable=True),
        sa.Column("selected_ucs", sa.String(length=255), nullable=True),
        sa.Column("reference_file_path", json_type(), nullable=True),
        sa.Column("results_json", json_type(), nullable=True),
        sa.Column("metrics", json_type(), nullable=True),
        sa.Column("error_category", sa.String(length=16), nullable=True),
        sa.Column("error_detail", long_text(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("executor_id", sa.String(length=128), nullable=True),
        sa.Column("to_end_since", UtcDateTime(), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("touched_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_records"),
        **_MARIADB,
    )
    op.create_index(
        "ix_job_records_status_created_at_job_id", "job_records", ["status", "created_at", "job_id"], unique=False
    )
    op.create_index("ix_job_records_created_by_created_at", "job_records", ["created_by", "created_at"], unique=False)
    where = sa.text("to_end_since IS NOT NULL")
    op.create_index(
        "ix_job_records_to_end_since",
        "job_records",
        ["to_end_since"],
        unique=False,
        postgresql_where=where,
        sqlite_where=where,
    )
    op.create_table(
        "job_executors",
        sa.Column("executor_id", id_type(128), nullable=False),
        sa.Column("engine", sa.String(length=255), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name="pk_job_executors"),
        **_MARIADB,
    )
