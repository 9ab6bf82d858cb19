"""What must hold after everything, whatever went wrong: the books of the clients against those of the database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2

from assignment_engine.store.database import Database
from chaos.books import ACTIVE, BIRTHS, KEEPS, LIVE_BIRTHS, Books, Change, Session, difference
from chaos.consumer import out_of_order, projected
from chaos.ledger import Accepted, Ledger
from chaos.servers import Postgres

_MOST = 5
_ENDS = ("complete", "accept", "reject", "fail", "release", "cancel", "assign")
_STREAM = "assignment-engine:events"


@dataclass(frozen=True)
class Evidence:
    """Everything that is known when all is over.

    Parameters
    ----------
    heard : the envelopes by each way out: `http`, `feed` and `redis`.
    stopped : when everything was stopped, in the time of this machine.
    timeout_seconds : silence after which a person may be logged out.
    jobs_end : whether there was time for every job to end, those of processes that died among them.
    """

    books: Books
    ledger: Ledger
    heard: Mapping[str, Sequence[Mapping[str, Any]]]
    stopped: Sequence[tuple[float, float]]
    timeout_seconds: float
    jobs_end: bool = False


def all_findings(evidence: Evidence, postgres: Postgres) -> list[str]:
    """Everything that is wrong; nothing, when all guards hold."""
    found = [*evidence.ledger.findings, *doctor(postgres), *second_active_assignment(postgres)]
    for name, check in CHECKS.items():
        some = list(check(evidence))
        found += [f"{name}: {finding}" for finding in some[:_MOST]]
        found += [f"{name}: and {len(some) - _MOST} more"] if len(some) > _MOST else []
    return found


def doctor(postgres: Postgres) -> list[str]:
    """What the product's own checks find."""
    database = Database(postgres.url)
    try:
        with database.read() as unit:
            found = [finding for finding in unit.doctor() if finding.severity == "error"]
            failed = unit.alerts.standing("dispatch_failed")
    finally:
        database.dispose()
    return [f"doctor: {f.code} {f.subject}: {f.detail}" for f in found[:_MOST]] + [f"alert: {name}" for name in failed]


def second_active_assignment(postgres: Postgres) -> list[str]:
    """Somebody who knows no locks gives out a task that somebody has: the database itself must refuse."""
    connection = postgres.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ONE_MORE)
    except psycopg2.errors.UniqueViolation:
        return []
    else:
        return ["wall: the database takes a second active assignment of a task"]
    finally:
        connection.close()  # without a commit


def lost(evidence: Evidence) -> Iterator[str]:
    """Tasks that were accepted and are not there, or that nobody could finish when all had time to."""
    told = [entry.answer["task_id"] for entry in evidence.ledger.accepted("new task")]
    told += [task for entry in evidence.ledger.accepted("import") for task in entry.answer]
    yield from (f"{task} was accepted and is not there" for task in difference(told, evidence.books.tasks))
    yield from (f"{task} is left, {how}" for task, how in evidence.books.unfinished.items())


def doubled(evidence: Evidence) -> Iterator[str]:
    """Work that was given out while somebody had it, and requests that had their effect twice."""
    holders: dict[str, Change] = {}
    for change in evidence.books.audit:
        if change.event in BIRTHS:
            if change.task in holders:
                yield f"{change.task} was given to {change.person} while {holders[change.task].person} had it"
            holders[change.task] = change
        elif change.event not in KEEPS:
            holders.pop(change.task, None)
    yield from (f"task {title} is there {n} times" for title, n in evidence.books.titles.items() if n > 1)


def over_capacity(evidence: Evidence) -> Iterator[str]:
    """People who carried more hours than they can, or were given more units live than they have."""
    seconds: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for change in evidence.books.audit:
        if change.person is None or change.event in KEEPS:
            continue
        sign = 1 if change.event in BIRTHS else -1
        seconds[change.person] += sign * change.seconds
        units[change.person] += sign * change.units
        if sign > 0:
            yield from _too_much(evidence.books, change, seconds[change.person], units[change.person])


def _too_much(books: Books, change: Change, seconds: int, units: int) -> Iterator[str]:
    most = books.people[str(change.person)]
    if not change.overload and seconds + most.external_seconds > most.max_seconds:
        yield f"{change.person} carried {seconds / 3600:g} h of {most.max_seconds / 3600:g} h with {change.task}"
    if change.event in LIVE_BIRTHS and units > most.max_units:
        yield f"{change.person} carried {units} of {most.max_units} units with {change.task}"


def absent(evidence: Evidence) -> Iterator[str]:
    """Work that was given live to somebody who was not there."""
    sessions = evidence.books.sessions_of()
    for change in evidence.books.audit:
        if change.event in LIVE_BIRTHS and not any(_covers(s, change.at) for s in sessions.get(str(change.person), ())):
            yield f"{change.person} was given {change.task} at {change.at} and was not there"


def _covers(session: Session, at: datetime) -> bool:
    return session.opened <= at and (session.closed is None or at <= session.closed)


