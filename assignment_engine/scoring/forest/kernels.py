"""The compiled part: feature values to mask rows, mask rows to raw scores. Only imported where it is used."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite.binding import get_host_cpu_features

from assignment_engine.features import formulas
from assignment_engine.features.arrays import Floats, Ints
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.scoring.forest import words
from assignment_engine.scoring.forest.tables import BUCKETS, ZERO, MaskTables, Rows, Words
from assignment_engine.scoring.forest.words import exit_line, fetch_line

_WORKLOAD_RATIO = FEATURE_NAMES.index("workload_ratio")
_ACTIVE_TASKS = FEATURE_NAMES.index("active_tasks")
_SKILL_MATCH = FEATURE_NAMES.index("skill_match")
_EXPERIENCE_COMPLEXITY_RATIO = FEATURE_NAMES.index("experience_complexity_ratio")
_CAPACITY_FIT = FEATURE_NAMES.index("capacity_fit")
_AHEAD = 8  # pairs between asking memory for somebody's masks and using them
_BLOCK = 256  # employees at a time, so that what is kept of them stays in the nearest cache


class People(NamedTuple):
    """m employees: `masks` (m, w) and `free_hours` follow the loads `hours` and `active`; `fixed` (m, k) does not.

    `held` (s, m), `department` (d + 1, m) and `success` (c + 1, m) lie so that the column of a task is contiguous.
    `fixed`, `department` and `success` hold rows of the mask tables.
    """

    masks: Words
    free_hours: Floats
    hours: Floats
    active: Floats
    max_hours: Floats
    experience_years: Floats
    fixed: Rows
    held: Floats
    department: Rows
    success: Rows


class Work(NamedTuple):
    """n tasks: `rows` (n, k) of the mask tables for the features of tasks, and what pairs are computed from.

    Requirement i asks for the skills `columns[begin[i] : begin[i + 1]]` at `levels`.
    """

    rows: Rows
    complexity: Floats
    estimated_hours: Floats
    department: Ints
    category: Ints
    requirement: Ints
    begin: Ints
    columns: Ints
    levels: Floats


@dataclass(frozen=True)
class Kernels:
    """`refresh(first, last, tables, people)` and `score(task, employees, raw, tables, people, work, further)`.

    `further` (k, m) holds, for one task, the mask rows of the features of pairs that a model has beyond the 17.
    """

    bits: int
    refresh: Any
    score: Any

    @property
    def are_compiled(self) -> bool:
        """Whether a call runs at once."""
        return bool(self.refresh.signatures and self.score.signatures)

    def leave_stamp(self) -> None:
        """Tell other processes that the compiled code is on disk; without a place, they compile."""
        with contextlib.suppress(OSError):
            if self.stamp is not None:
                self.stamp.touch()

    @property
    def stamp(self) -> Path | None:
        """A file that says: the compiled code for this processor and these sources is on disk."""
        directory = self.score.stats.cache_path
        if directory is None:
            return None
        sources = (
            dependencies(),
            inspect.getsource(sys.modules[__name__]),
            numba.__version__,
            str(get_host_cpu_features()),
        )
        digest = hashlib.sha256("\n".join(sources).encode()).hexdigest()[:16]
        return Path(directory, f"forest-{self.bits}-{digest}.compiled")


_inlined = numba.njit(error_model="numpy")
_in_place = numba.njit(error_model="numpy", inline="always")  # a call would count references to arrays
_workload_ratio = _inlined(formulas.workload_ratio)
_free_hours = _inlined(formulas.free_hours)
_level_share = _inlined(formulas.level_share)
_experience_complexity_ratio = _inlined(formulas.experience_complexity_ratio)
_capacity_fit = _inlined(formulas.capacity_fit)


@_inlined
def _rows_of(values: Floats, feature: int, tables: MaskTables, rows: Rows) -> None:
    """The mask row of each value, one step after the other for all of them.

    So no step has a branch that depends on a value: wrong guesses of the processor would cost more than all else.
    """
    low, scale, buckets = tables.low[feature], tables.scale[feature], tables.buckets[feature]
    for i in range(values.size):
        piece = (values[i] - low) * scale
        piece = piece if piece > 0.0 else 0.0  # noqa: FURB136  (max and min would branch, and pass NaN on)
        rows[i] = np.int32(piece if piece < BUCKETS - 1.0 else BUCKETS - 1.0)  # noqa: FURB136
    for i in range(values.size):
        rows[i] = buckets[np.uint64(np.uint32(rows[i]))]
    for _ in range(tables.steps[feature]):
        for i in range(values.size):
            rows[i] += np.int32(tables.thresholds[np.uint64(np.uint32(rows[i]))] < values[i])
    zero, missing = tables.zero[feature], tables.missing[feature]
    for i in range(values.size):
        row = zero if abs(values[i]) <= ZERO else rows[i]
        rows[i] = missing if np.isnan(values[i]) else row


@_inlined
def _skill_match(chosen: Ints, held: Floats, columns: Ints, levels: Floats, values: Floats) -> None:
    values[:] = 0.0 if columns.size else 1.0
    for part in range(columns.size):
        own, level = held[columns[part]], levels[part]
        for i in range(chosen.size):
            values[i] += _level_share(own[chosen[i]], level)
    for i in range(chosen.size):
        values[i] /= max(columns.size, 1)


@_inlined
def _pair_rows(
    task: int, chosen: Ints, tables: MaskTables, people: People, work: Work, values: Floats, rows: Rows
) -> None:
    """Fill `rows` (5, k): the mask row of each pair feature of each pair."""
    key = work.requirement[task]
    if key >= 0:
        asked = slice(work.begin[key], work.begin[key + 1])
        _skill_match(chosen, people.held, work.columns[asked], work.levels[asked], values)
    else:
        values[:] = np.nan
    _rows_of(values, _SKILL_MATCH, tables, rows[0])
    for i in range(chosen.size):
        values[i] = _experience_complexity_ratio(people.experience_years[chosen[i]], work.complexity[task])
    _rows_of(values, _EXPERIENCE_COMPLEXITY_RATIO, tables, rows[1])
    for i in range(chosen.size):
        values[i] = _capacity_fit(work.estimated_hours[task], people.free_hours[chosen[i]])
    _rows_of(values, _CAPACITY_FIT, tables, rows[2])
    department, success = people.department[work.department[task]], people.success[work.category[task]]
    for i in range(chosen.size):
        rows[3, i] = department[chosen[i]]
        rows[4, i] = success[chosen[i]]


@_in_place
def _four_sums(a: Words, b: Words, c: Words, d: Words, leaves: Floats, twos: int) -> tuple[float, float, float, float]:
    """The sums of the leaf values that lie at the positions in the lower and the upper half of each word."""
    total_a, total_b, total_c, total_d = 0.0, 0.0, 0.0, 0.0
    high, low = np.uint64(32), np.uint64(2**32 - 1)
    for i in range(twos):
        at = np.uint64(i)  # a signed index would be asked whether it is negative
        total_a += leaves[a[at] & low]
        total_b += leaves[b[at] & low]
        total_c += leaves[c[at] & low]
        total_d += leaves[d[at] & low]
        total_a += leaves[a[at] >> high]
        total_b += leaves[b[at] >> high]
        total_c += leaves[c[at] >> high]
        total_d += leaves[d[at] >> high]
    return total_a, total_b, total_c, total_d


@_inlined
def _sum_leaves(
    chosen: Ints, of_task: Words, masks: Words, table: Words, rows: Rows, leaves: Floats, raw: Floats
) -> None:
    """Four pairs at a time, each in the order of the trees, as LightGBM adds them, two trees for each load."""
    flat, words = leaves.reshape(leaves.size), np.uint64(of_task.size)
    exits = np.empty((4, of_task.size), np.uint32)
    two = exits.view(np.uint64)
    a, b, c, d = two[0], two[1], two[2], two[3]
    for first in range(0, chosen.size, 4):
        for lane in range(4):
            i = np.uint64(min(first + lane, chosen.size - 1))
            starts = (
                np.uint64(rows[0, i]) * words,
                np.uint64(rows[1, i]) * words,
                np.uint64(rows[2, i]) * words,
                np.uint64(rows[3, i]) * words,
                np.uint64(rows[4, i]) * words,
            )
            to, own = np.uint64(lane) * words, np.uint64(chosen[i]) * words
            ahead = np.uint64(chosen[min(first + lane + _AHEAD, chosen.size - 1)]) * words
            for word in range(0, of_task.size, 64 // of_task.itemsize):
                at = np.uint64(word)
                exit_line(exits, to + at, of_task, at, table, starts, masks, own)
                fetch_line(masks, ahead + at)
        totals = _four_sums(a, b, c, d, flat, leaves.shape[0] // 2)
        for lane in range(min(4, chosen.size - first)):
            raw[first + lane] = totals[lane]


@_inlined
def _narrowed(chosen: Ints, table: Words, masks: Words, further: Rows, narrowed: Words) -> None:
    """Fill `narrowed` (k, w): the masks of the chosen people, with those of the further features."""
    for i in range(chosen.size):
        narrowed[i] = masks[chosen[i]]
        for row in range(further.shape[0]):
            narrowed[i] &= table[further[row, chosen[i]]]


@_inlined
def _score(
    task: int, employees: Ints, raw: Floats, tables: MaskTables, people: People, work: Work, further: Rows
) -> None:
    of_task = tables.rows[work.rows[task, 0]].copy()
    for column in range(1, work.rows.shape[1]):
        of_task &= tables.rows[work.rows[task, column]]
    rows, values = np.empty((5, _BLOCK), np.int32), np.empty(_BLOCK)
    narrowed, places = np.empty((_BLOCK if further.shape[0] else 0, of_task.size), of_task.dtype), np.arange(_BLOCK)
    for begin in range(0, employees.size, _BLOCK):
        chosen = employees[begin : begin + _BLOCK]
        _pair_rows(task, chosen, tables, people, work, values[: chosen.size], rows)
        masks = people.masks
        if further.shape[0]:
            _narrowed(chosen, tables.rows, people.masks, further, narrowed)
            masks, chosen = narrowed, places[: chosen.size]
        _sum_leaves(chosen, of_task, masks, tables.rows, rows, tables.leaves, raw[begin : begin + _BLOCK])


@_inlined
def _refresh(first: int, last: int, tables: MaskTables, people: People) -> None:
    values, rows = np.empty(last - first), np.empty((2, last - first), np.int32)
    for i in range(values.size):
        hours, most = people.hours[first + i], people.max_hours[first + i]
        people.free_hours[first + i] = _free_hours(hours, most)
        values[i] = _workload_ratio(hours, most)
    _rows_of(values, _WORKLOAD_RATIO, tables, rows[0])
    _rows_of(people.active[first:last], _ACTIVE_TASKS, tables, rows[1])
    for i in range(values.size):
        masks = people.masks[first + i]
        masks[:] = tables.rows[rows[0, i]]
        masks &= tables.rows[rows[1, i]]
        for column in range(people.fixed.shape[1]):
            masks &= tables.rows[people.fixed[first + i, column]]


@cache
def kernels(bits: int) -> Kernels:
    """The kernels for words of 32 or 64 bits; they are compiled, or read from disk, when they are first called."""
    others = f"{bits} {dependencies()}"

    def refresh(first: int, last: int, tables: MaskTables, people: People) -> None:
        if others:
            _refresh(first, last, tables, people)

    def score(
        task: int, employees: Ints, raw: Floats, tables: MaskTables, people: People, work: Work, further: Rows
    ) -> None:
        if others:
            _score(task, employees, raw, tables, people, work, further)

    return Kernels(bits, _compiled(refresh), _compiled(score))


def dependencies() -> str:
    """What compiled code depends on beside this file.

    A kernel on disk is thrown away when its own file changes or a variable of its closure does; so this must be one.
    """
    return f"{FEATURE_NAMES} {BUCKETS} {ZERO} {inspect.getsource(formulas)} {inspect.getsource(words)}"


def _compiled(function: Callable[..., None]) -> Any:
    """`function` as compiled code that lets other threads run; kept on disk where that is possible."""
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # there is no directory that can be written
        return numba.njit(nogil=True, error_model="numpy")(function)
