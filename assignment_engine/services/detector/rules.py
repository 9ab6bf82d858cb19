"""When something is a trouble, and when it is none any more. The two limits differ, so that no alert flaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from assignment_engine.domain.assignments import AssignmentStatus
from assignment_engine.domain.going import ActiveWork
from assignment_engine.domain.live import AlertSubject
from assignment_engine.domain.queues import Queue
from assignment_engine.domain.troubles import Answer, Carried, DueSoon, Trouble, TroubleKind, WaitingLong
from assignment_engine.domain.types import SECONDS_PER_HOUR, hours_between, utc_text
from assignment_engine.learning.falling import KEPT_AT, RAISED_AT, fall_of
from assignment_engine.services.detector.watched import STUCK_BEYOND, Watched
from assignment_engine.services.eta import Asked, EtaPredictor

LATE_RAISED, LATE_KEPT = 2 / 3, 1 / 2
SHORTEST_SILENCE_HOURS = 10.0 / 60.0
LOADED_RAISED, LOADED_KEPT = 100, 95
NEAR_HOURS, NEAR_KEPT = 1.0, 1.1
_STUCK_IN = (AssignmentStatus.ASSIGNED, AssignmentStatus.ACCEPTED)


def late(watched: Iterable[Watched]) -> Iterator[Trouble]:
    """Work that will be complete by its deadline with a chance of at most a third, or is overdue."""
    for each in watched:
        work, deadline = each.work, each.work.deadline
        if deadline is None or each.late is None or each.late < LATE_KEPT:
            continue
        overdue = each.at >= deadline
        expected, safe = map(_minute, each.eta)
        chance = "overdue" if overdue else f"{1.0 - each.late:.0%} likely to be in time"
        yield Trouble(
            TroubleKind.LATE,
            work.task_id,
            AlertSubject.TASK,
            f"due {_minute(deadline)}, {chance}; {work.employee_id} is expected to complete it about {expected}, "
            f"by {safe} with 90 % safety",
            severity="critical" if overdue else "warning",
            urgency=hours_between(each.at, deadline),
            holds=each.late >= LATE_RAISED,
            assignment_id=work.assignment_id,
        )


def overdue(works: Iterable[ActiveWork], watched: Iterable[Watched], now: datetime) -> Iterator[Trouble]:
    """Work beyond its deadline of which nobody can say when it will be complete."""
    known = {each.work.assignment_id for each in watched}
    for work in works:
        if work.deadline is None or now < work.deadline or work.assignment_id in known:
            continue
        yield Trouble(
            TroubleKind.LATE,
            work.task_id,
            AlertSubject.TASK,
            f"due {_minute(work.deadline)}, overdue; with {work.employee_id} since {_minute(work.assigned_at)}",
            severity="critical",
            urgency=hours_between(now, work.deadline),
            assignment_id=work.assignment_id,
        )


def stuck(watched: Iterable[Watched]) -> Iterator[Trouble]:
    """Work without a sign of progress that has lasted far longer than 90 % of such work does."""
    for each in watched:
        work, expected = each.work, each.expected
        silence = hours_between(work.touched_at, each.at)
        quiet = silence > max(expected.p50 / SECONDS_PER_HOUR, SHORTEST_SILENCE_HOURS)
        if work.status not in _STUCK_IN or each.elapsed <= STUCK_BEYOND * each.longest or not quiet:
            continue
        yield Trouble(
            TroubleKind.STUCK,
            work.task_id,
            AlertSubject.TASK,
            f"with {work.employee_id} for {_hours(each.elapsed)}, such work takes {_hours(each.longest)} at most; "
            f"no sign of progress since {_minute(work.touched_at)}",
            urgency=-each.elapsed / max(each.longest, 1e-3),
            assignment_id=work.assignment_id,
        )


def overload(loaded: Iterable[Carried]) -> Iterator[Trouble]:
    """People who carry more than their capacity."""
    for each in loaded:
        carried, most = (seconds / SECONDS_PER_HOUR for seconds in (each.carried_seconds, each.max_seconds))
        yield Trouble(
            TroubleKind.OVERLOAD,
            each.employee_id,
            AlertSubject.EMPLOYEE,
            f"carries {carried:g} h with a capacity of {most:g} h",
            urgency=most - carried,
            holds=each.carried_seconds * 100 > each.max_seconds * LOADED_RAISED,
        )


def waiting_too_long(tasks: Iterable[WaitingLong], queue: Queue, now: datetime) -> Iterator[Trouble]:
    """Tasks that have waited beyond the limit of their queue."""
    for task in tasks:
        waited = hours_between(task.enqueued_at, now)
        yield Trouble(
            TroubleKind.STARVING,
            task.task_id,
            AlertSubject.TASK,
            f"has waited {_hours(waited)} in queue {queue.name}, whose limit is {_hours(queue.max_wait_hours)}",
            urgency=-waited,
        )


def unassigned_near_deadline(tasks: Sequence[DueSoon], eta: EtaPredictor, now: datetime) -> Iterator[Trouble]:
    """Tasks that nobody has and that would be late at even odds if somebody began them now."""
    expected = eta.expect([Asked("", task.category, task.estimated_hours) for task in tasks])
    for task, found in zip(tasks, expected, strict=True):
        needed = NEAR_HOURS if found is None else found.p50 / SECONDS_PER_HOUR
        left = hours_between(now, task.deadline)
        if left > needed * NEAR_KEPT:
            continue
        overdue = left <= 0.0
        takes = "" if found is None else f", and such work takes {_hours(needed)}"
        yield Trouble(
            TroubleKind.STARVING,
            task.task_id,
            AlertSubject.TASK,
            f"nobody has it; {'it was' if overdue else 'it is'} due {_minute(task.deadline)}{takes}",
            severity="critical" if overdue else "warning",
            urgency=left,
            holds=left <= needed,
        )


def falling_acceptance(answers: Iterable[Answer]) -> Iterator[Trouble]:
    """Queues whose offers are accepted less often than they used to be."""
    by_queue: defaultdict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        by_queue[answer.queue].append(answer.accepted)
    for queue, given in sorted(by_queue.items()):
        fall = fall_of(given)
        if fall is None or fall.evidence < KEPT_AT:
            continue
        yield Trouble(
            TroubleKind.ACCEPTANCE,
            queue,
            AlertSubject.OTHER,
            f"of the newest offers in queue {queue} {fall.newest:.0%} are accepted, {fall.usual:.0%} before",
            holds=fall.evidence >= RAISED_AT,
        )


def _hours(hours: float) -> str:
    return f"{hours * 60.0:.0f} min" if hours < 2.0 else f"{hours:.1f} h"


def _minute(moment: datetime) -> str:
    return utc_text(moment.replace(second=0, microsecond=0))
