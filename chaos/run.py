"""One run: start, a calm time, faults, rest, and the verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from chaos.books import Books
from chaos.breakage import BREAKAGES
from chaos.calls import GaveUpError, Office
from chaos.checks import Evidence, all_findings, redis_envelopes, silent_log_outs
from chaos.crowd import Crowd
from chaos.desk import BOSS
from chaos.faults import EVERYTHING, FAULTS, Faults
from chaos.installation import Installation, Scale, installed
from chaos.ledger import Ledger, Meter
from chaos.stampedes import QUEUE

WINDOW_SECONDS = 2.0
QUICK = [name for name in FAULTS if name not in EVERYTHING]
ENOUGH = 0.95
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Parameters
    ----------
    seed : decides what happens; when it happens is the operating system's.
    scale : how long things take.
    faults : one after the other.
    fault_seconds : after these faults come others at random, until so much time has passed.
    storm_seconds : then faults come two at a time, and nothing is waited for.
    rate : acts of all clients a second, if the installation keeps up.
    calm_seconds : before the first fault; the baseline.
    longest_recovery_seconds : how long throughput is waited for after a fault.
    gap_seconds : at most so long before the next one.
    drain_seconds : how long everything may take to be finished in the end.
    stampedes : how much of the acts are stampedes, where a device's are 1.
    broken : a guard that is broken.
    """

    seed: str
    scale: Scale
    faults: Sequence[str]
    fault_seconds: float = 0.0
    storm_seconds: float = 0.0
    rate: float = 40.0
    calm_seconds: float = 20.0
    longest_recovery_seconds: float = 90.0
    gap_seconds: float = 2.0
    drain_seconds: float = 180.0
    stampedes: int = 1
    broken: str | None = None


@dataclass(frozen=True)
class Blow:
    """One fault: how long it lasted, and how long after it throughput was back (None: not seen)."""

    name: str
    hit: str
    lasted: float
    recovered: float | None


@dataclass
class Verdict:
    """What came of a run."""

    baseline: float = 0.0
    blows: list[Blow] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    silent: int = 0
    unexpected: Mapping[str, int] = field(default_factory=dict)


