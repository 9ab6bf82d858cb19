"""Workers that are killed in the middle: every job ends once, no ticket is read twice, and the limit holds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from assignment_engine.domain.background import JobKind, NewJob
from assignment_engine.domain.errors import DatabaseUnavailableError
from assignment_engine.domain.records import Employee, Task
from assignment_engine.store.database import Database
from tests.databases import PostgresqlServer, Servers, opened
from tests.job_process import LIMIT, read

ROOT = Path(__file__).parents[2]
JOBS = int(os.environ.get("SURVIVAL_JOBS", "30"))
TICKETS = int(os.environ.get("SURVIVAL_TICKETS", "1500"))
DEAD_AFTER, LEASE = "3", "3"
SECONDS = 60 + JOBS


@dataclass(frozen=True)
class World:
    """A database with work, and processes to do it."""

    database: Database
    url: str
    jobs_url: str
    log: Path

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        arguments = [self.url, self.jobs_url, str(self.log), DEAD_AFTER, LEASE]
        command = [sys.executable, "-m", "tests.job_process", *arguments]
        with (
            self.log.with_suffix(".out").open("ab") as out,
            subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def fill(self) -> None:
        request = {"steps": 3, "seconds": 0.1}
        people = [Employee(employee_id="ana", skills=["python", "sql"])]
        tickets = [Task(task_id=f"t{n}", title=f"Python error {n}") for n in range(TICKETS)]
        self.database.run(lambda unit: unit.employees.add(people, unit.now()))
        self.database.run(lambda unit: unit.tasks.add(tickets, unit.now()))
        for _ in range(JOBS):
            self.database.run(lambda unit: unit.jobs.add(NewJob(JobKind.FILE, request, "me"), unit.now()))

    def jobs(self) -> Counter[str]:
        with self.database.read() as unit:
            return Counter({status.value: count for (_, status), count in unit.jobs.counts().items()})

    def tickets(self) -> dict[str, int]:
        with self.database.read() as unit:
            return unit.triage_claims.counts()

    def wait_until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not _holds(condition):
            if time.monotonic() > deadline:
                pytest.fail(f"jobs {self.jobs()}, tickets {self.tickets()}\n{self.log.with_suffix('.out').read_text()}")
            time.sleep(0.1)

    def in_the_middle(self) -> bool:
        return self.jobs()["completed"] >= JOBS // 10 and self.tickets().get("processed", 0) >= 50

    def done(self) -> bool:
        return self.jobs()["completed"] == JOBS and self.tickets() == {"processed": TICKETS}

    def runs(self) -> set[int]:
        """How often results of triage were accepted, over all tickets."""
        with self.database.read() as unit:
            return set(unit.connection.execute(text("SELECT DISTINCT runs FROM task_triage")).scalars())

    def most_at_once(self, killed: dict[int, float]) -> int:
        """The most jobs that ran at the same time; what a killed process had ends with it."""
        changes: list[tuple[float, int]] = []
        still_open: set[tuple[int, str]] = set()
        for event in read(self.log):
            key = (event["process"], event["job"])
            if event["what"] == "begin":
                changes.append((event["at"], 1))
                still_open.add(key)
            elif event["what"] == "end":
                changes.append((event["at"], -1))
                still_open.discard(key)
        changes += [(killed[process], -1) for process, _ in still_open]
        running = most = 0
        for _, change in sorted(changes):
            running += change
            most = max(most, running)
        return most

    def repeated_steps(self) -> list[int]:
        """For every job, how often a step ran more than once."""
        steps = Counter((e["job"], e["what"]) for e in read(self.log) if e["what"].startswith("step"))
        repeats: Counter[str] = Counter()
        for (job, _), count in steps.items():
            repeats[job] += count - 1
        return sorted(repeats.values())


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except DatabaseUnavailableError:
        return False


@contextmanager
def world(servers: Servers, kind: str, directory: Path) -> Iterator[World]:
    with servers[kind].migrated() as url, opened(url) as database:
        jobs_url = f"sqlite:///{directory / 'jobs.db'}"
        if kind == "postgresql":
            jobs_url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        found = World(database, url, jobs_url, directory / "log")
        found.fill()
        yield found


@pytest.mark.slow
def test_a_killed_worker_on_sqlite(servers: Servers, tmp_path: Path) -> None:
    """The next process goes on from the last finished step; nothing is lost, doubled or left in processing."""
    with world(servers, "sqlite", tmp_path) as found:
        with found.process() as first:
            found.wait_until(found.in_the_middle)
            killed = {first.pid: time.monotonic()}
            first.kill()
        with found.process():
            found.wait_until(found.done)
        assert found.runs() == {1}
        assert 1 < found.most_at_once(killed) <= LIMIT
        assert max(found.repeated_steps()) <= 1


@pytest.mark.slow
def test_one_of_two_workers_killed_on_postgresql(servers: Servers, tmp_path: Path) -> None:
    """The other one takes over, and the limit holds for both together."""
    with world(servers, "postgresql", tmp_path) as found, ExitStack() as stack:
        first, second = stack.enter_context(found.process()), stack.enter_context(found.process())
        found.wait_until(found.in_the_middle)
        busy = [event["process"] for event in read(found.log)][-1]
        victim, other = (first, second) if busy == first.pid else (second, first)
        killed = {victim.pid: time.monotonic()}
        victim.kill()
        found.wait_until(found.done)
        assert other.poll() is None
        assert found.runs() == {1}
        assert 1 < found.most_at_once(killed) <= LIMIT
        assert max(found.repeated_steps()) <= 1


@pytest.mark.slow
def test_postgresql_restarts_in_the_middle(servers: Servers, tmp_path: Path) -> None:
    """Two workers wait for it and go on."""
    with world(servers, "postgresql", tmp_path) as found, ExitStack() as stack:
        workers = [stack.enter_context(found.process()) for _ in "12"]
        found.wait_until(found.in_the_middle)
        server = servers["postgresql"]
        assert isinstance(server, PostgresqlServer)
        server.restart()
        found.wait_until(found.done)
        assert [worker.poll() for worker in workers] == [None, None]
        assert found.runs() == {1}
        assert found.most_at_once({}) <= LIMIT
        assert max(found.repeated_steps()) <= 1
