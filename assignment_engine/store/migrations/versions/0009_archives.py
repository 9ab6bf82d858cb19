"""From when on everything is still in the database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import UtcDateTime, id_type

revision = "0009"
down_revision = "0008"

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "archives",
        sa.Column("name", id_type(), nullable=False),
        sa.Column("kept_from", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_archives"),
        **_MARIADB,
    )
