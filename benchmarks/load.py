"""Load on an installation with years behind it: two instances and a worker on PostgreSQL, and clients in processes.

    python -m benchmarks.load [--tasks 1000000] [--people 10000] [--clients 8] [--seconds 600] [--compare]
    python -m benchmarks.load --rate 0 --completions 10000 --archive-seconds 0

`--tasks` were finished long ago, with their assignments, audit, events and training log; 20,000 more wait. Clients make
the calls of a working day (`MIX` in `benchmarks/load_clients.py`), `--rate` of them in a second, `--rate 0` as many as
are answered, for so many `--seconds` or until there were so many `--completions`. Printed are latencies of each call;
the memory of each process at nine moments; which tables were read from one end to the other; and what the doctor finds.
Then a second worker archives the oldest tenth of the history while the load goes on. With `--compare` a second
installation with a history of 10,000 tasks has the same load at the same time, so that both see the same noise, and the
ratios are printed. Clients, instances and databases share the cores of one machine.

With `--completions 10000` it is what 10,000 people decide in an hour where each finishes one task: as many completions
with the next task, about as many new tasks, and the calls that go with them; not their heartbeats, which would be
hundreds of thousands.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import text

from assignment_engine.services.retention import ROWS_PER_FILE
from assignment_engine.store.database import Database
from benchmarks.dispatch import addressed
from benchmarks.instances import Instance, served
from benchmarks.load_clients import MIX, SECRET, Call, Client
from benchmarks.load_history import DAYS, fill
from benchmarks.timing import Row, show

INSTANCES = 2
SMALL = 10_000
WARM_UP_SECONDS = 10.0
LONGEST_BEGINNING_SECONDS = 240.0
KEPT_DAYS = DAYS * 0.9
# The people of a client are called upon less often than they would call; memory is as the image sets it.
PATIENT = {"SESSION_TIMEOUT_SECONDS": "900", "MALLOC_ARENA_MAX": "2"}
PARTS = 8
LOOK_SECONDS = 0.2
_SCANS = "SELECT relname, seq_scan, seq_tup_read, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'public'"


@dataclass(frozen=True)
class Shape:
    """How much of everything."""

    tasks: int
    people: int
    pending: int
    clients: int
    rate: float
    seconds: float
    completions: int | None = None


@dataclass(frozen=True)
class Load:
    """The calls that were made, once they are over; and how many tasks have been completed meanwhile."""

    calls: list[Call]
    completed: Any

    def share(self, shape: Shape, begun: float, first: int) -> float:
        """How much of it is done since that moment and that completion, 1 when all is."""
        if shape.completions is None:
            return (time.monotonic() - begun) / shape.seconds
        return float((self.completed.value - first) / shape.completions)


@dataclass(frozen=True)
class Installation:
    """What runs on one database; `filled` is how many seconds it took to fill that."""

    shape: Shape
    address: str
    directory: str
    database: Database
    instances: Sequence[Instance]
    worker: Instance
    filled: float

    @property
    def processes(self) -> dict[str, Instance]:
        return {**{f"instance {n + 1}": i for n, i in enumerate(self.instances)}, "worker": self.worker}


@contextmanager
def installed(shape: Shape) -> Iterator[Installation]:
    with addressed("postgresql") as address, tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        begun = time.monotonic()
        fill(address, shape.tasks, shape.people, shape.pending)
        filled = time.monotonic() - begun
        database = Database(address)
        stack.callback(database.dispose)
        instances = [stack.enter_context(served(address, directory, **PATIENT)) for _ in range(INSTANCES)]
        worker = stack.enter_context(working(address, directory))
        yield Installation(shape, address, directory, database, instances, worker, filled)


@contextmanager
def working(address: str, directory: str, **settings: str) -> Iterator[Instance]:
    """A worker."""
    program = str(Path(sys.executable).with_name("assignment-engine"))
    environment = {**os.environ, "DATABASE_URL": address, "JWT_SECRET": SECRET, **PATIENT, **settings}
    with (
        Path(directory, "worker.log").open("a") as log,
        subprocess.Popen([program, "worker"], env=environment, stdout=log, stderr=log, cwd=directory) as process,
    ):
        try:
            yield Instance(0, process.pid)
        finally:
            process.kill()


def act(port: int, number: int, shape: Shape, stop: Any, done: Any, completed: Any) -> None:
    """What the process of a client runs."""

    def count() -> None:
        with completed.get_lock():
            completed.value += 1

    client = Client(port, number, list(range(number, shape.people, shape.clients)), 2 * shape.tasks, count)
    client.begin()
    done.put([])
    done.put(client.run(shape.rate / shape.clients, stop.is_set))


@contextmanager
def loaded(installation: Installation) -> Iterator[Load]:
    """Clients that make calls meanwhile; their calls are there afterwards."""
    shape, instances = installation.shape, installation.instances
    spawn = multiprocessing.get_context("spawn")
    stop, done, load = spawn.Event(), spawn.Queue(), Load([], spawn.Value("q"))
    for number in range(shape.clients):
        port = instances[number % len(instances)].port
        spawn.Process(target=act, args=(port, number, shape, stop, done, load.completed), daemon=True).start()
    for _ in range(shape.clients):
        done.get(timeout=LONGEST_BEGINNING_SECONDS)
    try:
        yield load
    finally:
        stop.set()
        for _ in range(shape.clients):
            load.calls.extend(done.get(timeout=LONGEST_BEGINNING_SECONDS))


def memory_of(processes: dict[str, Instance]) -> dict[str, float]:
    """MiB in RAM, from /proc."""
    pages = {name: Path(f"/proc/{p.pid}/statm").read_text().split()[1] for name, p in processes.items()}
    return {name: int(count) * os.sysconf("SC_PAGE_SIZE") / 2**20 for name, count in pages.items()}


def watch(processes: dict[str, Instance], load: Load, shape: Shape) -> list[Row]:
    """The memory of each process as the load goes on."""
    begun, first, rows = time.monotonic(), load.completed.value, []
    for part in range(PARTS + 1):
        while load.share(shape, begun, first) < part / PARTS:
            if not multiprocessing.active_children():
                raise RuntimeError("no client is left")
            time.sleep(LOOK_SECONDS)
        memory = {f"{name} MiB": size for name, size in memory_of(processes).items()}
        rows.append({"after s": time.monotonic() - begun, "completed": load.completed.value - first, **memory})
    return rows


def scans(database: Database) -> dict[str, tuple[int, int, int]]:
    with database.read() as unit:
        return {row[0]: (row[1], row[2], row[3]) for row in unit.connection.execute(text(_SCANS))}


def _scanned(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> list[Row]:
    """Tables of some size that were read as a whole."""
    found = []
    for name, (count, rows, size) in sorted(after.items()):
        earlier = before.get(name, (0, 0, 0))
        times, read = count - earlier[0], rows - earlier[1]
        if times and size > 1000:
            found.append({"table": name, "rows": size, "times read whole": times, "rows read so": read})
    return found


def archived(of: Installation, seconds: float) -> Row:
    """Move the oldest tenth into files, for so long at most: how far that came."""
    settings = {"HISTORY_RETENTION_DAYS": str(KEPT_DAYS), "TRAINING_RETENTION_DAYS": str(KEPT_DAYS)}
    begun = time.time()
    with working(of.address, of.directory, ARCHIVE_DIR=f"{of.directory}/archive", **settings):
        while _old_rows(of.database) and time.time() < begun + seconds:
            time.sleep(0.5)
    rows = ROWS_PER_FILE * len(list(Path(of.directory, "archive").glob("*/*.gz")))  # the last file may have fewer
    return {"archiving s": time.time() - begun, "rows archived": rows, "all": str(not _old_rows(of.database))}


def _old_rows(database: Database) -> bool:
    tables = {"audit_log": "at", "outbox": "created_at", "ml_training_data": "logged_at"}
    keys = {"audit_log": "audit_id", "outbox": "id", "ml_training_data": "log_id"}
    with database.read() as unit:
        for table, column in tables.items():
            query = f"SELECT {column} < now() - interval '{KEPT_DAYS} days' FROM {table} ORDER BY {keys[table]} LIMIT 1"
            if unit.connection.execute(text(query)).scalar():
                return True
    return False


def examined(database: Database) -> dict[str, float]:
    """What the doctor says, and how large it all is."""
    begun = time.monotonic()
    with database.read() as unit:
        findings = unit.doctor()
    for finding in findings[:5]:
        click.echo(f"{finding.code}: {finding.subject}: {finding.detail}", err=True)
    took = time.monotonic() - begun
    with database.read() as unit:
        size = unit.connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return {"doctor s": took, "findings": len(findings), "database MiB": size / 2**20}


def latencies(calls: Sequence[Call], begin: float, end: float) -> list[Row]:
    """A row for each sort of call that was made between these moments."""
    rows: list[Row] = []
    for name in MIX:
        mine = [call for call in calls if call.name == name and begin <= call.at <= end]
        times = sorted(1e3 * call.seconds for call in mine)
        if times:
            at = {f"{part} ms": times[min(len(times) - 1, int(part_of * len(times)))] for part, part_of in _PARTS}
            wrong = [call.trouble for call in mine if call.trouble]
            if wrong:
                click.echo(f"{name}: {wrong[0]}", err=True)
            rows.append({"call": name, "count": len(mine), "errors": len(wrong), **at, "max ms": times[-1]})
    return rows


_PARTS = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def compared(small: Sequence[Row], large: Sequence[Row]) -> list[Row]:
    """How many times longer each call takes with the larger history."""
    before = {row["call"]: row for row in small}
    return [
        {
            "call": row["call"],
            **{f"{n} ratio": _ratio(row[f"{n} ms"], before[row["call"]][f"{n} ms"]) for n, _ in _PARTS},
        }
        for row in large
        if row["call"] in before
    ]


def _ratio(value: Any, other: Any) -> float:
    return float(value) / float(other)


@click.command(help=__doc__)
@click.option("--tasks", default=1_000_000, show_default=True)
@click.option("--people", default=10_000, show_default=True)
@click.option("--pending", default=20_000, show_default=True)
@click.option("--clients", default=8, show_default=True)
@click.option("--rate", default=60.0, show_default=True, help="calls in a second, of all clients together")
@click.option("--seconds", default=600.0, show_default=True)
@click.option("--completions", type=int, help="goes on until there were so many, however long that takes")
@click.option("--archive-seconds", default=300.0, show_default=True, help="for how long archiving is watched at most")
@click.option("--compare", is_flag=True, help=f"beside it another one with a history of {SMALL} tasks, and the ratios")
@click.option("--json", "as_json", is_flag=True)
def main(as_json: bool, compare: bool, archive_seconds: float, tasks: int, **sizes: Any) -> None:
    def told(heading: str, rows: Sequence[Row]) -> None:
        if not as_json:
            click.echo(f"\n{heading}")
        show([{"part": heading, **row} for row in rows] if as_json else rows, as_json=as_json)
        sys.stdout.flush()

    with ExitStack() as stack:
        large = stack.enter_context(installed(Shape(tasks, **sizes)))
        others = [stack.enter_context(installed(Shape(SMALL, **sizes)))] if compare else []
        with loaded(large) as load, ExitStack() as beside:
            beside_loads = [beside.enter_context(loaded(other)) for other in others]
            time.sleep(WARM_UP_SECONDS)
            first, before = time.time(), scans(large.database)
            memory, last = watch(large.processes, load, large.shape), time.time()
            scanned = _scanned(before, scans(large.database))
        alone = latencies(load.calls, first, last)
        told(f"history of {tasks} tasks", alone)
        for other_load in beside_loads:
            small = latencies(other_load.calls, first, last)
            told(f"history of {SMALL} tasks, at the same time", small)
            told("the larger history to the smaller", compared(small, alone))
        told("memory", memory)
        if scanned:
            told("tables of more than 1,000 rows that were read whole", scanned)
        facts: Row = {}
        if archive_seconds:
            with loaded(large) as load:
                first = time.time()
                facts, last = archived(large, archive_seconds), time.time()
            told("while the oldest tenth was archived", latencies(load.calls, first, last))
        told("the database afterwards", [{"filled s": large.filled, **facts, **examined(large.database)}])


if __name__ == "__main__":
    main()
