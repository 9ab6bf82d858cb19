"""Features of the candidates of each decision, made by the engine's own builder from the state of that moment.

A log has no profiles, only work: what the 17 features need is read from it. Experience counts assignments, 200 of
them as ten years on a logarithmic scale; skill is work of the same kind, 0.7 · a / (a + 2) + 0.3 · b / (b + 5) with
the decayed counts a of the fine and b of the coarse category; capacity is the most that a person ever carried.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.types import CONTEXT_KINDS
from assignment_engine.features import formulas
from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES, column, feature_matrix
from assignment_engine.features.pairs import EmployeeArrays, Loads, Pairs, Requirement, TaskArrays
from assignment_engine.features.recent import Counts, RecentArrays
from assignment_engine.learning.logs.cases import Cases
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.state import PRIOR, SECONDS_PER_HOUR, State

YEARS_OF_200_ASSIGNMENTS = 10.0
LONGEST_USUAL = math.log1p(100.0)
_WORKLOAD = "workload_ratio"


class Moments:
    """Gathers decisions with their candidates, and turns them into features part by part."""

    def __init__(self, cases: Cases, state: State, names: tuple[str, ...]) -> None:
        self._cases, self._state, self._names = cases, state, names
        self._extended = len(names) > len(FEATURE_NAMES)
        self._waiting: list[tuple[int, list[int], dict[str, Floats], dict[str, float]]] = []
        self._parts: list[dict[str, Any]] = []
        self.size = 0

    def expected_hours(self, case: int) -> float:
        """The estimate of a task: as given, else what work of its kind took so far."""
        given = float(self._cases.estimated_hours[case])
        return math.expm1(self._expected_log(case)) if math.isnan(given) else given

    def _expected_log(self, case: int) -> float:
        return self._state.expected_log_hours(int(self._cases.category[case]), int(self._cases.subcategory[case]))

    def remember(self, case: int, person: int, at: float) -> None:
        """Count an assignment for everything that depends on whom work was given to."""
        cases, state = self._cases, self._state
        state.overall.add(0, person, at)
        state.by_category.add(int(cases.category[case]), person, at)
        state.by_subcategory.add(int(cases.subcategory[case]), person, at)
        state.by_department.add(int(cases.department[case]), person, at)
        state.recent.add(0, person, at)
        state.recent_kind.add(int(cases.subcategory[case]), person, at)
        state.recent_department.add(int(cases.department[case]), person, at)
        for kind, codes in cases.context.items():
            if codes[case] >= 0:
                key = (kind, int(codes[case]))
                state.handled[key][person] = state.handled[key].get(person, 0.0) + 1.0
                state.handled_total[key] += 1.0

    def add(self, case: int, candidates: list[int], at: float) -> None:
        """A decision about `case`, as it stands now; the person who was chosen is added to the candidates."""
        chosen = int(self._cases.person[case])
        people = candidates if chosen in candidates else [*candidates, chosen]
        of_people = self._of_people(case, people, at)
        of_people["candidate"] = floats([person in set(candidates) for person in people])
        self._waiting.append((case, people, of_people, self._of_task(case, at)))
        self.size += len(people)

    def _of_task(self, case: int, at: float) -> dict[str, float]:
        cases, state = self._cases, self._state
        expected = self._expected_log(case)
        values = {"estimated": self.expected_hours(case), "complexity": float(cases.complexity[case])}
        if math.isnan(values["complexity"]):
            subcategory = state.subcategory_good.get(int(cases.subcategory[case]))
            share = subcategory.smoothed(state.share_good) if subcategory else state.share_good
            values["complexity"] = 0.5 * min(1.0, expected / LONGEST_USUAL) + 0.5 * (1.0 - share)
        for kind, codes in cases.context.items() if self._extended else ():
            code = int(codes[case])
            values[kind] = state.handled_total.get((kind, code), 0.0) if code >= 0 else math.nan
        return values

    def _of_people(self, case: int, people: list[int], at: float) -> dict[str, Floats]:
        cases, state, rows = self._cases, self._state, np.array(people, dtype=np.int64)
        category, fine, department = (int(v[case]) for v in (cases.category, cases.subcategory, cases.department))
        coarse_count, last = state.by_category.read(category, people, at)
        fine_count, _ = state.by_subcategory.read(fine, people, at)
        work, _ = state.overall.read(0, people, at)
        for_department, _ = state.by_department.read(department, people, at)
        good, judged = state.tally(category, people)
        performance = formulas.smoothed_share(
            state.good[rows], state.judged[rows], floats(state.share_good), formulas.EMPLOYEE_PRIOR
        )
        mean = (state.log_hours[rows] + PRIOR * state.usual_log_hours) / (state.finished[rows] + PRIOR)
        known = self._extended and self._recent(case, people, rows, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "experience": YEARS_OF_200_ASSIGNMENTS * np.log1p(state.assigned[rows]) / math.log1p(200.0),
                "items": state.items[rows],
                "most_items": state.most_items(rows),
                "hours": state.hours[rows],
                "capacity": state.capacity(rows),
                "performance": formulas.performance(5.0 * performance),
                "avg_completion": np.expm1(mean),
                "skill": 0.7 * fine_count / (fine_count + 2.0) + 0.3 * coarse_count / (coarse_count + 5.0),
                "department": np.where(department >= 0, for_department / work, np.nan),
                "success": formulas.smoothed_share(good, judged, performance, formulas.CATEGORY_PRIOR),
                "frequency": coarse_count,
                "last": last,
                **(known or {}),
            }

    def _recent(self, case: int, people: list[int], rows: Ints, at: float) -> dict[str, Floats]:
        cases, state = self._cases, self._state
        result: dict[str, Floats] = {}
        for name, table, key in (
            ("", state.recent, 0),
            ("_category", state.recent_kind, int(cases.subcategory[case])),
            ("_department", state.recent_department, int(cases.department[case])),
        ):
            result[f"count{name}"], last = table.read(key, people, at)
            result[f"since{name}"] = (at - last) / SECONDS_PER_HOUR
        hour = int(at % 86400.0 // 3600.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            result["hour_share"] = state.by_hour[rows, hour] / state.by_hour[rows].sum(axis=1)
        for kind, codes in cases.context.items():
            done = state.handled.get((kind, int(codes[case])), {}) if codes[case] >= 0 else {}
            result[kind] = floats([done.get(person, 0.0) for person in people])
        return result

    def flush(self) -> None:
        """Turn everything that waits into features."""
        if not self._waiting:
            return
        cases = self._cases
        rows = np.array([case for case, _, _, _ in self._waiting], dtype=np.int64)
        sizes = [len(people) for _, people, _, _ in self._waiting]
        task = np.repeat(np.arange(len(rows)), sizes)
        person = np.concatenate([np.array(people, dtype=np.int64) for _, people, _, _ in self._waiting])
        own = {name: np.concatenate([w[2][name] for w in self._waiting]) for name in self._waiting[0][2]}
        of_task = {name: floats([w[3][name] for w in self._waiting]) for name in self._waiting[0][3]}
        self._parts.append(
            {
                "decision": rows[task],
                "person": person,
                "chosen": person == cases.person[rows][task],
                "candidate": own["candidate"] > 0.0,
                "features": self._features(rows, task, own, of_task),
                "frequency": own["frequency"],
                "last_in_category": own["last"],
            }
        )
        self._waiting, self.size = [], 0

    def _features(self, rows: Ints, task: Ints, own: dict[str, Floats], of_task: dict[str, Floats]) -> Floats:
        """Each row of the builder's people is one person at one moment, so every table has one column to look at."""
        pairs = _pairs(self._cases, rows, own, of_task, self._extended)
        employee = np.arange(len(task))
        matrix = feature_matrix(pairs, pairs.initial, task, employee, self._names)
        by_items = Pairs(**{**_parts_of(pairs), "employees": _with(pairs.employees, max_hours=own["most_items"])})
        loads = Loads(own["items"], pairs.initial.seconds, own["items"], pairs.initial.count)
        matrix[:, self._names.index(_WORKLOAD)] = column(_WORKLOAD, by_items, loads, task, employee)
        return matrix

    def joined(self) -> Replayed:
        if not self._parts:
            raise InvalidInputError.at("/decision", "no case has a decision to judge")
        whole = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        return Replayed(cases=self._cases, names=self._names, **whole)


