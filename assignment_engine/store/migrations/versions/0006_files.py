"""Reference files, and what processing a file took."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from assignment_engine.store.dialects import UtcDateTime, id_type

revision = "0006"
down_revision = "0005"

_MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "reference_files",
        sa.Column("reference_id", id_type(), nullable=False),
        sa.Column("uc_type", sa.String(length=16), nullable=False),
        sa.Column("file_path", sa.String(length=1024), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference_id", name="pk_reference_files"),
        **_MARIADB,
    )
    op.create_index("ix_reference_files_uc_type_is_active", "reference_files", ["uc_type", "is_active"], unique=True)
    op.create_table(
        "file_processing_metrics",
        sa.Column("job_id", id_type(), nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("row_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("issues_found", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("processing_time_seconds", sa.Double(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job_records.job_id"], name="fk_file_processing_metrics_job_id"),
        sa.PrimaryKeyConstraint("job_id", name="pk_file_processing_metrics"),
        **_MARIADB,
    )
    op.create_index("ix_file_processing_metrics_created_at", "file_processing_metrics", ["created_at"], unique=False)
