"""Candidates as columns, and as rows again."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.domain.sampled import as_columns, as_rows

VALUES = st.sampled_from([0.0, 0.5, 1.0, float("nan")])


@given(st.lists(st.tuples(st.text(max_size=3), VALUES, VALUES), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_rows_come_back_from_json_as_they_were(rows):
    people, first, second = (list(column) for column in zip(*rows, strict=True))
    logged = as_columns({"employee_id": people, "score": [0.5] * len(people)}, {"a": first, "b": second})
    found = as_rows(json.loads(json.dumps(logged)))
    values = [(None if a != a else a, None if b != b else b) for _, a, b in rows]  # noqa: PLR0124
    assert [(row["features"]["a"], row["features"]["b"]) for row in found] == values
    assert [row["employee_id"] for row in found] == people


def test_what_all_have_is_written_once():
    logged = as_columns({"task_id": ["t", "t"], "score": [0.5, 0.25]}, {"priority": [2.0, 2.0]})
    assert logged == {"count": 2, "task_id": "t", "score": [0.5, 0.25], "features": {"priority": 2.0}}


def test_rows_of_older_logs_are_read_as_they_are():
    old = [{"task_id": "t", "employee_id": "ana", "features": {"priority": 2.0}}]
    assert as_rows(old) == old
    assert as_rows(None) == []
