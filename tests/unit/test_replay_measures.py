"""Measuring what came of a log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assignment_engine.services.replay.measures import Outcome
from assignment_engine.services.replay.staff import shifts_of
from tests.replaying import Diary, at, newest_first


def outcome_of(log, gap=3600.0, **changes):
    return replace(Outcome(log.items, log.stretches, shifts_of(log.stretches, gap), log.end, log.named), **changes)


def test_waits_end_when_somebody_begins():
    """150, 80 and 40 minutes."""
    found = outcome_of(newest_first().read()).measured()
    assert (found.waits.mean, found.waits.median, found.waits.longest) == pytest.approx((1.5, 4 / 3, 2.5))
    assert found.waits.p90 == pytest.approx(4 / 3 + 0.8 * (2.5 - 4 / 3))
    assert (found.tasks, found.not_begun, found.same_person, found.late) == (3, 0, 1, None)


def test_what_nobody_began_waits_until_the_end():
    """It is not left out, which would flatter."""
    log = newest_first().read()
    found = outcome_of(log, stretches=[s for s in log.stretches if s.item != 0]).measured()
    assert (found.not_begun, found.waits.longest) == (1, pytest.approx(3))


def test_work_on_two_tasks_at_once_counts_once():
    """Two hours of four."""
    diary = Diary().task("c1", 8, "ana", (9, 10.5)).task("c2", 8, "ana", (10, 11)).task("c3", 8, "ana", (12.5, 13))
    found = outcome_of(diary.read(), gap=2 * 3600).measured()
    assert found.hours_worked == pytest.approx(2.5)
    assert found.utilisation == pytest.approx(2.5 / 4)


def test_load_spread_is_over_those_who_were_there():
    """Three hours and one: Gini 1/4; both are always busy."""
    found = outcome_of(Diary().task("c1", 8, "ana", (9, 12)).task("c2", 8, "ben", (9, 10)).read()).measured()
    assert (found.gini_hours, found.gini_utilisation) == (pytest.approx(0.25), pytest.approx(0))


def test_a_nameless_person_is_nobody_to_be_compared_with():
    """The share is of tasks that have a name."""
    log = Diary().task("c1", 8, "ana", (9, 10)).task("c2", 8, None, (9, 10)).task("c3", 8, "ben", (9, 10)).read()
    everything_by_ana = [replace(stretch, person=0) for stretch in log.stretches]
    assert outcome_of(log, stretches=everything_by_ana).measured().same_person == pytest.approx(0.5)


def test_late_is_whoever_ended_after_the_deadline():
    """One ends an hour after it, one in time, one never ended: four hours until the end."""
    log = Diary().task("c1", 8, "ana", (9, 10)).task("c2", 8, "ben", (9, 10)).task("c3", 8, "eve", (12, 13)).read()
    items = [replace(item, deadline=at(9 if item.number != 1 else 10)) for item in log.items]
    found = outcome_of(log, items=items, finished={0, 1}).measured()
    assert found.late == pytest.approx(2 / 3)
    assert found.mean_hours_late == pytest.approx((1 + 0 + 4) / 3)
