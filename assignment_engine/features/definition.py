"""The 17 features in their order. Serving, training, explanations, docs and quality checks derive from this table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from assignment_engine.features import extended, formulas
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.features.table import Feature


def _workload_ratio(pairs: Pairs, loads: Loads, _task: Ints, employee: Ints) -> Floats:
    return formulas.workload_ratio(loads.hours[employee], pairs.employees.max_hours[employee])


def _experience_complexity_ratio(pairs: Pairs, _loads: Loads, task: Ints, employee: Ints) -> Floats:
    return formulas.experience_complexity_ratio(
        pairs.employees.experience_years[employee], pairs.tasks.complexity[task]
    )


def _capacity_fit(pairs: Pairs, loads: Loads, task: Ints, employee: Ints) -> Floats:
    free = formulas.free_hours(loads.hours[employee], pairs.employees.max_hours[employee])
    return formulas.capacity_fit(pairs.tasks.estimated_hours[task], free)


_INF = float("inf")

FEATURES: tuple[Feature, ...] = (
    Feature(
        "experience_years", "employee", "years", 0, _INF, "not given",
        "as given",
        lambda pairs, _loads, _task, employee: pairs.employees.experience_years[employee],
    ),
    Feature(
        "workload_ratio", "employee", "share", 0, 1, "never",
        "current_workload / max_workload, at most 1; 1 where max_workload is 0",
        _workload_ratio,
    ),
    Feature(
        "availability", "employee", "share", 0, 1, "never",
        "available 1, partial 0.5, busy, away and offline 0",
        lambda pairs, _loads, _task, employee: pairs.employees.availability[employee],
    ),
    Feature(
        "performance", "employee", "share", 0, 1, "no rating",
        "performance_rating / 5",
        lambda pairs, _loads, _task, employee: pairs.employees.performance[employee],
    ),
    Feature(
        "active_tasks", "employee", "tasks", 0, _INF, "no history",
        "count of active assignments",
        lambda _pairs, loads, _task, employee: loads.active[employee],
    ),
    Feature(
        "avg_completion_hours", "employee", "hours", 0, _INF, "nothing finished",
        "mean hours from start to completion of finished work",
        lambda pairs, _loads, _task, employee: pairs.employees.avg_completion_hours[employee],
    ),
    Feature(
        "priority", "task", "level", 1, 4, "never",
        "critical 4, high 3, medium 2, low 1",
        lambda pairs, _loads, task, _employee: pairs.tasks.priority[task],
    ),
    Feature(
        "complexity", "task", "share", 0, 1, "not given",
        "complexity_score",
        lambda pairs, _loads, task, _employee: pairs.tasks.complexity[task],
    ),
    Feature(
        "estimated_hours", "task", "hours", 0, _INF, "not given",
        "as given",
        lambda pairs, _loads, task, _employee: pairs.tasks.estimated_hours[task],
    ),
    Feature(
        "time_pressure", "task", "share", 0, 1, "deadline ahead but no estimate",
        "estimated_hours / calendar hours to the deadline, at most 1; 1 when overdue, 0 without a deadline",
        lambda pairs, _loads, task, _employee: pairs.tasks.time_pressure[task],
    ),
    Feature(
        "dependencies", "task", "tasks", 0, _INF, "never",
        "count of unfinished tasks that this one waits for",
        lambda pairs, _loads, task, _employee: pairs.tasks.dependencies[task],
    ),
    Feature(
        "task_age_hours", "task", "hours", -_INF, _INF, "no created_at",
        "now − created_at",
        lambda pairs, _loads, task, _employee: pairs.tasks.age_hours[task],
    ),
    Feature(
        "skill_match", "pair", "share", 0, 1, "skills of the task or the person not known",
        "mean over required skills of min(level held / level required, 1); 1 when none is required",
        lambda pairs, _loads, task, employee: pairs.skill_match(task, employee),
    ),
    Feature(
        "experience_complexity_ratio", "pair", "years", 0, 10, "experience or complexity not given",
        "experience_years / (1 + 9 · complexity), at most 10",
        _experience_complexity_ratio,
    ),
    Feature(
        "capacity_fit", "pair", "share", 0, 1, "no estimate",
        "1 − estimated_hours / free hours, at least 0; 0 with no free hours",
        _capacity_fit,
    ),
    Feature(
        "department_match", "pair", "share", 0, 1, "department or work so far not known",
        "1 in the same department, otherwise the share of the person's work that was done for it",
        lambda pairs, _loads, task, employee: pairs.employees.department[employee, pairs.tasks.department[task]],
    ),
    Feature(
        "success_rate", "pair", "share", 0, 1, "no outcomes at all",
        "category (good + 5 · employee) / (n + 5), employee (good + 10 · everyone) / (n + 10), "
        "everyone (good + 2.5) / (n + 5)",
        lambda pairs, _loads, task, employee: pairs.employees.success[employee, pairs.tasks.category[task]],
    ),
)  # fmt: skip

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
_BY_NAME = {feature.name: feature for feature in FEATURES + extended.EXTENDED}


def feature_names(sets: Collection[str] = ()) -> tuple[str, ...]:
    """The names of the 17 features and of the declared sets, `recency` and `context`, in their order."""
    return extended.feature_names(FEATURE_NAMES, sets)


def declared_sets(names: Collection[str]) -> tuple[str, ...]:
    """The sets beyond the 17 of which any feature is among `names`."""
    return tuple(name for name, found in extended.FEATURE_SETS.items() if any(f.name in names for f in found))


def feature(name: str) -> Feature:
    """The row of the table, or of a set, with that name."""
    return _BY_NAME[name]


def column(name: str, pairs: Pairs, loads: Loads, task: Ints, employee: Ints) -> Floats:
    """One feature for broadcastable task and employee indices; float64, NaN where missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _BY_NAME[name].compute(pairs, loads, task, employee)


def feature_matrix(
    pairs: Pairs, loads: Loads, task: Ints, employee: Ints, names: Sequence[str] = FEATURE_NAMES
) -> Floats:
    """The features of k pairs, shape (k, len(names)), float64, NaN where missing.

    `task` and `employee` are index arrays of shape (k,), or one of them a single index for a whole row or column.
    """
    (count,) = np.broadcast_shapes(np.shape(task), np.shape(employee), (1,))
    matrix = np.empty((count, len(names)))
    with np.errstate(divide="ignore", invalid="ignore"):
        for position, name in enumerate(names):
            matrix[:, position] = _BY_NAME[name].compute(pairs, loads, task, employee)
    return matrix
