"""A replay is worked off by live dispatch itself, on a clock that is the log's; SQLite, as a replay uses it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.learning.logs.adapter import read_adapter
from assignment_engine.services.replay.compare import HAPPENED, Assumptions, compare
from assignment_engine.services.replay.log import read_work_log
from assignment_engine.services.replay.office import best_by_model, best_score, first_in_first_out
from assignment_engine.services.replay.staff import Staff
from assignment_engine.store.database import Database
from assignment_engine.store.tables import audit_log, task_assignments
from tests.replaying import Diary, at, newest_first

ANYBODY = Assumptions(least=1)


def replayed(diary, policy=None, assumptions=ANYBODY, **options):
    """What came of one policy: rows of item, person, begin and end, without later work."""
    found = compare(diary.read(), [policy or first_in_first_out()], assumptions=assumptions, **options).rows[-1]
    assert found.course.findings == ()
    assert (found.course.failed, found.course.rescued) == (0, 0)
    rows = [(s.item, s.person, s.began, s.ended) for s in found.course.stretches if s.is_first]
    return sorted(rows, key=lambda row: row[2:]), found


def test_first_come_first_served():
    """Ana takes them in the order in which they came: waits of 60, 80 and 130 minutes."""
    rows, found = replayed(newest_first())
    assert rows == [(0, 0, at(9), at(9.5)), (1, 0, at(9.5), at(10.5)), (2, 0, at(10.5), at(11))]
    assert found.measures.waits.mean == pytest.approx(1.5)
    assert found.measures.waits.longest == pytest.approx(130 / 60)
    assert found.measures.utilisation == pytest.approx(1)
    assert found.course.finished == {0, 1, 2}


def test_whoever_is_free_gets_it_when_it_comes():
    """Ben has nothing to do when the second call comes, Ana when the third one does, and again for the fourth."""
    diary = Diary().task("c0", 7, "ben", (8, 8.25)).task("c1", 8.9, "ana", (9, 10))
    diary.task("c2", 9.2, "ana", (10, 10.5)).task("c3", 9.5, "ben", (9.5, 9.75))
    rows, found = replayed(diary, assumptions=Assumptions(least=1, gap_minutes=90))
    assert [row[:2] for row in rows] == [(0, 1), (1, 1), (2, 0), (3, 0)]
    assert [row[2] for row in rows] == pytest.approx([at(8), at(8.9), at(9.2), at(9.7)])
    assert found.measures.waits.mean == pytest.approx((1 + 0 + 0 + 0.2) / 4)


def test_the_best_at_it_gets_it_by_score():
    """Both are free and can do both; by score each gets what they know best, first come or not."""
    diary = Diary()
    for day in range(1, 6):
        diary.task(f"a{day}", 24 * day, "ana", (24 * day + 1, 24 * day + 1.1), kind="call")
        diary.task(f"b{day}", 24 * day, "ben", (24 * day + 1, 24 * day + 1.1), kind="visit")
    diary.task("x", 24, "ana", (26.2, 26.3), kind="visit").task("y", 24, "ben", (26.2, 26.3), kind="call")
    diary.task("c1", 224, "ben", (225, 225.5), kind="visit").task("c2", 224.5, "ana", (225, 225.5), kind="call")
    rows, _ = replayed(diary, best_score())
    names = ["ana", "ben"]
    last = [(diary.read().kinds[diary.read().items[item].kind], names[person]) for item, person, *_ in rows[-2:]]
    assert sorted(last) == [("call", "ana"), ("visit", "ben")]


def test_nobody_gets_what_they_cannot_do():
    """Ana never made a visit: it waits for Ben although she is free."""
    diary = Diary().task("c1", 8, "ana", (9, 9.2)).task("c2", 8, "ana", (10.8, 11))
    diary.task("v", 8, "ben", (10, 10.5), kind="visit")
    rows, _ = replayed(diary, assumptions=Assumptions(least=1, gap_minutes=120))
    assert [(item, person) for item, person, *_ in rows] == [(0, 0), (1, 0), (2, 1)]
    assert rows[-1][2] == at(10)


def test_work_is_handed_on_when_a_shift_ends():
    """Ben leaves at ten with some of it done; Ana does the rest when she comes."""
    diary = Diary().task("c1", 7, "ana", (11, 12)).task("c2", 7.5, "ben", (9.5, 10))
    log = diary.read()
    done = 1800 / Staff(log, least=1).pace(log.items[0], 1)
    rows, found = replayed(diary)
    assert rows[:2] == [(0, 1, at(9.5), at(10)), (0, 0, at(11), pytest.approx(at(11) + 3600 - done))]
    assert rows[2][:2] == (1, 0)
    assert 0 in found.course.finished


def test_later_work_comes_when_it_came():
    """Ana is called away for a quarter of an hour: what she does takes so much longer, and she gets nothing then."""
    diary = Diary().task("c1", 8, "ana", (9, 9.25), (9.5, 9.75)).task("c2", 9.25, "ana", (9.75, 10.25))
    rows, found = replayed(diary)
    assert rows == [(0, 0, at(9), at(9.25)), (1, 0, at(9.25), at(10))]
    assert found.measures.utilisation == pytest.approx(1 / 1.25)
    away = Diary().task("c1", 8, "ana", (9, 9.25), (9.5, 9.75)).task("c2", 9.6, "ana", (10, 10.5))
    rows, _ = replayed(away)
    assert rows == [(0, 0, at(9), at(9.25)), (1, 0, at(9.75), at(10.25))]


def test_who_begins_the_day_with_later_work_gets_nothing_before_it_is_done():
    """The log-in waits until then."""
    diary = Diary().task("c0", -10, "ana", (-9, -8.5), (9, 9.5)).task("c1", 8, "ana", (9.5, 10))
    rows, _ = replayed(diary)
    assert rows[-1] == (1, 0, at(9.5), at(10))


def test_what_came_at_the_moment_of_leaving_was_not_begun():
    """Ana finishes as her shift ends; the next one is Ben's."""
    diary = Diary().task("c1", 8, "ana", (9, 9.5)).task("c2", 8.5, "ben", (10, 10.5))
    rows, found = replayed(diary)
    assert rows == [(0, 0, at(9), at(9.5)), (1, 1, at(10), at(10.5))]
    assert found.course.handed_on == 0


