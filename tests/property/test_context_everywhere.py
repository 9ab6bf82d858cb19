"""The context of a task means the same in planning, live and in the evaluation of a log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.live import Live
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.definition import feature_matrix, feature_names
from assignment_engine.features.extended import CONTEXT
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.learning.logs.cases import Cases
from assignment_engine.learning.logs.read import read_log
from assignment_engine.learning.logs.replay import replay
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch import work
from assignment_engine.services.dispatch.choice import Chooser
from assignment_engine.services.dispatch.memory import Memory
from assignment_engine.store.unit import UnitOfWork
from tests.databases import Servers
from tests.logs import adapter, small_log
from tests.moved_clock import clocked

NAMES = feature_names(("context",))
CONTEXT_NAMES = tuple(feature.name for feature in CONTEXT)
CORE = DecisionCore(WeightedFallback(features=NAMES), SkillMatcher())
BOSS = Actor("boss")
Table = dict[str, list[float]]


def log(seed: int, count: int) -> tuple[Cases, Any]:
    """Work of customers and places, some of which are not known."""
    rng, frame = np.random.default_rng(seed), small_log(seed, count)
    frame["customer"] = [None if rng.random() < 0.2 else f"c{rng.integers(3)}" for _ in range(count)]
    frame["place"] = [f"{rng.integers(2)} " for _ in range(count)]
    read = adapter(context={"raised_by": "customer", "location": "place"}, candidates={"days": 3000})
    return read_log(frame, read)[0], read


def task_of(cases: Cases, case: int) -> Task:
    known = {kind: int(codes[case]) for kind, codes in cases.context.items() if codes[case] >= 0}
    return Task(task_id=f"t{case}", title="Work", context={kind: f"{kind} {code}" for kind, code in known.items()})


def planned(unit: UnitOfWork, task: Task, now: datetime) -> Table:
    problem = CORE.problem(unit, [task], unit.employees.get_many(), Constraints(), now)
    everyone = np.arange(len(problem.employees))
    found = feature_matrix(problem.pairs, problem.pairs.initial, np.asarray(0), everyone, CONTEXT_NAMES)
    return {e.employee_id: row for e, row in zip(problem.employees, found.tolist(), strict=True)}


def live(unit: UnitOfWork, memory: Memory, task: Task, now: datetime) -> Table:
    people = unit.employees.get_many()
    chooser = Chooser(unit, CORE, memory, now)
    found = chooser.candidates([unit.tasks.get(task.task_id)], people, Live({e.employee_id: 1 for e in people}))
    names = [NAMES.index(name) for name in CONTEXT_NAMES]
    return {c.employee.employee_id: [c.features[i] for i in names] for c in found}


@given(seed=st.integers(0, 2**16))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_planning_live_and_evaluation_agree_at_every_decision(servers: Servers, seed: int) -> None:
    """A history that is played into the database as it was made gives the features of its replay."""
    cases, read = log(seed, 12)
    replayed = replay(cases, read)
    people = [f"p{number}" for number in range(len(cases.names["person"]))]
    with servers["sqlite"].migrated() as url, clocked(url, datetime(2025, 1, 1, tzinfo=UTC)) as database:
        database.run(lambda unit: unit.employees.add([Employee(employee_id=p) for p in people], unit.now()))
        for case in np.argsort(cases.decided_at, kind="stable").tolist():
            database.at = datetime.fromtimestamp(cases.decided_at[case], UTC)
            task = task_of(cases, case)
            database.run(lambda unit, task=task: unit.tasks.add([task], unit.now()))
            with database.read() as unit:
                tables = [planned(unit, task, database.at), live(unit, Memory(), task, database.at)]
            mine = replayed.decision == case
            for person, expected in zip(
                replayed.person[mine].tolist(), replayed.columns((*NAMES[:17], *CONTEXT_NAMES))[mine, 17:], strict=True
            ):
                for table in tables:
                    np.testing.assert_array_equal(table[people[person]], expected)
            given_to = people[int(cases.person[case])]
            database.run(lambda unit, i=task.task_id, to=given_to: work.assign(unit, i, to, BOSS, allow_overload=True))


def test_a_snapshot_that_is_older_than_the_work_gives_no_share_above_one(servers: Servers) -> None:
    """Totals are remembered for a minute; whoever was given work since then is known at once."""
    with servers["sqlite"].migrated() as url, clocked(url, datetime(2025, 1, 1, tzinfo=UTC)) as database:
        memory, same = Memory(), [Task(task_id=f"t{n}", title="x", context={"parent": "p"}) for n in range(3)]
        database.run(lambda unit: unit.employees.add([Employee(employee_id="ana")], unit.now()))
        database.run(lambda unit: unit.tasks.add(same, unit.now()))
        found = []
        for task in same[:2]:
            with database.read() as unit:
                found.append(dict(zip(CONTEXT_NAMES, live(unit, memory, task, database.at)["ana"], strict=True)))
            database.run(lambda unit, i=task.task_id: work.assign(unit, i, "ana", BOSS, allow_overload=True))
        with database.read() as unit:
            now = dict(zip(CONTEXT_NAMES, live(unit, Memory(), same[2], database.at)["ana"], strict=True))
    assert np.isnan(found[0]["parent_share"])
    assert [f["parent_history"] for f in (*found, now)] == [0.0, 0.0, 2.0]
    assert [f["parent_share"] for f in (found[1], now)] == [1.0, 1.0]
