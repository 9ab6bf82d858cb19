"""Adapters: columns and a few rules become cases; what does not fit is said with its place."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.learning.logs.adapter import Adapter, read_adapter, shipped_adapters
from assignment_engine.learning.logs.read import read_log
from tests.logs import adapter, small_log

EVENTS = {
    "name": "tickets",
    "kind": "events",
    "reading": {"missing": ["?"], "dates": "%d/%m/%Y %H:%M"},
    "case": {"id": "number", "at": "at"},
    "decision": {
        "first_with_final": ["who", "team"],
        "history_only": [{"column": "state", "one_of": ["Resolved", "Closed"]}],
    },
    "fields": {"person": "who", "department": "team", "category": "kind", "dependencies": "moves"},
    "left": {"first_event": [{"column": "state", "one_of": ["Resolved", "Closed"]}]},
    "outcome": {
        "good": [
            {"column": "in_time", "row": "last", "equals": "true"},
            {"column": "moves", "row": "last", "at_most": {"column": "moves"}},
        ],
        "known": {"first_event": [{"column": "state", "equals": "Closed"}]},
    },
}
ROWS = """number,state,at,who,team,kind,moves,in_time
1,New,1/3/2025 08:00,?,A,net,0,true
1,Active,1/3/2025 09:00,ann,A,net,0,true
1,Active,1/3/2025 10:00,bob,B,net,1,true
1,Resolved,1/3/2025 12:30,bob,B,net,1,true
1,Closed,2/3/2025 10:00,bob,B,net,1,true
2,New,1/3/2025 08:30,ann,A,disk,0,true
2,Active,1/3/2025 09:30,ann,A,disk,1,true
2,Resolved,1/3/2025 11:00,ann,A,disk,1,false
2,Closed,3/3/2025 11:00,ann,A,disk,1,false
3,Resolved,1/3/2025 09:15,bob,B,net,0,true
4,New,1/3/2025 09:20,?,B,net,0,true
"""


def seconds(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()


@pytest.fixture
def tickets(tmp_path):
    path = tmp_path / "tickets.csv"
    path.write_text(ROWS)
    return read_log(path, Adapter(**EVENTS))


def test_the_decision_is_the_first_row_with_the_final_person_and_department(tickets):
    cases, _ = tickets
    assert cases.case_id.tolist() == ["2", "3", "1"]
    assert cases.decided_at.tolist() == [
        seconds(2025, 3, 1, 8, 30),
        seconds(2025, 3, 1, 9, 15),
        seconds(2025, 3, 1, 10),
    ]
    assert [cases.names["person"][code] for code in cases.person] == ["ann", "bob", "bob"]


def test_a_row_that_is_resolved_already_is_history_only(tickets):
    cases, notes = tickets
    assert cases.is_decision.tolist() == [True, False, True]
    assert (notes.cases, notes.without_decision, notes.history_only) == (4, 1, 1)


def test_the_work_leaves_with_its_first_resolved_row_and_hours_count_from_the_decision(tickets):
    cases, _ = tickets
    assert cases.left_at[[0, 2]].tolist() == [seconds(2025, 3, 1, 11), seconds(2025, 3, 1, 12, 30)]
    assert cases.hours[[0, 2]].tolist() == [2.5, 2.5]


def test_a_good_outcome_needs_every_condition_and_is_known_when_closed(tickets):
    """Case 1: in time and not moved after the decision. Case 2: late, and moved. Case 3 never closed."""
    cases, _ = tickets
    assert cases.good[[0, 2]].tolist() == [0.0, 1.0]
    assert cases.outcome_known_at[2] == seconds(2025, 3, 2, 10)
    assert np.isnan(cases.good[1])
    assert np.isinf(cases.outcome_known_at[1])


def test_events_of_one_id_split_where_a_new_piece_of_work_starts():
    rows = pd.DataFrame(
        [
            ("a", "START", "2025-01-01T08:00:00+01:00", "ann"),
            ("a", "COMPLETE", "2025-01-01T09:00:00+01:00", "ann"),
            ("a", "COMPLETE", "2025-01-01T09:30:00+01:00", "ann"),
            ("a", "START", "2025-01-02T08:00:00Z", "bob"),
            ("a", "COMPLETE", "2025-01-02T08:45:00Z", "bob"),
            ("b", "COMPLETE", "2025-01-02T10:00:00Z", "bob"),
        ],
        columns=["id", "step", "at", "who"],
    )
    found, notes = read_log(
        rows,
        Adapter(
            name="steps",
            kind="events",
            case={"id": "id", "at": "at", "starts": [{"column": "step", "equals": "START"}]},
            fields={"person": "who", "category": "id"},
            left={"first_event": [{"column": "step", "equals": "COMPLETE"}]},
        ),
    )
    assert found.hours.tolist() == [1.0, 0.75]
    assert found.decided_at[0] == seconds(2025, 1, 1, 7)
    assert notes.cases == 2


def test_working_hours_become_calendar_days():
    """Nine hours at seven a day are two working days, 2 · 7/5 = 2.8 days; the completion date is earlier only once."""
    rows = pd.DataFrame(
        {
            "id": ["a", "b"],
            "given": ["2025-01-01", "2025-01-01"],
            "started": ["2025-01-03", None],
            "done": ["2025-02-01", "2025-01-02"],
            "hours": ["9", "9"],
            "who": ["x", "y"],
            "kind": ["k", "k"],
        }
    )
    work_end = {"latest": ["started", "given"], "plus": {"hours": "hours", "per_day": 7, "days_per_week": 5}}
    rule = adapter(
        fields={"person": "who", "category": "kind"},
        context={},
        left={"earliest": ["done", work_end]},
        outcome=None,
    )
    cases, _ = read_log(rows, rule)
    assert cases.left_at.tolist() == [seconds(2025, 1, 3) + 2.8 * 86400, seconds(2025, 1, 2)]


def test_a_joined_file_adds_its_columns(tmp_path):
    log = small_log(1, 5)
    log.drop(columns="given").to_csv(tmp_path / "tasks.csv", index=False)
    log[["id", "given"]].sample(frac=1.0, random_state=1).to_csv(tmp_path / "dates.csv", index=False)
    joined = adapter(reading={"join": [{"file": "dates.csv", "on": "id"}]})
    cases, _ = read_log(tmp_path / "tasks.csv", joined)
    direct, _ = read_log(log, adapter())
    assert cases.decided_at.tolist() == direct.decided_at.tolist()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"equals": "3"}, [False, True, False]),
        ({"equals": 3}, [False, True, False]),
        ({"is_not": "3"}, [True, False, False]),
        ({"one_of": ["1", "3"]}, [True, True, False]),
        ({"none_of": ["1"]}, [False, True, False]),
        ({"at_least": 1, "below": 3}, [True, False, False]),
        ({"above": {"column": "other"}}, [False, True, False]),
        ({"matches": "^[0-2]$"}, [True, False, False]),
        ({"present": False}, [False, False, True]),
    ],
)
def test_conditions_keep_rows(condition, expected):
    rows = pd.DataFrame({"id": list("abc"), "at": ["2025-01-01"] * 3, "who": "x", "n": ["1", "3", None], "other": "2"})
    rule = Adapter(
        name="n",
        kind="tasks",
        case={"id": "id"},
        decision={"at": "at", "where": [{"column": "n", **condition}]},
        fields={"person": "who", "category": "other"},
    )
    if not any(expected):
        return
    cases, _ = read_log(rows, rule)
    assert cases.case_id.tolist() == [name for name, kept in zip("abc", expected, strict=True) if kept]


@pytest.mark.parametrize("name", shipped_adapters())
def test_shipped_adapters_can_be_read_by_name(name):
    assert read_adapter(name).name == name


def test_the_smallest_adapter_of_the_documentation_reads_a_log():
    page = (Path(__file__).parents[2] / "docs" / "your-own-log.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    log = small_log(1, 20).rename(columns={"id": "ticket", "given": "assigned_on", "who": "assignee", "kind": "type"})
    cases, _ = read_log(log, Adapter(**tomllib.loads(text)))
    assert cases.is_decision.sum() == 20
    assert np.isinf(cases.left_at).all()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"fields": {"person": "who"}}, "/fields/category"),
        ({"kind": "rows"}, "/kind"),
        ({"candidates": {"cap": 1}}, "/candidates/cap"),
        ({"left": {"column": "a", "latest": ["b"]}}, "/left"),
        ({"outcome": {"good": [{"column": "a"}]}}, "/outcome/good/0"),
        ({"decision": {}}, ""),
        ({"context": {"mood": "customer"}}, ""),
        ({"left": {"first_event": [{"column": "hours", "present": True}]}}, ""),
        ({"left": None}, ""),
        ({"left": None, "outcome": None}, ""),
    ],
)
def test_a_wrong_entry_is_named(changes, pointer):
    with pytest.raises(InvalidInputError) as caught:
        adapter(**changes)
    assert caught.value.errors[0].pointer == pointer


def test_a_column_that_the_log_lacks_is_named_with_its_entry():
    with pytest.raises(InvalidInputError, match="no column 'hours'") as caught:
        read_log(small_log(1, 5).drop(columns="hours"), adapter())
    assert caught.value.errors[0].pointer in {"/hours/column", "/outcome/good/0/column"}


def test_a_column_that_a_file_lacks_is_named_beside_its_whole_header(tmp_path):
    path = tmp_path / "tickets.csv"
    path.write_text(ROWS.replace("kind,", "sort,", 1))
    with pytest.raises(InvalidInputError, match="no column 'kind'; it has number, state, at, who, team, sort, moves"):
        read_log(path, Adapter(**EVENTS))


def test_times_in_another_form_are_refused():
    log = small_log(1, 5).assign(given="01.02.2025")
    with pytest.raises(InvalidInputError, match="expected times as ISO 8601"):
        read_log(log, adapter())


def test_a_log_without_a_decision_is_refused():
    with pytest.raises(InvalidInputError, match="no case has a decision"):
        read_log(small_log(1, 5).assign(who=None), adapter())


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot read"):
        read_log(tmp_path / "none.csv", adapter())
    with pytest.raises(InvalidInputError, match="cannot read the adapter"):
        read_adapter("nowhere")
