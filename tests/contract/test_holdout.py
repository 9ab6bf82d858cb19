"""A part of the tasks is held out: the control policy decides about them, in plans and live, within all rules."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.verify import verify
from assignment_engine.cli import main
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.holdout import Holdout
from assignment_engine.domain.records import Employee, Task
from assignment_engine.domain.types import Arm
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.protocol import ScoreRow
from assignment_engine.services.candidates import candidates
from assignment_engine.services.dispatch.exploration import Exploration
from assignment_engine.services.planning import SchedulerService
from assignment_engine.services.training_log import training_frame
from assignment_engine.store.database import Database
from tests.databases import opened
from tests.dispatching import Office

HALF = Holdout(0.5, "spring")


class Contrary(WeightedFallback):
    """A model that likes whoever the fallback likes least, on a scale of its own."""

    def prepare(self, pairs, loads):
        inner = super().prepare(pairs, loads)

        class Scores:
            def row(self, task, employees):
                return _turned(inner.row(task, employees))

            def employee_changed(self, employee):
                inner.employee_changed(employee)

        return Scores()

    def score(self, features):
        return _turned(super().score(features))


def _turned(row: ScoreRow) -> ScoreRow:
    return ScoreRow(0.1 * (1.0 - row.scores), 0.1 * (1.0 - row.raw))


def office_on(database: Database) -> Office:
    """Ana can, Bo cannot; the fallback prefers Ana and the model Bo."""
    found = Office(database)
    found.core = replace(found.core, scorer=Contrary(name="contrary"), holdout=HALF)
    skills = {"ana": {"sql": 1.0}, "bo": {"cobol": 1.0}}
    found.has(*(Employee(employee_id=n, skills=s, experience_years=1, max_units=9) for n, s in skills.items()))
    return found


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return office_on(sqlite_database)


def task(task_id: str, **fields: object) -> Task:
    return Task(task_id=task_id, title="Work", required_skills={"sql": 1.0}, estimated_hours=0.1, **fields)


def of_arm(arm: Arm, count: int = 1) -> list[Task]:
    names = (f"t{n}" for n in range(1000))
    return [task(name) for name in names if HALF.arm(name) is arm][:count]


def logged(office: Office) -> dict[str, tuple[str, str, str]]:
    return {row.task_id: (row.arm, row.employee_id, row.scorer) for row in office.training()}


def test_a_task_has_one_arm_and_the_share_is_kept():
    """Of 4,000 tasks within four standard errors; another salt draws others; nothing held out has no arms."""
    arms = [Holdout(0.2, "a").arm(f"task-{n}") for n in range(4000)]
    assert arms == [Holdout(0.2, "a").arm(f"task-{n}") for n in range(4000)]
    share = arms.count(Arm.CONTROL) / len(arms)
    assert abs(share - 0.2) <= 4 * math.sqrt(0.2 * 0.8 / len(arms))
    assert arms != [Holdout(0.2, "b").arm(f"task-{n}") for n in range(4000)]
    assert {Holdout().arm("t"), Holdout(0.0, "a").arm("t")} == {None}
    assert {Holdout(1.0).arm(f"task-{n}") for n in range(99)} == {Arm.CONTROL}


@pytest.mark.parametrize("method", ["greedy", "balanced", "optimal"])
def test_a_plan_scores_each_arm_by_its_own_policy(office: Office, method: str) -> None:
    assert_planned_by_arm(office, method)


def test_the_arms_are_logged_on_every_database(database: Database) -> None:
    assert_planned_by_arm(office_on(database), "greedy")


def assert_planned_by_arm(office: Office, method: str) -> None:
    held_out, others = of_arm(Arm.CONTROL, 3), of_arm(Arm.ENGINE, 3)
    scheduler = SchedulerService(office.database, office.core)
    preview = scheduler.preview_assignments([*held_out, *others], employee_ids=["ana", "bo"], method=method)
    assert "tasks that are held out, scored by the weighted fallback: 3" in preview.report.warnings
    scheduler.finalize_assignments(preview.preview_id)
    expected = {t.task_id: ("control", "ana", "weighted-fallback 1") for t in held_out}
    assert logged(office) == expected | {t.task_id: ("engine", "bo", "contrary 1") for t in others}
    with office.database.read() as unit:
        frame = training_frame(unit)
    control = {t.task_id for t in held_out}
    assert {(row.task_id in control, row.control) for row in frame.itertuples()} == {(True, 1.0), (False, 0.0)}
    assert office.findings() == []


def test_live_a_task_goes_to_whom_its_arm_prefers_as_in_a_plan(office: Office) -> None:
    """The candidates that are shown say the same."""
    for person in ("ana", "bo"):
        office.login(person)
    for arm, expected, name in ((Arm.CONTROL, "ana", "weighted-fallback"), (Arm.ENGINE, "bo", "contrary")):
        [new] = of_arm(arm)
        with office.database.read() as unit:
            people = unit.employees.get_many()
            problem = office.core.problem(unit, [new], people, Constraints(), unit.now())
        assert [a.employee_id for a in solve(problem, allocator("greedy"))[0].assignments] == [expected]
        office.submit(new)
        assert office.holder(new.task_id) == expected
        assert logged(office)[new.task_id] == (arm, expected, f"{name} 1")
        with office.database.read() as unit:
            shown = candidates(unit, office.core, new.task_id)
        assert shown.scorer.name == name
        assert shown.candidates[0].employee_id == expected
    assert office.findings() == []


def test_a_freed_person_gets_the_best_task_of_the_arm_whose_turn_it_is(office: Office) -> None:
    """Scores of two policies are never compared, and the control draws no lots."""
    office.dispatcher = replace(office.dispatcher, exploration=Exploration(0.5))
    first, second = of_arm(Arm.CONTROL, 2)
    poor = first.model_copy(update={"required_skills": {"rust": 1.0}})
    [other] = of_arm(Arm.ENGINE)
    office.gets(poor, second, other)
    office.run(lambda unit: unit.employees.change("ana", {"max_units": 1}, unit.now()))
    office.login("ana")
    assert office.holder(second.task_id) == "ana"
    (row,) = office.training()
    assert (row.arm, row.propensity, row.rank) == ("control", None, 1)
    assert row.candidates["count"] == 2


def test_rules_hold_in_both_arms(office: Office) -> None:
    """A minimum level that only Bo reaches, and somebody who has no time."""
    office.has(Employee(employee_id="cy", skills={"sql": 1.0}, max_workload=0.0))
    tasks = [
        t.model_copy(update={"minimum_levels": {"cobol": 0.5}})
        for t in (*of_arm(Arm.CONTROL, 2), *of_arm(Arm.ENGINE, 2))
    ]
    with office.database.read() as unit:
        problem = office.core.problem(unit, tasks, unit.employees.get_many(), Constraints(), unit.now())
    plan = solve(problem, allocator("greedy"))[0]
    assert {a.employee_id for a in plan.assignments} == {"bo"}
    assert verify(problem, plan) == []
    assert np.isclose([a.confidence for a in plan.assignments], 0.6).all()


def test_the_command_compares_the_arms_and_says_where_there_are_none(servers, monkeypatch) -> None:
    with servers["sqlite"].migrated() as url, opened(url) as database:
        monkeypatch.setenv("DATABASE_URL", url)
        none = CliRunner().invoke(main, ["evaluate", "--from-database"])
        office = Office(database)
        office.core = replace(office.core, holdout=HALF)
        office.has(Employee(employee_id="ana", max_units=99, max_workload=1e6))
        office.login("ana")
        some = [*of_arm(Arm.CONTROL, 31), *of_arm(Arm.ENGINE, 31)]
        for new in some:
            office.submit(new)
            office.complete(new.task_id, "ana")
        both = CliRunner().invoke(main, ["evaluate", "--from-database"])
    assert "no hold-out" in none.stderr
    assert none.exit_code == both.exit_code == 0
    found = json.loads(both.stdout)["holdout"]
    assert (found["control"]["decisions"], found["engine"]["decisions"]) == (31, 31)
    assert found["gain"] == 0.0
    assert found["interval"][0] < 0.0 < found["interval"][1]
    assert "no difference" in both.stderr
