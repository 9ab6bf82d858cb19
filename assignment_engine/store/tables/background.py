"""Conversations, triage, jobs and files."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, String

from assignment_engine.store.dialects import id_type, json_type, long_bytes, long_text
from assignment_engine.store.tables.columns import count, line, moment, only_where, table
from assignment_engine.store.tables.work import tasks

conversations = table(
    "conversations",
    Column("conversation_id", id_type(), primary_key=True),
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), nullable=False),
    Column("content", long_text(), nullable=False),
    Column("status", String(16), nullable=False),
    count("version", 1),
    moment("created_at", required=True),
    moment("updated_at", required=True),
    Index(None, "task_id", "created_at", "conversation_id"),
)

task_triage = table(
    "task_triage",
    Column("task_id", id_type(), ForeignKey(tasks.c.task_id), primary_key=True),
    # What was read out of the texts: field, value, confidence, words, source, and whether the task has it from there.
    Column("findings", json_type(), nullable=False),
    line("note", 500),
    count("runs"),
    moment("triaged_at", required=True),
)

skill_embeddings = table(
    "skill_embeddings",
    Column("model", String(128), primary_key=True),
    Column("phrase", id_type(255), primary_key=True),
    Column("vector", long_bytes(), nullable=False),
    moment("created_at", required=True),
)

job_records = table(
    "job_records",
    Column("job_id", id_type(), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Double, nullable=False),
    Column("request", json_type(), nullable=False),
    line("file_path", 1024),
    line("selected_ucs"),
    Column("reference_file_path", json_type()),
    Column("results_json", json_type()),
    Column("metrics", json_type()),
    line("error_category", 16),
    Column("error_detail", long_text()),
    # Which run of the job counts: what an older one still writes is refused.
    count("attempts"),
    line("executor_id", 128),
    # Since when runs before this one, or all of them if it failed, are to be ended in the engine; NULL: none.
    moment("to_end_since"),
    Column("created_by", String(255), nullable=False),
    moment("created_at", required=True),
    moment("started_at"),
    moment("touched_at"),
    moment("completed_at"),
    Index(None, "status", "created_at", "job_id"),
    Index(None, "created_by", "created_at"),
    Index(None, "to_end_since", **only_where("to_end_since IS NOT NULL")),
)

job_executors = table(
    "job_executors",
    Column("executor_id", id_type(128), primary_key=True),
    # Executors with the same engine share one database of jobs, and take over from each other.
    Column("engine", String(255), nullable=False),
    moment("started_at", required=True),
    moment("last_seen_at", required=True),
)

reference_files = table(
    "reference_files",
    Column("reference_id", id_type(), primary_key=True),
    Column("uc_type", String(16), nullable=False),
    Column("file_path", String(1024), nullable=False),
    # NULL instead of false, so that the unique key lets only one of each agent be active.
    Column("is_active", Boolean),
    moment("created_at", required=True),
    Index(None, "uc_type", "is_active", unique=True),
)

file_processing_metrics = table(
    "file_processing_metrics",
    Column("job_id", id_type(), ForeignKey(job_records.c.job_id), primary_key=True),
    count("file_size_bytes"),
    count("row_count"),
    count("issues_found"),
    Column("processing_time_seconds", Double, nullable=False),
    moment("created_at", required=True),
    Index(None, "created_at"),
)
