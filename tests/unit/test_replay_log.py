"""Reading a log as a queue."""

from __future__ import annotations

import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import Priority
from assignment_engine.learning.logs.adapter import Adapter
from assignment_engine.services.replay.log import NO_ITEM, read_work_log
from tests.replaying import EVENTS, Diary, adapter, at, newest_first


def test_items_are_numbered_by_arrival():
    """Each has who began it and how long that took."""
    log = newest_first().read()
    assert [item.arrived for item in log.items] == pytest.approx([at(8), at(8 + 1 / 6), at(8 + 1 / 3)])
    assert [item.seconds for item in log.items] == [1800, 3600, 1800]
    assert [item.number for item in log.items] == [0, 1, 2]
    assert (log.people, log.kinds, log.named) == (("ana",), ("call",), 1)
    assert log.end == at(11)


def test_only_the_first_work_is_what_a_task_waited_for():
    """What follows is later work."""
    log = Diary().task("c1", 8, "ana", (9, 10), (11, 11.5)).read()
    assert log.items[0].seconds == 3600
    assert [(s.began, s.ended, s.is_first) for s in log.stretches] == [
        (at(9), at(10), True),
        (at(11), at(11.5), False),
    ]


def test_a_case_may_come_again():
    """Each arrival is a task of its own; work that began before the second one belongs to the first."""
    diary = Diary().line(8, "c1", "come").line(9, "c1", "begin", "ana").line(9.5, "c1", "come")
    diary.line(10, "c1", "end", "ana").line(11, "c1", "begin", "ben").line(12, "c1", "end", "ben")
    log = diary.read()
    assert [(item.arrived, item.seconds) for item in log.items] == [(at(8), 3600), (at(9.5), 3600)]
    assert [log.people[item.person] for item in log.items] == ["ana", "ben"]


def test_work_that_stayed_open_counts_as_the_longest():
    """Nobody works for a night."""
    work = {**EVENTS["work"], "longest_hours": 2}
    log = Diary().task("c1", 8, "ana", (9, 33)).read(work=work)
    assert log.items[0].seconds == 7200


def test_what_is_left_out_is_counted():
    """Rows that say nothing about work on a task that came."""
    diary = Diary().task("good", 8, "ana", (9, 10)).task("idle", 8, None)
    diary.line(9, "early", "begin", "ana").line(9, "good", "end", "ana").line(11, "good", "begin", "ana")
    diary.line(8, "left", "come", other="out")
    keep = [{"column": "other", "none_of": ["out"]}]
    rows = diary.frame()
    rows["other"] = rows["other"].fillna("in")
    log = read_work_log(rows, adapter(case={"id": "case", "at": "at", "keep": keep}))
    assert log.left_out == {
        "begins of nothing that had come": 1,
        "ends without a begin": 1,
        "begins without an end": 1,
        "tasks that nobody worked on": 1,
        "rows that the adapter does not keep": 1,
    }


def test_work_without_a_name_is_that_of_as_few_people_as_could_have_done_it():
    """Two at once need two; a third, later, needs nobody new."""
    diary = Diary().task("c1", 8, None, (9, 10)).task("c2", 8, None, (9.5, 11)).task("c3", 8, None, (10, 10.5))
    log = diary.task("c4", 8, "ana", (9, 10)).read()
    assert (log.people, log.named) == (("ana", "nameless 1", "nameless 2"), 1)
    assert [log.people[item.person] for item in log.items] == ["nameless 1", "nameless 2", "nameless 1", "ana"]


def test_a_part_of_a_log_keeps_the_work_on_other_tasks():
    """People were busy with it, but nobody waits for it."""
    log = newest_first().read().between(at(8 + 1 / 6), at(10))
    assert len(log.items) == 2
    assert [(s.item, s.is_first, s.ended) for s in log.stretches] == [(1, True, at(9.5)), (0, True, at(10))]
    later = newest_first().read().between(at(8 + 1 / 6), at(11))
    assert [(s.item, s.is_first) for s in later.stretches] == [(1, True), (0, True), (NO_ITEM, False)]


def test_an_empty_part_is_refused():
    """No task came then."""
    with pytest.raises(InvalidInputError, match="no task"):
        newest_first().read().between(at(12), at(13))


TASKS = {
    "name": "desk",
    "kind": "tasks",
    "case": {"id": "id"},
    "decision": {"at": "given"},
    "fields": {"person": "who", "category": "kind", "priority": "urgency", "deadline": "due"},
    "priorities": {"now": 4, "whenever": 1},
    "work": {"arrives": "given", "begins": "start", "ends": "stop"},
}


def test_a_log_with_a_row_for_each_task_names_columns():
    """Priority and deadline are taken over."""
    rows = pd.DataFrame(
        {
            "id": ["a", "b"],
            "given": ["2025-03-03T08:00:00Z", "2025-03-03T08:30:00Z"],
            "start": ["2025-03-03T09:00:00Z", "2025-03-03T10:00:00Z"],
            "stop": ["2025-03-03T10:00:00Z", "2025-03-03T10:30:00Z"],
            "who": ["ana", "ben"],
            "kind": ["call", "visit"],
            "urgency": ["now", "?"],
            "due": ["2025-03-03T12:00:00Z", None],
        }
    )
    log = read_work_log(rows, Adapter(**TASKS))
    assert [(i.priority, i.deadline) for i in log.items] == [(Priority.CRITICAL, at(12)), (Priority.MEDIUM, None)]
    assert [(s.person, s.began, s.ended) for s in log.stretches] == [(0, at(9), at(10)), (1, at(10), at(10.5))]


def test_columns_and_conditions_are_not_mixed_up():
    """A log of tasks has columns, a log of events conditions."""
    with pytest.raises(InvalidInputError, match="work names columns"):
        adapter(work={"arrives": "given", "begins": "start", "ends": "stop"})


def test_an_adapter_without_work_is_refused():
    """The pointer names what is missing."""
    with pytest.raises(InvalidInputError) as caught:
        newest_first().read(work=None)
    assert caught.value.errors[0].pointer == "/work"


def test_a_log_on_which_nobody_worked_is_refused():
    """There is nothing to replay."""
    with pytest.raises(InvalidInputError, match="nobody worked"):
        Diary().task("c1", 8, None).read()
