"""Planning in parts and training from chunks, on two workers that are processes and may die."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from assignment_engine.allocation.allocators import Allocation, Choice
from assignment_engine.allocation.explain import unassigned_of
from assignment_engine.allocation.methods import allocator
from assignment_engine.allocation.plan import solve
from assignment_engine.allocation.verify import verify
from assignment_engine.distributed import asking
from assignment_engine.distributed.fitting import attempted
from assignment_engine.distributed.planning import plan_distributed
from assignment_engine.distributed.training import train_distributed
from assignment_engine.domain.errors import ConfigurationError, InvalidInputError, TrainingError
from assignment_engine.domain.plans import Plan
from assignment_engine.domain.types import Method
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.dataset import Dataset, read_dataset
from assignment_engine.learning.recipes import Recipe
from assignment_engine.learning.training import Training, train
from assignment_engine.scoring.bundle import load_bundle, save_bundle
from tests.builders import NOW, World
from tests.contract.test_allocators import organisation
from tests.deadly import DeadlyScorer, fitted_by_one

PARTS = 3
KILLS = bool(os.environ.get("DISTRIBUTED_KILLS"))
RECIPE = Recipe(objective="binary", learning_rate=0.1, leaves=7, min_data=20, rounds=60, patience=0, monotone=True)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def divided(seed: int = 1) -> World:
    """People and tasks of two departments with hard skills, more work than time, and all kinds of rules."""
    return organisation(seed, people=60, work=240).with_constraints(
        require_department=True,
        max_assignments=5,
        forbidden=[(f"t{i:03d}", f"e{j:03d}") for i in range(0, 240, 7) for j in range(0, 60, 5)],
        required=[("t002", "e003"), ("t100", "e011")],
    )


def connected(seed: int = 2) -> World:
    """Nothing divides them, and there is about as much time as work."""
    world = organisation(seed, people=60, work=240)
    return World(tuple(t.model_copy(update={"minimum_levels": {}}) for t in world.tasks), world.employees)


@pytest.mark.parametrize("method", Method, ids=str)
def test_a_plan_in_parts_is_at_most_one_percent_worse(client: Client, method: Method) -> None:
    problem = connected().problem()
    chosen = allocator(method, time_budget_seconds=1.0) if method is Method.OPTIMAL else allocator(method)
    whole = solve(problem, chosen)[0]
    plan = plan_distributed(problem, client, method=method, parts=PARTS, effort=0.3)
    assert verify(problem, plan) == []
    assert plan.report.value >= 0.99 * whole.report.value
    assert plan.report.bound >= max(whole.report.value, plan.report.value)
    assert plan.report.gap < 0.06
    for planned in plan.assignments[:20]:
        terms = sum(term.contribution for term in planned.explanation.terms)
        assert planned.explanation.base + terms == pytest.approx(planned.score, abs=1e-9)


def test_what_is_left_fits_nowhere_and_says_why_as_on_one_machine(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under all kinds of rules, with people asked in three groups; required pairs are made, and the reasons are those
    of the whole problem at the loads of the plan.
    """
    monkeypatch.setattr(asking, "PEOPLE_AT_ONCE", 20)
    problem = divided().problem()
    whole, plan = solve(problem, allocator("greedy"))[0], plan_distributed(problem, client, parts=PARTS)
    assert plan.report.value >= 0.99 * whole.report.value
    assert {("t002", "e003"), ("t100", "e011")} <= {(a.task_id, a.employee_id) for a in plan.assignments}
    assert plan.unassigned
    assert plan.unassigned == unassigned_of(problem, allocation_of(problem, plan))


def allocation_of(problem: Any, plan: Plan) -> Allocation:
    """The choices of a plan as an allocator would have left them."""
    rows = {task.task_id: row for row, task in enumerate(problem.tasks)}
    columns = {person.employee_id: column for column, person in enumerate(problem.employees)}
    loads, choices = problem.pairs.initial.copy(), []
    for planned in plan.assignments:
        row, column = rows[planned.task_id], columns[planned.employee_id]
        choices.append(Choice(row, column, planned.score, float(loads.hours[column]), float(loads.active[column])))
        loads.add(column, problem.needed_by(row, column))
    return Allocation(tuple(choices), loads, measured=None)  # type: ignore[arg-type]


