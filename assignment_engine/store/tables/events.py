"""Events on their way out and in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String

from assignment_engine.store.dialects import id_type, json_type, sequence_type
from assignment_engine.store.tables.columns import count, line, moment, only_where, table

outbox = table(
    "outbox",
    Column("id", sequence_type(), primary_key=True, autoincrement=True),
    Column("event_id", id_type(), nullable=False, unique=True),
    Column("event_type", String(64), nullable=False),
    Column("data", json_type(), nullable=False),
    moment("created_at", required=True),
    # Ids of a sequence are not in the order of commits; a relay numbers committed rows without gaps.
    Column("position", BigInteger, unique=True),
    Column("employee_id", id_type()),
    Index(None, "employee_id", "position"),
    Index(None, "id", **only_where("position IS NULL")),
)

leases = table(
    "leases",
    Column("name", id_type(), primary_key=True),
    line("holder", 128),
    # Counts up with every change of holder: what an older one still writes is refused.
    count("fence"),
    moment("expires_at"),
)

# How far each reader of the outbox has come; the one that gives positions is among them.
cursors = table(
    "cursors",
    Column("name", id_type(), primary_key=True),
    count("position"),
    count("failures"),
    moment("due_at"),
    line("error"),
    moment("updated_at"),
)

# What is older than `kept_from` may have left the database for an archive.
archives = table(
    "archives",
    Column("name", id_type(), primary_key=True),
    moment("kept_from", required=True),
)

inbox = table(
    "inbox",
    Column("event_id", id_type(), primary_key=True),
    Column("event_type", String(64), nullable=False),
    Column("source", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    count("attempts"),
    line("error", 500),
    Column("data", json_type(), nullable=False),
    moment("received_at", required=True),
    moment("finished_at"),
    Index(None, "status", "received_at", "event_id"),
)
