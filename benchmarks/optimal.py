"""The optimal method against greedy, balanced, HiGHS and OR-Tools CP-SAT on tight random problems.

Tight: there are exactly as many hours of capacity as of work, so that no bound can be met. Scores depend on the person,
on the task and on chance; weights are 8, 4, 2 and 1. Greedy and balanced are the rules of the methods of the same name
on fixed scores. Each solver gets the same seconds and one thread. Gaps are against the lowest bound that any of them
proved. Solvers that are not installed are reported as missing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from assignment_engine.allocation.optimal.problem import NOBODY, GapProblem
from assignment_engine.allocation.optimal.solve import solve_gap

SIZES = ((100, 20), (500, 50), (2_000, 200), (5_000, 500))
BALANCE = 0.3
CANDIDATES = 30
Answer = tuple[np.ndarray, float] | tuple[None, float]


def tight_problem(n: int, m: int, seed: int = 0) -> GapProblem:
    """n tasks of half an hour to eight hours for m people who have exactly as many hours together."""
    rng = np.random.default_rng(seed)
    score = 0.4 * rng.random((n, m)) + 0.4 * rng.random(m) + 0.2 * rng.random((n, 1))
    weight = rng.choice([8.0, 4.0, 2.0, 1.0], n, p=[0.1, 0.2, 0.4, 0.3])
    seconds = np.rint(3600 * rng.uniform(0.5, 8.0, n)).astype(np.int64)
    share = rng.uniform(0.75, 1.25, m)
    capacity = np.floor(seconds.sum() * share / share.sum()).astype(np.int64)
    capacity[: seconds.sum() - capacity.sum()] += 1
    return GapProblem(score * weight[:, None], seconds, capacity)


def one_by_one(problem: GapProblem, weight: float) -> Answer:
    """Heavy tasks first, each to the best of (1 − weight) · score + weight · (1 − load)."""
    room = problem.capacity.copy()
    heavy = problem.value.max(axis=1)
    assigned = np.full(heavy.size, NOBODY, dtype=np.int64)
    for task in np.argsort(-heavy, kind="stable"):
        load = 1.0 - room / problem.capacity
        key = (1.0 - weight) * problem.value[task] / heavy[task] + weight * (1.0 - load)
        person = int(np.where(room >= problem.seconds[task], key, -np.inf).argmax())
        if room[person] >= problem.seconds[task]:
            assigned[task] = person
            room[person] -= problem.seconds[task]
    return assigned, np.inf


def optimal(problem: GapProblem, seconds: float) -> Answer:
    solution = solve_gap(problem, seconds)
    return solution.assigned, solution.bound


def highs(problem: GapProblem, seconds: float) -> Answer:
    """The integer program over all pairs."""
    from scipy import sparse  # noqa: PLC0415  (only where it is measured)
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

    n, m = problem.value.shape
    once = sparse.kron(sparse.eye_array(n), np.ones((1, m)), format="csr")
    takes = sparse.kron(problem.seconds[None, :] / 3600.0, sparse.eye_array(m), format="csr")
    result = milp(
        -problem.value.ravel(),
        integrality=np.ones(n * m, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(once, -np.inf, 1.0), LinearConstraint(takes, -np.inf, problem.capacity / 3600.0)],
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    bound = np.inf if result.mip_dual_bound is None else -float(result.mip_dual_bound)
    if result.x is None:
        return None, bound
    chosen = result.x.reshape(n, m)
    return np.where(chosen.max(axis=1) > 0.5, chosen.argmax(axis=1), NOBODY), bound


def cp_sat(problem: GapProblem, seconds: float) -> Answer:
    """OR-Tools with one worker.

    Large problems are cut down to the pairs with the best values of each task and those of greedy, and start there.
    """
    from ortools.sat.python import cp_model  # noqa: PLC0415  (an optional competitor)

    n, m = problem.value.shape
    model = cp_model.CpModel()
    near = np.argsort(-problem.value, axis=1)[:, : m if n * m <= 100_000 else CANDIDATES]
    start, _ = one_by_one(problem, 0.0)
    pairs = [(t, int(e)) for t in range(n) for e in sorted({*near[t], start[t]} - {NOBODY})]
    chosen = {pair: model.new_bool_var("") for pair in pairs}
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        model.add_at_most_one(chosen[pair] for pair in group)
    if near.shape[1] < m:  # without a start it finds nothing in time there, with one it finds less in small problems
        for (t, e), variable in chosen.items():
            model.add_hint(variable, start[t] == e)
    by_person: dict[int, list[int]] = {}
    for t, e in chosen:
        by_person.setdefault(e, []).append(t)
    for e, tasks in by_person.items():
        model.add(sum(int(problem.seconds[t]) * chosen[t, e] for t in tasks) <= int(problem.capacity[e]))
    model.maximize(sum(round(1e6 * problem.value[pair]) * variable for pair, variable in chosen.items()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, np.inf
    assigned = np.full(n, NOBODY, dtype=np.int64)
    for (t, e), variable in chosen.items():
        if solver.boolean_value(variable):
            assigned[t] = e
    return assigned, solver.best_objective_bound / 1e6 if near.shape[1] == m else np.inf


def solvers(seconds: float) -> dict[str, Callable[[GapProblem], Answer]]:
    return {
        "optimal": lambda problem: optimal(problem, seconds),
        "greedy": lambda problem: one_by_one(problem, 0.0),
        "balanced": lambda problem: one_by_one(problem, BALANCE),
        "highs": lambda problem: highs(problem, seconds),
        "cp-sat": lambda problem: cp_sat(problem, seconds),
    }


def value_of(problem: GapProblem, assigned: np.ndarray) -> float:
    """Value of an assignment that keeps to capacity.

    Raises
    ------
    ValueError
        If it does not.
    """
    tasks = np.flatnonzero(assigned != NOBODY)
    load = np.bincount(assigned[tasks], weights=problem.seconds[tasks], minlength=problem.capacity.size)
    if (load > problem.capacity).any():
        raise ValueError("an assignment above capacity")
    return float(problem.value[tasks, assigned[tasks]].sum())


def measure(n: int, m: int, seconds: float, seed: int, names: list[str]) -> Iterator[dict[str, object]]:
    """A line for each solver."""
    problem = tight_problem(n, m, seed)
    answers: dict[str, tuple[Answer, float]] = {}
    for name in names:
        begun = time.monotonic()
        try:
            answer = solvers(seconds)[name](problem)
        except ImportError:
            yield {"tasks": n, "employees": m, "solver": name, "missing": True}
            continue
        answers[name] = answer, time.monotonic() - begun
    lowest = min((bound for (_, bound), _ in answers.values()), default=np.inf)
    for name, ((assigned, bound), taken) in answers.items():
        value = None if assigned is None else value_of(problem, assigned)
        yield {
            "tasks": n,
            "employees": m,
            "solver": name,
            "value": value,
            "bound": bound if np.isfinite(bound) else None,
            "gap": (lowest - value) / lowest if value is not None and np.isfinite(lowest) else None,
            "seconds": round(taken, 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, help="default: 100, 500, 2,000 and 5,000")
    parser.add_argument("--employees", type=int, help="default: 20, 50, 200 and 500")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--solvers", default="optimal,greedy,balanced,highs,cp-sat")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    sizes = SIZES if options.tasks is None else ((options.tasks, options.employees or max(1, options.tasks // 10)),)
    for n, m in sizes:
        for line in measure(n, m, options.seconds, options.seed, options.solvers.split(",")):
            print(json.dumps(line) if options.json else " ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