def test_the_engines_own_records_are_on_the_time_of_the_log(tmp_path):
    """Audit and assignments of a replay tell what happened when."""
    replayed(newest_first(), databases=tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'fifo.db'}")
    with database.read() as unit:
        given = unit.connection.execute(select(task_assignments.c.assigned_at, task_assignments.c.completed_at)).all()
        audited = unit.connection.execute(select(audit_log.c.at)).scalars().all()
    assert sorted((a.timestamp(), c.timestamp()) for a, c in given) == [
        (at(9), at(9.5)),
        (at(9.5), at(10.5)),
        (at(10.5), at(11)),
    ]
    assert {moment.timestamp() for moment in audited} == {at(9), at(9.5), at(10.5), at(11)}
    database.dispose()


def test_a_database_is_never_replayed_into_twice(tmp_path):
    """Its tasks would be mixed with those of another replay."""
    replayed(newest_first(), databases=tmp_path)
    with pytest.raises(ConfigurationError, match=r"fifo\.db is there already"):
        replayed(newest_first(), databases=tmp_path)


def test_what_happened_stands_in_front():
    """Each policy is compared with it, on the same shifts."""
    found = compare(newest_first().read(), [first_in_first_out(), best_score()], assumptions=ANYBODY)
    assert [row.policy for row in found.rows] == [HAPPENED, "fifo", "score"]
    assert found.rows[0].measures.waits.mean == pytest.approx(1.5)
    assert found.rows[0].outcome.shifts == found.rows[1].outcome.shifts == found.shifts


def test_a_model_that_cannot_be_used_is_refused(tmp_path):
    """Its row would silently be that of the fallback."""
    with pytest.raises(ConfigurationError, match="no model to replay"):
        best_by_model(tmp_path)


@pytest.mark.slow
def test_processes_change_nothing():
    """Two policies at once come to the same as one after the other."""
    log, policies = newest_first().read(), [first_in_first_out(), best_score()]
    alone = compare(log, policies, assumptions=ANYBODY)
    at_once = compare(log, policies, assumptions=ANYBODY, processes=2)
    assert [row.measures for row in at_once.rows] == [row.measures for row in alone.rows]


@pytest.mark.slow
@pytest.mark.skipif("EVALUATION_DATA" not in os.environ, reason="the log is not there")
def test_a_day_of_the_loan_applications():
    """People begin nearly everything, sooner than it happened, and no invariant of the engine breaks."""
    path = Path(os.environ["EVALUATION_DATA"]) / "bpic2012-loan" / "bpic2012.csv.gz"
    log = read_work_log(path, read_adapter("bpic2012-loan"))
    assert (len(log.items), log.named, log.left_out["tasks that nobody worked on"]) == (26_232, 59, 86)
    days = tuple(datetime(2011, 10, day, tzinfo=UTC).timestamp() for day in (3, 4))
    happened, replay = compare(log, [first_in_first_out()], between=days).rows
    assert (replay.course.findings, replay.course.failed, replay.course.rescued) == ((), 0, 0)
    assert replay.measures.not_begun < happened.measures.not_begun
    assert replay.measures.waits.mean < happened.measures.waits.mean
    assert replay.measures.utilisation <= 1