class Run:
    """An installation, its crowd, and what goes wrong."""

    def __init__(self, plan: Plan, installation: Installation, say: Say) -> None:
        self.plan, self.installation, self._say = plan, installation, say
        self.ledger, self.meter = Ledger(), Meter()
        self.office = Office(
            installation.ports,
            self.ledger,
            self.meter,
            timeout_seconds=5.0 if plan.scale.copies else 10.0,
            patience_seconds=plan.scale.stop_seconds + 120.0,
        )
        aims = BREAKAGES[plan.broken].aims if plan.broken else ()
        self.crowd = Crowd(self.office, installation.redis, plan.seed, plan.scale.timeout_seconds, aims)
        self.faults = Faults(installation, self.office.gate, self.crowd.bureaus, Random(f"{plan.seed} faults"))
        self._random = Random(f"{plan.seed} run")

    def calm(self) -> float:
        """Acts a second while nothing goes wrong."""
        time.sleep(self.plan.calm_seconds / 5)  # the first requests warm everything up
        start = time.monotonic()
        while time.monotonic() < start + self.plan.calm_seconds and not self.ledger.findings:
            time.sleep(0.1)
        return self.meter.rate(start, time.monotonic())

    def blow(self, name: str, baseline: float) -> Blow:
        """A fault, and the time until throughput is back."""
        start = time.monotonic()
        hit = self.faults.do(name)
        end = time.monotonic()
        recovered = self._recovered(end, baseline)
        time.sleep(self._random.uniform(0.2, 1.0) * self.plan.gap_seconds)
        blow = Blow(name, hit, end - start, recovered)
        back = "back: not seen" if recovered is None else f"back after {recovered:.1f} s"
        self._say(f"{name} ({hit}): {blow.lasted:.1f} s{f', {back}' if self.plan.longest_recovery_seconds else ''}")
        return blow

    def blows(self, baseline: float) -> list[Blow]:
        """The faults of the plan, and others for as long as it says."""
        until = time.monotonic() + self.plan.fault_seconds
        found = [self.blow(name, baseline) for name in self.plan.faults]
        while time.monotonic() < until:
            found.append(self.blow(self._random.choice(QUICK), baseline))
        return found

    def _recovered(self, since: float, baseline: float) -> float | None:
        until = since + self.plan.longest_recovery_seconds
        while time.monotonic() < until:
            time.sleep(WINDOW_SECONDS / 8)
            found = self.meter.recovered_at(since, ENOUGH * baseline, WINDOW_SECONDS, time.monotonic())
            if found is not None:
                return found - since
        return None

    def storm(self) -> int:
        """Faults of every kind at random moments, two at a time; how many."""
        chance, count = Random(f"{self.plan.seed} storm"), 0
        until = time.monotonic() + self.plan.storm_seconds
        while time.monotonic() < until:
            pair = chance.sample(QUICK, 2)
            hands = [threading.Thread(target=self.crowd.guarded, args=(self.faults.do, name)) for name in pair]
            for hand in hands:
                hand.start()
                time.sleep(chance.uniform(0.0, 0.5))
            for hand in hands:
                hand.join()
            count += len(pair)
            time.sleep(chance.uniform(0.5, 2.0))
        return count

    def drain(self) -> None:
        """No new work; everybody works until there is none left."""
        self.installation.start()
        self.crowd.calm_down()
        self._withdraw_stampedes()
        self._until(lambda: self._count(_OPEN) == 0)

    def deliver(self) -> None:
        """Wait until all events and jobs have come where they should."""
        self._until(lambda: self._count("SELECT count(*) FROM outbox WHERE position IS NULL") == 0)
        newest = self._count("SELECT count(*) FROM outbox")
        self._until(lambda: self.installation.consumer.newest == newest and len(self.crowd.feed) >= newest)
        self._until(lambda: len(self._redis_envelopes()) == newest)
        self._until(lambda: self._count("SELECT count(*) FROM inbox WHERE status = 'started'") == 0)
        if not self.plan.scale.copies:  # the jobs of a worker that died are taken over after half a minute
            self._until(lambda: self._count(_UNFINISHED_JOBS) == 0)

    def _until(self, holds: Callable[[], bool]) -> bool:
        until = time.monotonic() + self.plan.drain_seconds
        while not holds():
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def _count(self, query: str) -> int:
        return int(self.installation.postgres.rows(query)[0][0])

    def _redis_envelopes(self) -> list[dict[str, Any]]:
        with self.installation.redis.client() as client:
            return redis_envelopes(client)

    def _withdraw_stampedes(self) -> None:
        """What a stampede left when it was interrupted."""
        line = self.crowd.line()
        for (task,) in self.installation.postgres.rows(_LEFT_OF_STAMPEDES):
            event = {"event_id": f"e-end-{task}", "event_type": "TicketStatusChanged", "status": "cancelled"}
            told = {**event, "ticket_id": task, "timestamp": "2026-01-01T00:00:00Z"}
            with suppress(GaveUpError):
                line.call("event", BOSS, "POST", "/api/v1/events", told)

    def evidence(self) -> Evidence:
        ways: dict[str, Sequence[Mapping[str, Any]]] = {
            "http": list(self.installation.consumer.envelopes),
            "feed": list(self.crowd.feed),
            "redis": self._redis_envelopes(),
        }
        books = Books.of(self.installation.postgres)
        scale = self.plan.scale
        return Evidence(books, self.ledger, ways, self.faults.stopped, scale.timeout_seconds, jobs_end=not scale.copies)


@contextmanager
def _running(plan: Plan, directory: Path, say: Say) -> Iterator[Run]:
    with installed(directory, plan.scale, plan.broken, Random(f"{plan.seed} consumer")) as installation:
        run = Run(plan, installation, say)
        try:
            yield run
        finally:
            run.crowd.end()


def carry_out(plan: Plan, directory: Path, say: Say = lambda _text: None) -> Verdict:
    """Do what the plan says and tell what came of it."""
    verdict = Verdict()
    with _running(plan, directory, say) as run:
        run.crowd.begin(plan.rate, plan.stampedes)
        verdict.baseline = run.calm()
        say(f"baseline: {verdict.baseline:.1f} answers/s")
        verdict.blows = run.blows(verdict.baseline)
        if plan.storm_seconds:
            say(f"storm: {run.storm()} faults")
        run.drain()
        run.deliver()
        run.crowd.end()
        evidence = run.evidence()
        verdict.findings = all_findings(evidence, run.installation.postgres)
        verdict.silent = silent_log_outs(evidence.books)
        verdict.counts = _counts(run, evidence)
        verdict.unexpected = run.installation.unexpected()
    return verdict


def _counts(run: Run, evidence: Evidence) -> dict[str, int]:
    return {
        "accepted requests": sum(run.ledger.counts().values()),
        "refused by the rules": sum(run.ledger.refused.values()),
        "sent again": sum(run.ledger.retried.values()),
        "tasks": len(evidence.books.tasks),
        "assignments": len(evidence.books.assignments),
        "events": len(evidence.books.outbox),
        "jobs": len(evidence.books.jobs),
    }


_OPEN = "SELECT count(*) FROM tasks WHERE status IN ('pending', 'assigned', 'in_progress') AND deleted_at IS NULL"
_LEFT_OF_STAMPEDES = f"SELECT task_id FROM tasks WHERE queue = '{QUEUE}' AND status NOT IN ('cancelled', 'completed')"
_UNFINISHED_JOBS = "SELECT count(*) FROM job_records WHERE status NOT IN ('completed', 'failed')"