def not_durable(evidence: Evidence) -> Iterator[str]:
    """What clients were told is done, and is not written down (or more than once)."""
    books, ledger = evidence.books, evidence.ledger
    for event in _ENDS:
        times = books.events_of(event)
        ids = {_assignment_id(entry) for entry in ledger.accepted(event)}
        yield from (f"{event} of {one} is written {times[one]} times" for one in sorted(ids) if times[one] != 1)
    given = [a for entry in ledger.accepted("finalize") for a in entry.answer["assignments"]]
    yield from (f"finalized {one} is not there" for one in difference((a["id"] for a in given), books.assignments))
    following = [e.answer["next"]["id"] for e in ledger.accepted("complete") if e.answer.get("next")]
    yield from (f"next {one} is not there" for one in difference(following, books.assignments))
    previews = [entry.answer["preview_id"] for entry in ledger.accepted("preview")]
    yield from (f"preview {one} is not there" for one in difference(previews, books.previews))
    uploads = [entry.answer["id"] for entry in ledger.accepted("upload")]
    yield from (f"job {one} is not there" for one in difference(uploads, books.jobs))
    if evidence.jobs_end:
        yield from (f"job {one} is {status}" for one, status in books.jobs.items() if status != "completed")


def _assignment_id(entry: Accepted) -> str:
    answer = entry.answer.get("completed", entry.answer)
    return str(answer["id"])


def sessions_differ(evidence: Evidence) -> Iterator[str]:
    """Log-ins and signs of life that were taken, and are not written down."""
    sessions = evidence.books.sessions
    for entry in evidence.ledger.accepted("login"):
        found = sessions.get(entry.answer["session"])
        if found is None or found.fence != entry.answer["fence"]:
            yield f"session {entry.answer['session']} of {entry.subject} is not there"
    for found in sessions.values():
        signs = evidence.ledger.signs_of(found.session)
        if signs and found.seen.timestamp() < max(signs):
            yield f"{found.person} gave a sign of life {max(signs) - found.seen.timestamp():.1f} s after the last noted"


def logged_out(evidence: Evidence) -> Iterator[str]:
    """People who were logged out for silence, though they had been silent for less than the time-out while anybody
    could have heard them."""
    for found in evidence.books.sessions.values():
        if found.reason != "silent" or found.closed is None:
            continue
        last = max([found.seen.timestamp(), *evidence.ledger.signs_of(found.session)])
        silent = heard_silence(last, found.closed.timestamp(), evidence.stopped)
        if silent < evidence.timeout_seconds:
            yield f"{found.person} was logged out after {silent:.1f} s of silence"


def heard_silence(last: float, closed: float, stopped: Iterable[tuple[float, float]]) -> float:
    """The longest time of silence in which somebody could have been heard all the while."""
    longest, start = 0.0, last
    for stop, end in sorted(stopped):
        if end > start and stop < closed:
            longest, start = max(longest, stop - start), max(start, end)
    return max(longest, closed - start)


def events_differ(evidence: Evidence) -> Iterator[str]:
    """Events that are missing, doubled or out of order on one of the ways out, or that tell another story."""
    written = [event for event in evidence.books.outbox if event["position"] is not None]
    yield from (f"{event['event_id']} has no position" for event in evidence.books.outbox if event["position"] is None)
    ids = [event["event_id"] for event in written]
    for way, envelopes in evidence.heard.items():
        yield from (f"{way}: {place}" for place in out_of_order(envelopes))
        heard = {envelope["event_id"] for envelope in envelopes}
        yield from (f"{way}: event {one} never arrived" for one in difference(ids, heard))
        yield from (f"{way}: event {one} is not written" for one in difference(heard, ids))
        yield from (f"{way}: {wrong}" for wrong in projected(envelopes).wrong)


def state_differs(evidence: Evidence) -> Iterator[str]:
    """What a receiver of all events believes, against what is."""
    held = projected(evidence.heard["http"]).holders
    active = {one for one, (_, status) in evidence.books.assignments.items() if status in ACTIVE}
    believed = {assignment for assignment, _ in held.values()}
    yield from (f"a receiver does not know of {one}" for one in difference(active, believed))
    yield from (f"a receiver believes in {one}" for one in difference(believed, active))


def told_events_differ(evidence: Evidence) -> Iterator[str]:
    """Events from outside that were taken and did not have the effect that was said, once."""
    inbox = evidence.books.inbox
    for entry in evidence.ledger.accepted("event"):
        if inbox.get(entry.answer["event_id"]) != entry.answer["status"]:
            yield f"event {entry.answer['event_id']} was {entry.answer['status']}"
    for entry in evidence.ledger.accepted("stream event"):
        if inbox.get(entry.answer) not in ("done", "failed", "ignored"):
            yield f"event {entry.answer} of the stream is {inbox.get(entry.answer)}"


def redis_envelopes(client: Any) -> list[dict[str, Any]]:
    """The stream of events, as envelopes."""
    return [
        {"event_id": fields["event_id"], "position": int(fields["position"]), "data": json.loads(fields["data"])}
        for _, fields in client.xrange(_STREAM)
    ]


_ONE_MORE = """
    INSERT INTO task_assignments (assignment_id, task_id, employee_id, active_task_id, status, assigned_by,
        assignment_method, seconds, units, load_seconds, capacity_seconds, allow_overload, assigned_at, created_at,
        updated_at)
    SELECT one || '-probe', task_id, employee_id, task_id, 'assigned', 'probe', 'probe', 1, 1, 1, 1, false, now(),
        now(), now()
    FROM task_assignments CROSS JOIN (VALUES ('a'), ('b')) AS twice (one)
    WHERE assignment_id = (SELECT min(assignment_id) FROM task_assignments)
"""
CHECKS = {
    "lost": lost,
    "double": doubled,
    "over capacity": over_capacity,
    "absent": absent,
    "not durable": not_durable,
    "sessions": sessions_differ,
    "logged out": logged_out,
    "events": events_differ,
    "state": state_differs,
    "told events": told_events_differ,
}


def silent_log_outs(books: Books) -> int:
    """How many sessions ended because nobody was heard."""
    return sum(session.reason == "silent" for session in books.sessions.values())