def _pairs(cases: Cases, rows: Ints, own: dict[str, Floats], of_task: dict[str, Floats], extended: bool) -> Pairs:
    count, tasks = len(own["items"]), len(rows)
    decided = cases.decided_at[rows]
    first, unknown = np.zeros(tasks, dtype=np.int64), (cases.department[rows] < 0).astype(np.int64)
    hours_left = (cases.deadline[rows] - decided) / SECONDS_PER_HOUR
    with np.errstate(divide="ignore", invalid="ignore"):
        pressure = formulas.time_pressure(of_task["estimated"], hours_left)
    return Pairs(
        employee_ids=("",) * count,
        task_ids=("",) * tasks,
        employees=EmployeeArrays(
            experience_years=own["experience"],
            max_hours=own["capacity"],
            availability=np.ones(count),
            performance=own["performance"],
            avg_completion_hours=own["avg_completion"],
            department=_one_column(own["department"]),
            success=_one_column(own["success"]),
            held=own["skill"][:, None],
        ),
        tasks=TaskArrays(
            priority=cases.priority[rows],
            complexity=of_task["complexity"],
            estimated_hours=of_task["estimated"],
            time_pressure=pressure,
            dependencies=cases.dependencies[rows],
            age_hours=(decided - cases.created_at[rows]) / SECONDS_PER_HOUR,
            department=unknown,
            category=first,
            requirement=first,
        ),
        requirements=(Requirement(np.zeros(1, dtype=np.int64), np.ones(1)),),
        initial=Loads(own["hours"], np.zeros(count, np.int64), own["items"], own["items"].astype(np.int64)),
        recent=_recent_arrays(cases, rows, own, of_task) if extended else None,
    )


