"""The settings of queues, and what changes with them."""

from __future__ import annotations

from collections.abc import Mapping

from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.records import Record
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.store.unit import UnitOfWork

TRIAGE = "triage"


class ShownQueue(Record):
    """A queue, and how long an untriaged task really waits: not at all while nobody triages."""

    queue: Queue
    effective_triage_wait_seconds: float


def show_queue(unit: UnitOfWork, name: str) -> ShownQueue:
    """The stored settings of a queue.

    Raises
    ------
    NotFoundError
    """
    queue = unit.queues.get(name)
    if queue is None:
        raise NotFoundError("queue", name)
    return _shown(unit, queue)


def list_queues(unit: UnitOfWork) -> tuple[ShownQueue, ...]:
    """All queues that were set, and the default one, by name."""
    return tuple(_shown(unit, queue) for queue in unit.queues.list())


def set_queue(unit: UnitOfWork, dispatcher: Dispatcher, name: str, changes: Mapping[str, object]) -> ShownQueue:
    """Set fields of a queue, which need not have been there; the loop finds the places of its tasks anew.

    Raises
    ------
    InvalidInputError
    """
    now = unit.now()
    before = unit.queues.hold(name, now).model_dump()
    queue = Queue(**{**before, **changes, "name": name})
    unit.queues.put(queue, now)
    unit.after_commit(dispatcher.memory.forget_streams)
    if unit.waiting.move_queue(name, now):
        unit.after_commit(dispatcher.wake)
    return _shown(unit, queue)


def _shown(unit: UnitOfWork, queue: Queue) -> ShownQueue:
    alive = unit.workers.alive(TRIAGE, unit.now())
    return ShownQueue(queue=queue, effective_triage_wait_seconds=queue.triage_wait_seconds if alive else 0.0)
