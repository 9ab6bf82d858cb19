"""Where a pending task waits: who may look at it now, and when time will change that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from assignment_engine.domain.live import Place, Stream, person_key
from assignment_engine.domain.queues import Queue, QueueMode
from assignment_engine.domain.records import StoredTask
from assignment_engine.domain.types import ProcessingStatus, TaskStatus, canonical_skill
from assignment_engine.services.core import done
from assignment_engine.services.dispatch.alerts import alert_what_waits_in_vain
from assignment_engine.store.unit import UnitOfWork

_KEY_DIGITS = 16
_UNREAD = (ProcessingStatus.PENDING, ProcessingStatus.PROCESSING)


def stream_of(task: StoredTask, queue: Queue) -> Stream:
    """The tasks that are open to the same people as this one, as far as queue and minimum levels go."""
    levels = {canonical_skill(name): level for name, level in sorted(task.minimum_levels.items())}
    text = json.dumps(levels, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS] if levels else ""
    return Stream(f"q:{queue.name}:{digest}", queue, levels)


@dataclass(frozen=True)
class Around:
    """What decides about the place of a task beside the task itself."""

    queue: Queue
    blocked: bool = False
    preferred_is_present: bool = False
    triage_is_alive: bool = False


def place_of(task: StoredTask, around: Around, now: datetime) -> Place:
    """The place of a pending task."""
    queue = around.queue
    since = task.enqueued_at or task.created_at
    place = Place(queue.rank_at(task.priority, since))
    if around.blocked or (task.dispatch_mode or queue.mode) == QueueMode.OFF:
        return place
    start = max(since, _scheduled(task) or since)
    if around.triage_is_alive and _is_untriaged(task):
        start = max(start, since + timedelta(seconds=queue.triage_wait_seconds))
    if now < start:
        return Place(place.rank_at, due_at=start)
    asked_until = start + timedelta(seconds=queue.preferred_wait_seconds)
    if task.preferred_employee and around.preferred_is_present and now < asked_until:
        return Place(place.rank_at, person_key(task.preferred_employee), asked_until)
    return Place(place.rank_at, stream_of(task, queue).dispatch_key, queue.next_stage(since, now))


def _is_untriaged(task: StoredTask) -> bool:
    return task.required_skills is None and task.processing_status in _UNREAD


def _scheduled(task: StoredTask) -> datetime | None:
    return None if task.scheduled_date is None else datetime.combine(task.scheduled_date, time.min, UTC)


def _queues(unit: UnitOfWork, pending: Sequence[StoredTask]) -> dict[str, Queue]:
    """Their queues; one that is off is locked, so that whoever switches it on sees the tasks that are left there."""
    found = unit.queues.named({task.queue for task in pending})
    off = [name for name, queue in found.items() if queue.mode is QueueMode.OFF]
    return {**found, **unit.queues.named(off, lock=True)} if off else found


def _finished(unit: UnitOfWork, pending: Sequence[StoredTask]) -> frozenset[str]:
    """What is done of that which they wait for; what is not is locked, so that whoever finishes it sees them."""
    wanted = {dependency for task in pending for dependency in task.dependencies}
    found = done(unit, wanted)
    open_ones = wanted - found
    if open_ones:
        unit.tasks.lock(open_ones)
        found |= done(unit, open_ones)
    return found


def _blocked(unit: UnitOfWork, pending: Sequence[StoredTask], now: datetime) -> set[str]:
    """Those that wait for others; an alert tells of those that do so in vain."""
    finished = _finished(unit, pending)
    found = [task for task in pending if not finished.issuperset(task.dependencies)]
    if found:
        alert_what_waits_in_vain(unit, found, now)
    return {task.task_id for task in found}


def find_places(unit: UnitOfWork, task_ids: Collection[str], now: datetime) -> dict[str, StoredTask]:
    """Put these tasks where they belong; those that somebody may look at now."""
    found = unit.tasks.get_many(task_ids)
    pending = [task for task in found if task.status is TaskStatus.PENDING]
    queues = _queues(unit, pending)
    blocked = _blocked(unit, pending, now)
    present = unit.sessions.present({task.preferred_employee for task in pending if task.preferred_employee})
    triage = any(_is_untriaged(task) for task in pending) and unit.workers.alive("triage", now)
    places = {
        task.task_id: place_of(
            task,
            Around(
                queue=queues[task.queue],
                blocked=task.task_id in blocked,
                preferred_is_present=task.preferred_employee in present,
                triage_is_alive=triage,
            ),
            now,
        )
        for task in pending
    }
    unit.waiting.place(places, [stream_of(task, queues[task.queue]) for task in pending])
    unit.waiting.leave(set(task_ids) - places.keys())
    return {
        task.task_id: task.model_copy(
            update={"rank_at": places[task.task_id].rank_at, "dispatch_key": places[task.task_id].dispatch_key}
        )
        for task in pending
        if places[task.task_id].dispatch_key is not None
    }
