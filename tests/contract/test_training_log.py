"""The training log as decisions to learn from, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.services.dispatch import work
from assignment_engine.services.dispatch.exploration import Exploration
from assignment_engine.services.planning import SchedulerService
from assignment_engine.services.training_log import drawn, logged_dataset, training_frame
from assignment_engine.store.database import Database
from tests.dispatching import Office

BOSS = Actor("boss")


@pytest.fixture
def office(database: Database) -> Office:
    """Ana and Bo, one of whom is better at each task."""
    found = Office(database)
    people = (("ana", "python", 2.0), ("bo", "sql", 6.0))
    found.has(*(Employee(employee_id=n, skills={s: 1.0}, experience_years=y, department="it") for n, s, y in people))
    return found


def frame_of(office: Office, **options: object) -> pd.DataFrame:
    with office.database.read() as unit:
        return training_frame(unit, **options)  # type: ignore[arg-type]


def made(office: Office, **options: object) -> pd.DataFrame:
    """The pairs that were chosen, by task."""
    frame = frame_of(office, **options)
    return frame[frame.chosen == 1].set_index("task_id")


def given(office: Office, *tasks: Task) -> None:
    """Each goes to Ana at once, alone in the queue."""
    for task in tasks:
        office.submit(task)


def test_the_frame_has_the_documented_columns_even_when_nothing_is_logged(office: Office) -> None:
    frame = frame_of(office)
    assert frame.empty
    assert {"decision_id", "decided_at", "outcome", "known_at", "chosen", "propensity", *FEATURE_NAMES} <= {*frame}
    with office.database.read() as unit:
        assert len(logged_dataset(unit)) == 0


def test_only_finished_work_has_an_outcome_and_the_time_it_was_known(office: Office) -> None:
    office.login("ana")
    late = office.now() - timedelta(hours=1)
    soon = office.now() + timedelta(hours=9)
    given(office, Task(task_id="in-time"))
    office.complete("in-time", "ana")
    given(office, Task(task_id="late", deadline=late))
    office.complete("late", "ana")
    given(office, Task(task_id="failed"))
    (active,) = office.heartbeat("ana").assignments
    office.run(lambda unit: work.fail(unit, office.dispatcher, active.id, BOSS, "broken"))
    given(office, Task(task_id="going-on", deadline=soon))
    found = made(office)
    assert found.outcome.dropna().to_dict() == {"in-time": "good", "late": "bad", "failed": "bad"}
    assert found.known_at.notna().to_dict() == {"in-time": True, "late": True, "failed": True, "going-on": False}
    assert (found.known_at.dropna() >= found.decided_at[found.known_at.notna()]).all()
    assert found.deadline.notna().to_dict() == {"in-time": False, "late": False, "failed": False, "going-on": True}
    with office.database.read() as unit:
        assert len(logged_dataset(unit).judged) == 3


def test_work_that_goes_on_after_its_deadline_is_bad_from_there_on(office: Office) -> None:
    """In what is learned from; the log itself waits for the end."""
    office.login("ana")
    given(office, Task(task_id="t", deadline=office.now() - timedelta(hours=1)))
    assert pd.isna(made(office).loc["t"].outcome)
    with office.database.read() as unit:
        found = logged_dataset(unit).judged
    assert found.good.tolist() == [0.0]
    assert found.known_at.tolist() == found.decided_at.tolist()


def test_released_work_never_has_an_outcome_whatever_its_deadline(office: Office) -> None:
    office.login("ana")
    given(office, Task(task_id="t", deadline=office.now() - timedelta(hours=1)))
    office.logout("ana")
    row = made(office).loc["t"]
    assert pd.isna(row.outcome)
    assert pd.isna(row.deadline)


def test_reopened_work_is_bad_from_the_moment_of_reopening(office: Office) -> None:
    office.login("ana")
    given(office, Task(task_id="t"))
    office.complete("t", "ana")
    before = made(office).loc["t"]
    office.logout("ana")
    office.run(lambda unit: work.reopen(unit, office.dispatcher, "t", BOSS))
    after = made(office).loc["t"]
    assert (before.outcome, after.outcome) == ("good", "bad")
    assert after.known_at > before.known_at


def test_the_others_of_a_decision_stand_beside_the_chosen_pair(office: Office) -> None:
    office.gets(Task(task_id="a", required_skills={"sql": 1.0}), Task(task_id="b", required_skills={"python": 1.0}))
    office.login("ana")
    frame = frame_of(office)
    assert frame.decision_id.nunique() == 1
    assert sorted(zip(frame.task_id, frame.chosen, strict=True)) == [("a", 0), ("b", 1)]
    assert dict(zip(frame.task_id, frame.skill_match, strict=True)) == {"a": 0.0, "b": 1.0}
    assert frame_of(office, candidates=False).task_id.tolist() == ["b"]


def test_the_newest_decisions_come_in_the_order_of_time(office: Office) -> None:
    office.login("ana")
    for number in range(4):
        given(office, Task(task_id=f"t{number}"))
        office.complete(f"t{number}", "ana")
    whole = made(office)
    assert whole.index.tolist() == ["t0", "t1", "t2", "t3"]
    assert made(office, most=2).index.tolist() == ["t2", "t3"]
    assert made(office, since=whole.decided_at["t2"].to_pydatetime()).index.tolist() == ["t3"]


def test_a_plan_is_logged_without_a_made_up_propensity(office: Office) -> None:
    scheduler = SchedulerService(office.database, office.core)
    office.gets(Task(task_id="t"))
    scheduler.finalize_assignments(scheduler.preview_assignments().preview_id)
    with office.database.read() as unit:
        data = logged_dataset(unit)
    assert np.isnan(data.propensity).all()
    assert not data.by_human.any()
    assert drawn(data) is data


def test_where_lots_are_drawn_the_log_says_how_likely_each_choice_was(office: Office) -> None:
    """The person and the better task stay the same; of two equal tasks either can come first."""
    office.dispatcher = replace(office.dispatcher, exploration=Exploration(0.5))
    equal = [Task(task_id=name, required_skills={"python": 1.0}) for name in ("a", "b")]
    office.gets(*equal, Task(task_id="c", required_skills={"sql": 1.0}))
    office.login("ana")
    frame = frame_of(office).set_index("task_id")
    (chosen,) = frame.index[frame.chosen == 1]
    assert chosen in ("a", "b")
    assert sorted(frame.propensity.dropna()) == [0.25, 0.75]
    assert np.isnan(frame.propensity["c"])
    with office.database.read() as unit:
        data = logged_dataset(unit)
    assert sorted(drawn(data).propensity) == [0.25, 0.75]
    assert office.findings() == []


def test_what_a_person_decides_by_hand_is_logged_as_a_choice(office: Office) -> None:
    """Beside everybody who could have had it; whoever is given it is there whatever the rules say."""
    office.has(Employee(employee_id="full", max_workload=0.0), Employee(employee_id="gone", availability_status="away"))
    tasks = [Task(task_id=name, title="Work", required_skills={"sql": 1.0}) for name in ("a", "b")]
    office.run(lambda unit: unit.tasks.add(tasks, unit.now()))
    for task_id, person in (("a", "ana"), ("b", "gone")):
        office.run(lambda unit, i=task_id, to=person: work.assign(unit, i, to, BOSS, dispatcher=office.dispatcher))
    frame = frame_of(office)
    assert set(frame.decided_by) == {"human"}
    found = {
        task_id: dict(zip(rows.employee_id, rows.chosen, strict=True)) for task_id, rows in frame.groupby("task_id")
    }
    assert found == {"a": {"ana": 1, "bo": 0}, "b": {"ana": 0, "bo": 0, "gone": 1}}
    ranks = {row.task_id: (row.rank, row.propensity, row.arm) for row in office.training()}
    assert ranks == {"a": (2, None, None), "b": (2, None, None)}
    assert office.findings() == []


def test_a_model_that_is_broken_does_not_stop_a_person_from_deciding(office: Office) -> None:
    office.break_the_scorer()
    office.run(lambda unit: unit.tasks.add([Task(task_id="t", title="Work")], unit.now()))
    office.run(lambda unit: work.assign(unit, "t", "ana", BOSS, dispatcher=office.dispatcher))
    assert office.holder("t") == "ana"
    assert office.training() == []
