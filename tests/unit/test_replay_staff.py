"""What a log shows of its people."""

from __future__ import annotations

import pytest

from assignment_engine.services.replay.staff import Shift, Staff, appointments_of, shifts_of
from tests.replaying import Diary, at


def test_a_shift_ends_where_no_work_follows_within_the_gap():
    """Overlapping work makes one shift; a long pause ends it."""
    diary = Diary().task("c1", 8, "ana", (9, 11)).task("c2", 8, "ana", (10, 10.5)).task("c3", 8, "ana", (12, 13))
    stretches = diary.task("c4", 8, "ben", (9, 10)).read().stretches
    assert shifts_of(stretches, 3600) == (Shift(0, at(9), at(13)), Shift(1, at(9), at(10)))
    assert shifts_of(stretches, 3599) == (
        Shift(0, at(9), at(11)),
        Shift(1, at(9), at(10)),
        Shift(0, at(12), at(13)),
    )


def test_later_work_within_a_minute_is_one_piece():
    """Only later work is an appointment."""
    minute = 1 / 60
    log = Diary().task("c1", 8, "ana", (9, 10), (11, 11.5), (11.5 + minute, 12), (12.1, 12.2)).read()
    assert appointments_of(log.stretches) == (Shift(0, at(11), at(12)), Shift(0, at(12.1), at(12.2)))


def test_who_did_it_often_enough_can_do_it():
    """The level of skill is n / (n + 20)."""
    diary = Diary()
    for number in range(5):
        diary.task(f"c{number}", 8, "ana", (9 + number, 9.5 + number))
    log = diary.task("d", 8, "ben", (9, 10)).read()
    assert Staff(log, least=5).levels(0) == {0: 5 / 25}
    assert Staff(log, least=5).levels(1) == {}
    assert Staff(log, least=1).levels(1) == {0: 1 / 21}


def test_where_nobody_did_it_so_often_the_most_frequent_can():
    """Otherwise a rare kind of work would wait for ever."""
    log = Diary().task("c1", 8, "ana", (9, 10), (11, 12)).task("c2", 8, "ben", (9, 10)).read()
    staff = Staff(log, least=5)
    assert (staff.levels(0), staff.levels(1)) == ({0: 2 / 22}, {})


def test_the_pace_compares_means_drawn_towards_the_usual():
    """Ana takes one hour, Ben two, everybody one and a half in the mean."""
    diary = Diary()
    for number in range(10):
        diary.task(f"a{number}", 8, "ana", (9, 10)).task(f"b{number}", 8, "ben", (9, 11))
    log = diary.read()
    staff = Staff(log)
    (of_ana,) = [item for item in log.items if item.person == 0][:1]
    assert staff.pace(of_ana, 0) == 1
    usual = (10 * 3600 + 10 * 7200 + 1) / 21  # everybody's mean, drawn towards a second as if by one more
    expected = ((10 * 7200 + 10 * usual) / 20) / ((10 * 3600 + 10 * usual) / 20)
    assert staff.pace(of_ana, 1) == pytest.approx(expected)


def test_usual_hours_are_the_mean_of_the_first_work():
    """Half an hour and one and a half."""
    log = Diary().task("c1", 8, "ana", (9, 9.5), (14, 18)).task("c2", 8, "ana", (10, 11.5)).read()
    assert Staff(log).usual_hours(0) == 1
