"""Logged decisions, from which models learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy.engine import Connection

from assignment_engine.domain.stored import TrainingRow
from assignment_engine.store.rows import Values, insert_rows
from assignment_engine.store.tables import ml_training_data


class Training:
    """The training log; outcomes are filled in when they are known."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[TrainingRow]) -> None:
        insert_rows(self._connection, ml_training_data, [training_values(row) for row in rows])


def training_values(logged: TrainingRow) -> Values:
    """The columns of a logged decision."""
    values: Values = {field.name: getattr(logged, field.name) for field in fields(logged)}
    candidates = None if logged.candidates is None else [dict(candidate) for candidate in logged.candidates]
    return {**values, "features": dict(logged.features), "candidates": candidates}
