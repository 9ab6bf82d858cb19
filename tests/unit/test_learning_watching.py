"""What the detector would have seen of a log: learned before the test begins, measured after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assignment_engine.learning.logs.evaluate import evaluate_log, tables_of
from assignment_engine.learning.logs.read import read_log
from assignment_engine.learning.logs.replay import replay
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.logs.watching import _by_rule, _learned, watch_of, watching_tables
from tests.logs import adapter, small_log

LOG = small_log(4, 1500)
ELAPSED = adapter(hours={"until": "done"}, fields={"person": "who", "category": "kind"}, outcome=None)


@pytest.fixture(scope="module")
def report():
    return evaluate_log(LOG, ELAPSED, seeds=(1,), tables=("detector",))


def test_expected_ends_are_as_safe_as_they_say(report):
    rows = report.content["expected"]["rows"]
    for way in ("plain rule", "ETA"):
        assert rows[f"{way}, at the assignment"]["coverage_p50"] == pytest.approx(0.5, abs=0.1)
        assert rows[f"{way}, at the assignment"]["coverage_p90"] == pytest.approx(0.9, abs=0.06)
    assert rows["ETA, p50 has passed"]["share"] == pytest.approx(0.5, abs=0.1)
    assert rows["ETA, p50 has passed"]["coverage_p90"] == pytest.approx(0.9, abs=0.1)


def test_later_alarms_are_right_more_often_and_leave_less_time(report):
    rows = report.content["late"]["rows"]
    passed = [rows[f"{share} of the time has passed"] for share in ("50%", "75%", "90%")]
    assert sorted(row["precision"] for row in passed) == [row["precision"] for row in passed]
    assert [row["lead"] for row in passed] == pytest.approx([0.5, 0.25, 0.1])
    assert all(row["recall"] == 1.0 for row in passed)
    assert rows["passed time, as precise as that"]["precision"] >= rows["ETA, chance 1/3"]["precision"]
    assert rows["ETA, chance 1/3"]["recall"] > 0.9


def test_the_slowest_are_found_with_few_false_alarms(report):
    rows = report.content["stuck"]["rows"]
    assert rows["2 × median of its kind"]["recall"] == 1.0
    assert rows["ETA: detector"]["precision"] > 2.0 * rows["2 × median of its kind"]["precision"]


def test_the_tables_can_be_read(report):
    shown = tables_of(report)
    assert "ETA, chance 1/3" in shown
    assert "lead_hours" in shown


def watched(scale: float):
    """The log with the hours of everything that ends after the test begins longer by a factor."""
    cases, _ = read_log(LOG, ELAPSED)
    slices = Slices.of(cases)
    replayed = replay(cases, ELAPSED, ()).actual
    late = cases.hours_known_at >= slices.test_start
    hours = np.where(late, scale * cases.hours, cases.hours)
    known = np.where(late, cases.decided_at + hours * 3600.0, cases.hours_known_at)
    changed = replace(cases, hours=hours, hours_known_at=known)
    return watch_of(Replayed(**{**vars(replayed), "cases": changed}), slices)


def test_nothing_is_learned_from_what_was_not_known_yet():
    once, other = watched(1.0), watched(7.0)
    assert not np.allclose(once.hours, other.hours)
    for tell in (_by_rule, lambda watch: _learned(watch, 1)):
        one, two = tell(once), tell(other)
        assert np.array_equal(one.p90, two.p90)
        assert np.array_equal(one.shape.knots, two.shape.knots)
    assert np.array_equal(once.deadline, other.deadline)


def test_a_log_with_little_finished_work_has_no_tables():
    cases, _ = read_log(small_log(5, 120), ELAPSED)
    found = watching_tables(replay(cases, ELAPSED, ()), Slices.of(cases), seeds=(1,))
    assert found["expected"]["rows"] == {}
