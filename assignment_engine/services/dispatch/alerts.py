"""Tasks that nobody could ever take as things stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from assignment_engine.domain.live import AlertSubject, Stream
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.domain.types import TaskStatus
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.core import done
from assignment_engine.store.unit import UnitOfWork

UNASSIGNABLE = "unassignable"
MOST_TOLD = 100
_UNKNOWN = "which is not there"
_HOPELESS = {TaskStatus.FAILED: "which has failed", TaskStatus.CANCELLED: "which was cancelled"}


def raise_unassignable(unit: UnitOfWork, matcher: SkillMatcher, now: datetime) -> None:
    """Raise an alert for each waiting task that nobody is left for, and clear those that have become possible."""
    everybody = unit.employees.get_many(with_history=False)
    hopeless = [s for s in unit.waiting.streams() if not any(_serves(matcher, e, s) for e in everybody)]
    found = {task_id: _no_one(stream) for stream in hopeless for task_id in unit.waiting.in_stream(stream.dispatch_key)}
    found |= _refused_by_all(unit, matcher, everybody)
    standing = unit.alerts.standing(UNASSIGNABLE)
    found |= _waiting_in_vain(unit, unit.tasks.get_many(standing - found.keys()))
    over = standing - found.keys()
    unit.alerts.clear(UNASSIGNABLE, over, now, "somebody can take it, or it waits no longer", AlertSubject.TASK)
    for task_id, reason in sorted(found.items()):
        unit.alerts.raise_(UNASSIGNABLE, task_id, reason, now, about=AlertSubject.TASK)


def alert_what_waits_in_vain(unit: UnitOfWork, blocked: Sequence[StoredTask], now: datetime) -> None:
    """Raise the alert at once for those of these tasks that wait for what will not be done as things stand.

    Beyond a hundred standing alerts one more would tell nothing new.
    """
    found = _waiting_in_vain(unit, blocked)
    room = MOST_TOLD - len(unit.alerts.standing(UNASSIGNABLE)) if found else 0
    for task_id, reason in sorted(found.items())[: max(0, room)]:
        unit.alerts.raise_(UNASSIGNABLE, task_id, reason, now, about=AlertSubject.TASK)


def _waiting_in_vain(unit: UnitOfWork, blocked: Sequence[StoredTask]) -> dict[str, str]:
    pending = [task for task in blocked if task.status is TaskStatus.PENDING]
    wanted = {dependency for task in pending for dependency in task.dependencies}
    still_open = wanted - done(unit, wanted)
    status = {task.task_id: task.status for task in unit.tasks.get_many(still_open)}
    ends = {name: _HOPELESS.get(status[name]) if name in status else _UNKNOWN for name in still_open}
    return {
        task.task_id: f"it waits for {name}, {ends[name]}"
        for task in pending
        for name in sorted(task.dependencies, reverse=True)
        if ends.get(name)
    }


def alert_if_nobody_is_left(unit: UnitOfWork, matcher: SkillMatcher, task_id: str, now: datetime) -> None:
    """Raise the alert at once for a task that has just been refused, if it was refused by the last who could."""
    everybody = unit.employees.get_many(with_history=False)
    reason = _refused_by_all(unit, matcher, everybody, [task_id]).get(task_id)
    if reason is not None:
        unit.alerts.raise_(UNASSIGNABLE, task_id, reason, now, about=AlertSubject.TASK)


def _serves(matcher: SkillMatcher, person: StoredEmployee, stream: Stream) -> bool:
    """Whether a person could look at a stream at all, once its minimum levels are relaxed as far as they go."""
    if person.queues and stream.queue.name not in person.queues:
        return False
    factor = min((stage.factor for stage in stream.queue.relax), default=1.0)
    held: Mapping[str, float] = matcher.levels(person.skills or {})
    asked = matcher.levels(stream.minimum_levels)
    return all(held.get(name, 0.0) >= level * factor for name, level in asked.items())


def _no_one(stream: Stream) -> str:
    levels = ", ".join(f"{name} {level:g}" for name, level in sorted(stream.minimum_levels.items()))
    return f"nobody serves queue {stream.queue.name}" + (f" with {levels}" if levels else "")


def _refused_by_all(
    unit: UnitOfWork,
    matcher: SkillMatcher,
    everybody: Sequence[StoredEmployee],
    task_ids: Collection[str] | None = None,
) -> dict[str, str]:
    """Waiting tasks that everybody who could take them has refused."""
    streams = {stream.dispatch_key: stream for stream in unit.waiting.streams()}
    refused: dict[str, str] = {}
    for task_id, (key, people) in unit.waiting.rejected(task_ids).items():
        stream = streams.get(key)
        if stream is None:
            continue
        left = [e for e in everybody if e.employee_id not in people and _serves(matcher, e, stream)]
        if not left:
            refused[task_id] = f"everybody who could take it has rejected it ({len(people)})"
    return refused
