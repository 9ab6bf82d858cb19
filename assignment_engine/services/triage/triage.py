"""Triage: workers claim tickets in batches, read them, and fill in what nobody has said yet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from assignment_engine.domain.conversations import TicketFinding, TriagedField
from assignment_engine.domain.types import TaskStatus
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.triage.rules import CategoryReader, ComplexityReader, HoursReader
from assignment_engine.services.triage.skills import SkillReader
from assignment_engine.services.triage.tickets import BestOf, Ticket, TicketReader, Vocabulary
from assignment_engine.store.claims import Claim
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

CONFIDENT = 0.5
_CLOSED = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


@dataclass(frozen=True)
class Reading:
    """What was read out of one ticket; `note` says what could not be asked."""

    findings: tuple[TicketFinding, ...]
    note: str | None = None


Refine = Callable[[Sequence[Ticket], Sequence[Reading], Vocabulary], Sequence[Reading]]
MakeReader = Callable[[Vocabulary], TicketReader]
OnTriaged = Callable[[UnitOfWork, Sequence[str]], None]


def rules_reader(matcher: SkillMatcher, vocabulary: Vocabulary) -> TicketReader:
    """The reader that needs no model: known skills, and rules for the rest."""
    return BestOf((SkillReader(vocabulary, matcher), CategoryReader(vocabulary), ComplexityReader(), HoursReader()))


def _nobody_waits(_unit: UnitOfWork, _task_ids: Sequence[str]) -> None:
    """Nobody asked to be told."""


@dataclass(frozen=True)
class TriageSettings:
    """How one worker goes about it. The lease must outlast reading one batch."""

    batch: int = 200
    lease: timedelta = timedelta(seconds=60)
    vocabulary_age: timedelta = timedelta(seconds=60)
    confident: float = CONFIDENT
    pause_seconds: float = 1.0


class TriageWorker:
    """One worker; any number of them share the work, in any number of processes.

    Parameters
    ----------
    instance_id : tells its claims from those of others.
    make_reader : the reader for what the organisation has names for at the moment.
    phrases : phrases that point to skills, beside names and aliases.
    on_triaged : called in the transaction that fills in the findings, with the ids of the tasks that were read.
    refine : asked about the readings of a batch, outside any transaction; adds to them what it can.
    """

    def __init__(
        self,
        database: Database,
        instance_id: str,
        make_reader: MakeReader,
        *,
        phrases: Mapping[str, tuple[str, float]] | None = None,
        on_triaged: OnTriaged = _nobody_waits,
        refine: Refine | None = None,
        settings: TriageSettings | None = None,
    ) -> None:
        self._database, self._instance_id, self._make_reader = database, instance_id, make_reader
        self._phrases, self._on_triaged, self._refine = phrases, on_triaged, refine
        self._settings = settings or TriageSettings()
        self._known = _Known()

    def run_once(self) -> int:
        """Claim one batch, read it and write the findings; how many tickets were claimed."""
        if not self._look():
            return 0
        taken = self._database.run(self._take)
        if taken.tickets:
            readings, failures = self._read(taken)
            self._database.run(partial(self._write, taken, readings, failures))
        return len(taken.claims)

    def step(self, _now: datetime) -> float:
        """One batch, as a step of a loop: in how many seconds to look again."""
        return 0.0 if self.run_once() else self._settings.pause_seconds

    def _take(self, unit: UnitOfWork) -> _Taken:
        now = unit.now()
        claims = unit.triage_claims.take(self._instance_id, self._settings.batch, now, self._settings.lease)
        by_id = {claim.key: claim for claim in claims}
        said = unit.conversations.of_tasks(by_id)
        tickets = [
            Ticket(task_id, title, description, tuple(c.content for c in said.get(task_id, ())))
            for task_id, (title, description) in unit.triage.texts(by_id).items()
        ]
        return _Taken(by_id, tuple(tickets))

    def _look(self) -> bool:
        """Whether a ticket is due; asks now and then what the organisation has names for."""
        with self._database.read() as unit:
            now = unit.now()
            due = unit.triage_claims.next_due()
            if due is None or due > now:
                return False
            if self._known.at is None or now - self._known.at >= self._settings.vocabulary_age:
                vocabulary = Vocabulary(unit.triage.known_skills(), unit.triage.known_categories(), self._phrases)
                self._known = _Known(now, vocabulary, self._make_reader(vocabulary))
        return True

    def _read(self, taken: _Taken) -> tuple[dict[str, Reading], dict[Claim, str]]:
        """The reading of each ticket, and what went wrong with the others."""
        try:
            answers = self._known.read(taken.tickets)
        except Exception as exc:
            _log.warning("reading %d tickets at once failed: %s", len(taken.tickets), type(exc).__name__)
            return self._read_each(taken)
        found = {ticket.task_id: Reading(answer) for ticket, answer in zip(taken.tickets, answers, strict=True)}
        return self._refined(taken, found), {}

    def _read_each(self, taken: _Taken) -> tuple[dict[str, Reading], dict[Claim, str]]:
        """One by one, so that a ticket that cannot be read stops no other."""
        readings: dict[str, Reading] = {}
        failures: dict[Claim, str] = {}
        for ticket in taken.tickets:
            try:
                readings[ticket.task_id] = Reading(self._known.read([ticket])[0])
            except Exception as exc:
                # The message may hold words of the ticket; the kind of error does not.
                _log.warning("triage of %s failed: %s", ticket.task_id, type(exc).__name__)
                failures[taken.claims[ticket.task_id]] = f"reading it failed ({type(exc).__name__})"
        return self._refined(taken, readings), failures

    def _refined(self, taken: _Taken, readings: dict[str, Reading]) -> dict[str, Reading]:
        tickets = [ticket for ticket in taken.tickets if ticket.task_id in readings]
        if self._refine is None or not tickets:
            return readings
        local = [readings[ticket.task_id] for ticket in tickets]
        answers = self._refine(tickets, local, self._known.vocabulary)
        return {ticket.task_id: answer for ticket, answer in zip(tickets, answers, strict=True)}

    def _write(
        self, taken: _Taken, readings: Mapping[str, Reading], failures: Mapping[Claim, str], unit: UnitOfWork
    ) -> None:
        """Fill in what was found, as far as the claims still count."""
        held = unit.triage_claims.held(list(taken.claims.values()))
        now = unit.now()
        done = {task_id: reading for task_id, reading in readings.items() if task_id in held}
        results = self._results(unit, done)
        unit.tasks.fill({task_id: result.changes for task_id, result in results.items()}, now)
        unit.triage.keep({task_id: (r.findings, done[task_id].note) for task_id, r in results.items()}, now)
        unit.conversations.mark_processed(results, now)
        unit.triage_claims.finish(results, now)
        unit.triage_claims.give_back({c: error for c, error in failures.items() if c.key in held}, now)
        if results:
            self._on_triaged(unit, sorted(results))

    def _results(self, unit: UnitOfWork, done: Mapping[str, Reading]) -> dict[str, _Result]:
        filled, confident = unit.triage.filled(done), self._settings.confident
        return {
            task_id: _result(status, fields, done[task_id].findings, filled.get(task_id, frozenset()), confident)
            for task_id, (status, fields) in unit.triage.fields(done).items()
        }


@dataclass(frozen=True)
class _Taken:
    claims: Mapping[str, Claim]
    tickets: tuple[Ticket, ...]


@dataclass(frozen=True)
class _Known:
    """The vocabulary at some moment, and a reader for it."""

    at: datetime | None = None
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    reader: TicketReader | None = None

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        return [() for _ in tickets] if self.reader is None else self.reader.read(tickets)


@dataclass(frozen=True)
class _Result:
    findings: tuple[TicketFinding, ...]
    changes: Mapping[str, object]


def _result(
    status: TaskStatus,
    fields: Mapping[TriagedField, Any],
    findings: Sequence[TicketFinding],
    filled: frozenset[str],
    confident: float,
) -> _Result:
    """What a task gets: fields that are empty or came from here before; what a person set stays, and a closed task.

    What came from here before and cannot be read any more becomes unknown again.
    """
    if status in _CLOSED:
        kept = {f.field for f in findings if f.field in filled and fields[f.field] == f.value}
        return _Result(tuple(f.model_copy(update={"applied": f.field in kept}) for f in findings), {})
    judged = tuple(
        f.model_copy(update={"applied": (fields[f.field] is None or f.field in filled) and f.confidence >= confident})
        for f in findings
    )
    found = {finding.field: finding.value for finding in judged if finding.applied}
    wanted: dict[TriagedField, object] = {**dict.fromkeys(map(TriagedField, filled)), **found}
    return _Result(judged, {field.value: value for field, value in wanted.items() if fields[field] != value})