def _recent_arrays(cases: Cases, rows: Ints, own: dict[str, Floats], of_task: dict[str, Floats]) -> RecentArrays:
    first = np.zeros(len(rows), dtype=np.int64)
    nothing, none_known = np.full(len(own["items"]), np.nan), np.full(len(rows), np.nan)
    return RecentArrays(
        since=own["since"],
        since_category=_one_column(own["since_category"]),
        since_department=_one_column(own["since_department"]),
        count=own["count"],
        count_category=_one_column(own["count_category"]),
        count_department=_one_column(own["count_department"]),
        hour_share=own["hour_share"],
        handled={kind: _one_id(own.get(kind, nothing)) for kind in CONTEXT_KINDS},
        category=first,
        department=(cases.department[rows] < 0).astype(np.int64),
        context={
            kind: (cases.context[kind][rows] < 0).astype(np.int64) if kind in cases.context else first + 1
            for kind in CONTEXT_KINDS
        },
        context_total={kind: of_task.get(kind, none_known) for kind in CONTEXT_KINDS},
    )


def _one_column(values: Floats) -> Floats:
    """A table whose first column is `values` and whose second stands for what is not known."""
    return np.column_stack([values, np.full(len(values), np.nan)])


def _one_id(times: Floats) -> Counts:
    """The same as counts with one id."""
    met = np.flatnonzero(times > 0.0)
    return Counts.of(1, ~np.isnan(times), np.zeros_like(met), met, times[met])


def _with(arrays: EmployeeArrays, **changes: Floats) -> EmployeeArrays:
    return EmployeeArrays(**{**_parts_of(arrays), **changes})


def _parts_of(record: Any) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in fields(record)}
