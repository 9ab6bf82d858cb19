"""Raw scores of one problem by the compiled forest, row by row while the loads change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES, column, feature
from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.forest.further import Further
from assignment_engine.scoring.forest.kernels import Kernels, People, Work, kernels
from assignment_engine.scoring.forest.tables import Forest, Rows, aligned

PAIRS_PER_THREAD = 4096
Numbers = TypeVar("Numbers", Floats, Ints)
_FIRST = np.zeros(1, dtype=np.int64)
_FOLLOW_LOADS = frozenset({"workload_ratio", "active_tasks"})


@dataclass(frozen=True)
class ForestRows:
    """The masks of the employees, kept up to date, and the rows of the tasks; memory is linear in n + m."""

    forest: Forest
    people: People = field(repr=False)
    work: Work = field(repr=False)
    further: Further = field(repr=False)
    kernels: Kernels = field(repr=False)
    threads: int = 1
    executor: ThreadPoolExecutor | None = field(repr=False, default=None)

    @classmethod
    def of(cls, forest: Forest, pairs: Pairs, loads: Loads, threads: int = 1) -> ForestRows:
        """Rows over `pairs` (at least one) at `loads`, which the caller changes and announces."""
        executor = ThreadPoolExecutor(threads, thread_name_prefix="forest") if threads > 1 else None
        people, work = _people(forest, pairs, loads), _work(forest, pairs, loads)
        rows = cls(forest, people, work, Further.of(forest, pairs), kernels(forest.bits), threads, executor)
        new = not rows.kernels.are_compiled
        rows.kernels.refresh(0, len(pairs.employee_ids), forest.tables, people)
        if new:
            rows.raw(0, np.empty(0, dtype=np.int64))
            rows.kernels.leave_stamp()
        return rows

    def raw(self, task: int, employees: Ints) -> Floats:
        """Raw scores of `task` for the given employees, shape (k,), at the loads of this moment."""
        employees = np.ascontiguousarray(employees, dtype=np.int64)
        raw, further = np.empty(employees.size), self.further.rows(task)
        parts = min(self.threads, employees.size // PAIRS_PER_THREAD)
        if self.executor is None or parts < 2:
            self._fill(task, further, employees, raw)
            return raw
        pieces = zip(np.array_split(employees, parts), np.array_split(raw, parts), strict=True)
        for done in [self.executor.submit(self._fill, task, further, *piece) for piece in pieces]:
            done.result()
        return raw

    def employee_changed(self, employee: int) -> None:
        """Must be called when the load of `employee` has changed."""
        self.kernels.refresh(employee, employee + 1, self.forest.tables, self.people)

    def _fill(self, task: int, further: Rows, employees: Ints, raw: Floats) -> None:
        self.kernels.score(task, employees, raw, self.forest.tables, self.people, self.work, further)


def _people(forest: Forest, pairs: Pairs, loads: Loads) -> People:
    people, given = len(pairs.employee_ids), pairs.employees
    features = [i for i in _of_group(forest, "employee") if forest.names[i] not in _FOLLOW_LOADS]
    everyone = np.arange(people)
    fixed = [forest.rows_of(i, column(forest.names[i], pairs, loads, _FIRST, everyone)) for i in features]
    return People(
        masks=aligned((people, forest.tables.rows.shape[1]), forest.tables.rows.dtype),
        free_hours=np.empty(people),
        hours=loads.hours,
        active=loads.active,
        max_hours=_plain(given.max_hours),
        experience_years=_plain(given.experience_years),
        fixed=np.ascontiguousarray(np.transpose(fixed)),
        held=_plain(given.held.T),
        department=_table_rows(forest, "department_match", given.department),
        success=_table_rows(forest, "success_rate", given.success),
    )


def _of_group(forest: Forest, group: str) -> list[int]:
    """The positions of the features of people, or of tasks."""
    return [i for i, name in enumerate(forest.names) if feature(name).group == group]


def _table_rows(forest: Forest, name: str, table: Floats) -> Rows:
    return np.ascontiguousarray(forest.rows_of(FEATURE_NAMES.index(name), table.T))


def _work(forest: Forest, pairs: Pairs, loads: Loads) -> Work:
    tasks, given = np.arange(len(pairs.task_ids)), pairs.tasks
    features = _of_group(forest, "task")
    rows = [forest.rows_of(i, column(forest.names[i], pairs, loads, tasks, _FIRST)) for i in features]
    sizes = [requirement.columns.size for requirement in pairs.requirements]
    return Work(
        rows=np.ascontiguousarray(np.transpose(rows)),
        complexity=_plain(given.complexity),
        estimated_hours=_plain(given.estimated_hours),
        department=_plain(given.department),
        category=_plain(given.category),
        requirement=_plain(given.requirement),
        begin=np.cumsum([0, *sizes]),
        columns=np.concatenate([np.zeros(0, dtype=np.int64), *(r.columns for r in pairs.requirements)]),
        levels=np.concatenate([np.zeros(0), *(r.levels for r in pairs.requirements)]),
    )


def _plain(values: Numbers) -> Numbers:
    """`values` as compiled code takes them: contiguous and writable, or it would be compiled once more."""
    return np.require(values, requirements=["C", "W"])
