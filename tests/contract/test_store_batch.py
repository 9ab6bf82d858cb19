"""Writes that are sent together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from assignment_engine.domain.errors import DatabaseError
from assignment_engine.store.batch import MOST_AT_ONCE, Batch
from assignment_engine.store.tables import alerts, employees

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)


def _row(number: int, **values: object) -> dict[str, object]:
    ids = {"alert_id": f"a{number}", "kind": "k", "severity": "info", "subject": "s", "standing": None}
    return {**ids, "reason": "r", "raised_at": NOW, "cleared_at": None, **values}


def _reasons(database) -> dict[str, str]:
    with database.read() as unit:
        rows = unit.connection.execute(select(alerts.c.alert_id, alerts.c.reason)).all()
        return {row.alert_id: row.reason for row in rows}


@pytest.mark.parametrize("count", [1, 3, MOST_AT_ONCE + 1])
def test_values_arrive_as_they_are(database, count):
    """Quotes, percent signs, semicolons, signs of other scripts and moments are written as given, however many."""
    text = "100 % of 'them'; DROP TABLE alerts; -- %(x)s \\ ☂ 木\n"

    def write(unit):
        batch = Batch(unit.connection)
        batch.insert(alerts, [_row(n, reason=f"{text}{n}") for n in range(count)])
        batch.flush()
        batch.flush()

    database.run(write)
    assert _reasons(database) == {f"a{n}": f"{text}{n}" for n in range(count)}
    with database.read() as unit:
        assert set(unit.connection.execute(select(alerts.c.raised_at)).scalars()) == {NOW}


def test_writes_keep_their_order(database):
    """A later statement sees what an earlier one did."""

    def write(unit):
        batch = Batch(unit.connection)
        batch.insert(alerts, [_row(1)])
        batch.update(alerts, [("a1", {"reason": "changed"})])
        batch.flush()

    database.run(write)
    assert _reasons(database) == {"a1": "changed"}


def test_json_is_written_as_json(database):
    """Structures and None keep their meaning."""
    values = {"queues": ["a", "b'c"], "skills": None, "availability_status": "available"}
    stamps = {"created_at": NOW, "updated_at": NOW}

    def write(unit):
        batch = Batch(unit.connection)
        batch.insert(employees, [{"employee_id": "ana", **values, **stamps}])
        batch.flush()

    database.run(write)
    with database.read() as unit:
        row = unit.connection.execute(select(employees)).one()
        assert (row.queues, row.skills) == (["a", "b'c"], None)


def test_what_the_database_refuses_is_the_engines_error(database):
    """One bad row undoes them all, and its values are not in the message."""

    def write(unit):
        batch = Batch(unit.connection)
        batch.insert(alerts, [_row(1, reason="secret"), _row(1, reason="secret")])
        batch.flush()

    with pytest.raises(DatabaseError) as caught:
        database.run(write)
    assert "secret" not in str(caught.value)
    assert _reasons(database) == {}
