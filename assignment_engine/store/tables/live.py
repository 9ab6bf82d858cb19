"""Queues, sessions and what else live dispatch keeps."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String

from assignment_engine.store.dialects import UtcDateTime, id_type, json_type, long_text
from assignment_engine.store.tables.columns import count, line, moment, table
from assignment_engine.store.tables.work import employees

# What tasks of one key have in common that decides who can ever take them.
dispatch_keys = table(
    "dispatch_keys",
    Column("dispatch_key", id_type(96), primary_key=True),
    Column("queue", String(64), nullable=False),
    Column("minimum_levels", json_type(), nullable=False),
)

queues = table(
    "queues",
    Column("name", id_type(), primary_key=True),
    Column("settings", json_type(), nullable=False),
    moment("updated_at", required=True),
)

sessions = table(
    "sessions",
    Column("session_id", id_type(), primary_key=True),
    Column("employee_id", id_type(), ForeignKey(employees.c.employee_id), nullable=False),
    # The person while this session is open, otherwise NULL: nobody has two.
    Column("open_employee_id", id_type(), unique=True),
    count("fence"),
    moment("opened_at", required=True),
    moment("last_seen_at", required=True),
    moment("closed_at"),
    line("close_reason", 32),
    Index(None, "employee_id", "opened_at"),
)

alerts = table(
    "alerts",
    Column("alert_id", id_type(), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("reason", long_text(), nullable=False),
    Column("raised_at", UtcDateTime(), nullable=False, index=True),
    moment("cleared_at"),
    # Kind and subject while the alert stands, otherwise NULL: it is raised once.
    Column("standing", id_type(320), unique=True),
)

workers = table(
    "workers",
    Column("worker_id", id_type(128), primary_key=True),
    Column("instance_id", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    moment("started_at", required=True),
    moment("last_seen_at", required=True),
    line("busy_with"),
)

cycles = table(
    "cycles",
    Column("name", String(32), primary_key=True),
    moment("last_at", required=True),
    moment("quiet_until"),
)
