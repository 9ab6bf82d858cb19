"""What the protocols of dispatch and finalize can look like at one moment, and when two moments are the same."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import permutations
from typing import Any

from assignment_engine.domain.stored import StoredPreview
from tests.model.world import PEOPLE, TASKS, TIMEOUT, Look, Rows, records

SEEN_AS_OUTAGE = timedelta(seconds=15)


@dataclass(frozen=True)
class Instance:
    """One process: what it still has to do after a commit, or that it is between the beginning of a round of the loop
    and the end of those who were silent."""

    look: Look | None = None
    begun: bool = False

    @property
    def is_idle(self) -> bool:
        return self.look is None and not self.begun


IDLE = Instance()


@dataclass(frozen=True)
class Scope:
    """What may happen at all; all of it together has more states than there is time for in a suite.

    Parameters
    ----------
    previews : how many plans are made.
    time : whether people fall silent, the loop closes their sessions, and everything stops.
    """

    previews: int = 1
    time: bool = True


BOTH, DISPATCH, FINALIZE = Scope(), Scope(previews=0), Scope(time=False)


@dataclass(frozen=True)
class State:
    """Everything there is at one moment.

    Parameters
    ----------
    unheard : people who were silent for longer than the time-out while somebody listened.
    lost : whether a crash took a second look along, and no whole round of the loop has been since.
    """

    rows: Rows
    now: datetime
    instances: tuple[Instance, Instance] = (IDLE, IDLE)
    unheard: frozenset[str] = frozenset()
    lost: bool = False
    scope: Scope = BOTH


@dataclass(frozen=True)
class View:
    """The rows of a state, as far as the protocols are about them."""

    people: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, Mapping[str, Any]]
    active: Mapping[str, Mapping[str, Any]]
    sessions: Mapping[str, Mapping[str, Any]]
    older: Mapping[str, str]
    previews: tuple[Mapping[str, Any], ...]
    cycle: Mapping[str, Any]

    @classmethod
    def of(cls, rows: Rows) -> View:
        sessions = records(rows, "sessions")
        return cls(
            people={row["employee_id"]: row for row in records(rows, "employees")},
            tasks={row["task_id"]: row for row in records(rows, "tasks")},
            active={row["active_task_id"]: row for row in records(rows, "task_assignments") if row["active_task_id"]},
            sessions={row["open_employee_id"]: row for row in sessions if row["open_employee_id"]},
            older={row["employee_id"]: row["session_id"] for row in sessions if not row["open_employee_id"]},
            previews=tuple(records(rows, "previews")),
            cycle=next(row for row in records(rows, "cycles") if row["name"] == "dispatch"),
        )

    def silent(self, now: datetime) -> list[str]:
        """Who has an open session without a sign of life for longer than the time-out."""
        return [p for p, row in sorted(self.sessions.items()) if row["last_seen_at"] < text_of(now - TIMEOUT)]

    def free(self) -> list[str]:
        return [person for person, row in sorted(self.people.items()) if row["free_at"] is not None]

    def waiting(self) -> list[str]:
        return [task for task, row in sorted(self.tasks.items()) if row["dispatch_key"] is not None]


def text_of(moment: datetime) -> str:
    """As SQLite keeps it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def canonical(state: State) -> str:
    """The same text for states that differ only in names, moments and what is over."""
    view = View.of(state.rows)
    return min(
        repr(_named(state, view, dict(zip(PEOPLE, people, strict=True)), dict(zip(TASKS, tasks, strict=True))))
        for people in permutations(range(2))
        for tasks in permutations(range(2))
    )


def _named(state: State, view: View, people: dict[str, int], tasks: dict[str, int]) -> tuple[Any, ...]:
    """The state, with numbers for names."""
    silent, free, cycle = view.silent(state.now), _order(view.people, "free_at"), view.cycle
    persons = sorted((people[p], p in view.sessions, p in silent, p in state.unheard, free.get(p, -1)) for p in PEOPLE)
    orders = _order(view.tasks, "enqueued_at")
    works = sorted((tasks[t], *_task(view, t, people), orders[t]) for t in view.tasks)
    looks = sorted(
        (one.begun, *((sorted(people[p] for p in one.look.people), sorted(tasks[t] for t in one.look.tasks))
                      if one.look else ()))
        for one in state.instances
    )  # fmt: skip
    plans = [(row["finalized_at"] is not None, _plan(row, people, tasks)) for row in view.previews]
    old = cycle["last_at"] < text_of(state.now - SEEN_AS_OUTAGE)
    quiet = cycle["quiet_until"] is not None and cycle["quiet_until"] > text_of(state.now)
    return persons, works, looks, plans, old, quiet, state.lost


def _order(found: Mapping[str, Mapping[str, Any]], column: str) -> dict[str, int]:
    ordered = sorted((row[column], name) for name, row in found.items() if row[column] is not None)
    return {name: place for place, (_, name) in enumerate(ordered)}


def _task(view: View, task: str, people: dict[str, int]) -> tuple[Any, ...]:
    row, held = view.tasks[task], view.active.get(task)
    holder = (people[held["employee_id"]], held["status"], held["session_id"] is not None) if held else ()
    return row["status"], row["dispatch_key"] is not None, row["due_at"] is not None, holder


def _plan(row: Mapping[str, Any], people: dict[str, int], tasks: dict[str, int]) -> list[tuple[int, int]]:
    return sorted((tasks[a["task_id"]], people[a["employee_id"]]) for a in planned(row))


def planned(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The assignments of a stored preview."""
    return _planned(row["content"])


@lru_cache(maxsize=10_000)
def _planned(content: bytes) -> list[dict[str, Any]]:
    stored = StoredPreview.model_validate_json(zlib.decompress(content))
    return [{"task_id": a.task_id, "employee_id": a.employee_id} for a in stored.preview.assignments]