def test_a_killed_worker_changes_nothing(client: Client, tmp_path: Path) -> None:
    world = connected()
    marker = tmp_path / "died"
    deadly = World(world.tasks, world.employees, scorer=DeadlyScorer(marker=str(marker)))
    plan = plan_distributed(deadly.problem(), client, method="balanced", parts=PARTS)
    assert marker.exists()
    assert plan == plan_distributed(world.problem(), client, method="balanced", parts=PARTS)


@pytest.fixture(scope="module")
def decisions() -> pd.DataFrame:
    """Decisions whose outcomes follow from two features, and are known after two days."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.random((3000, len(FEATURE_NAMES))), columns=FEATURE_NAMES)
    good = rng.random(3000) < 1.0 / (1.0 + np.exp(-6.0 * (frame["skill_match"] - frame["time_pressure"])))
    decided_at = np.datetime64("2026-01-01", "s") + 900 * np.arange(3000)
    return frame.assign(
        decision_id=np.arange(3000),
        decided_at=decided_at,
        known_at=decided_at + np.timedelta64(2, "D"),
        outcome=np.where(good, "good", "bad"),
    )


def chunks_of(decisions: pd.DataFrame) -> list[Dataset | pd.DataFrame | Any]:
    """A quarter of the decisions each, of all times: records, a frame, and two that the cluster makes for itself."""
    quarters = [decisions.iloc[first::4] for first in range(4)]
    return [read_dataset(quarters[0]), quarters[1], *(dask.delayed(quarter) for quarter in quarters[2:])]


def test_training_from_chunks_is_as_good_as_from_a_whole(
    client: Client, decisions: pd.DataFrame, tmp_path: Path
) -> None:
    """With `DISTRIBUTED_KILLS` a worker is killed while it fits trees; the outcome is a bundle like any other."""
    training = Training(recipe=RECIPE, model="trees")
    local = train(read_dataset(decisions), training, created_at=NOW)
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill_who_trains, client) if KILLS else None
        made = train_distributed(chunks_of(decisions), client, training, created_at=NOW)
        assert killing is None or killing.result()
    save_bundle(made, tmp_path / "made")
    assert load_bundle(tmp_path / "made") == made
    assert made.manifest.training == local.manifest.training
    assert made.manifest.metrics["test"] == local.manifest.metrics["test"]
    assert made.manifest.metrics["model"]["auc"] == pytest.approx(local.manifest.metrics["model"]["auc"], abs=0.02)
    assert "127.0.0.1" not in made.model_text


def test_work_that_waits_for_a_dead_worker_is_ended(client: Client, tmp_path: Path) -> None:
    """Nobody else may do it, so that it would wait for ever."""
    marker = str(tmp_path / "died")

    def fit(own: Any) -> str:
        worker = next(iter(own.nthreads()))
        return str(own.submit(fitted_by_one, marker, workers=[worker], allow_other_workers=False).result())

    assert attempted(client, fit) is None
    assert attempted(client, fit) == "fitted"


def kill_who_trains(client: Client) -> bool:
    """Kill a worker as soon as it fits trees; whether there was one."""
    pids = client.run(os.getpid)
    until = monotonic() + 60.0
    while monotonic() < until:
        busy = [worker for worker, keys in client.processing().items() if any("_train_part" in key for key in keys)]
        if len(busy) == len(pids):
            os.kill(pids[busy[0]], signal.SIGKILL)
            return True
        sleep(0.05)
    return False


def test_what_runs_on_one_machine_only_is_refused(client: Client) -> None:
    problem = connected().problem()
    by_pair = replace(problem, seconds=np.ones(problem.shape, dtype=np.int64))
    with pytest.raises(InvalidInputError, match="/hours"):
        plan_distributed(by_pair, client)
    with pytest.raises(InvalidInputError, match="/kind"):
        train_distributed([], client, Training(kind="choice"))
    with pytest.raises(TrainingError, match="nothing to learn"):
        train_distributed([], client)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r"assignment-engine\[distributed\]"):
        plan_distributed(([{"task_id": "t1"}], [{"employee_id": "ana"}]), "tcp://127.0.0.1:8786")
