"""The real code on one SQLite file, whose content is put there and read row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from assignment_engine.config import read_settings
from assignment_engine.domain.records import Employee
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.memory import Memory
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store import doctor
from assignment_engine.store.checks import LIVE_CHECKS
from assignment_engine.store.database import Database
from assignment_engine.store.tables import metadata
from assignment_engine.store.unit import UnitOfWork
from assignment_engine.store.work_checks import WORK_CHECKS

T = TypeVar("T")
Row = tuple[Any, ...]
Rows = Mapping[str, tuple[Row, ...]]
PEOPLE, TASKS = ("p1", "p2"), ("t1", "t2")
TIMEOUT = timedelta(seconds=90)
BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COUNTED = ("audit_log", "outbox")
SHARED = ("dispatch_keys",)  # whoever needs a row adds it unless it is there
LOOK = "look_again"


@dataclass(frozen=True)
class Look:
    """What is still to be done after a commit: a second look for these people and tasks."""

    people: frozenset[str]
    tasks: frozenset[str]


@dataclass(frozen=True)
class Done:
    """What one use case left behind: the rows, what it wants to do after its commit, and what it answered."""

    rows: Rows
    look: Look | None
    answer: Any


class _Parking(Database):
    """Keeps what is to be done after a commit instead of doing it, and looks from outside before each commit."""

    def __init__(self, url: str, clock: Callable[[], datetime], before_commit: Callable[[], None]) -> None:
        super().__init__(url, clock)
        self._before_commit = before_commit
        self.parked: list[partial[None]] = []

    def _run_once(self, use_case: Callable[[UnitOfWork], T]) -> T:
        with self.unit() as unit:
            result = use_case(unit)
            self._before_commit()
            unit.commit()
        self.parked += [action for action in unit.actions if isinstance(action, partial)]
        return result


class World:
    """Two people who can do everything, one task at a time, and whatever rows are put there."""

    def __init__(self, directory: Path) -> None:
        path = directory / "model.db"
        self.now = BEGINNING
        self._before: Rows | None = None
        self.database = _Parking(f"sqlite:///{path}", lambda: self.now, self._nothing_is_visible_yet)
        self.database.upgrade()
        self._raw = sqlite3.connect(path, isolation_level=None)
        self._raw.execute("PRAGMA synchronous = OFF")
        self._raw.execute("PRAGMA foreign_keys = OFF")
        self._core = DecisionCore(WeightedFallback(), SkillMatcher())
        settings = read_settings(preview_ttl_seconds=10**9)
        self.scheduler = SchedulerService(self.database, self._core, settings)
        self._checks = [_sql(check.sql) for check in (*doctor._CHECKS, *LIVE_CHECKS, *WORK_CHECKS)]
        self.database.run(lambda unit: unit.employees.add([Employee(employee_id=p) for p in PEOPLE], self.now))
        Cycle(self.dispatcher()).run()
        self._raw.execute("UPDATE cycles SET quiet_until = NULL")  # the loop has been running for long

    def close(self) -> None:
        self._raw.close()
        self.database.dispose()

    def dispatcher(self) -> Dispatcher:
        """One of a process that has just been started: it remembers nothing."""
        return Dispatcher(self.database, lambda: self._core, TIMEOUT, memory=Memory())

    @property
    def core(self) -> DecisionCore:
        return self._core

    def rows(self) -> Rows:
        """Everything that is committed."""
        return {name: tuple(self._raw.execute(query)) for name, query in _READ.items()}

    def put(self, rows: Rows) -> None:
        """Let the database hold exactly this."""
        self._raw.execute("BEGIN IMMEDIATE")
        for name, delete in _DELETE.items():
            self._raw.execute(delete)
            self._raw.executemany(_INSERT[name], rows[name])
        self._raw.execute("COMMIT")

    def do(self, rows: Rows, now: datetime, use_case: Callable[[World], Any]) -> Done:
        """The use case from these rows on; nothing of it may be seen before its commit."""
        self.put(rows)
        self.now, self._before = now, rows
        self.database.parked.clear()
        answer = use_case(self)
        self._before = None
        return Done(self.rows(), _look(self.database.parked), answer)

    def _nothing_is_visible_yet(self) -> None:
        """A crash at this moment leaves what was there before."""
        if self._before is not None:
            assert self.rows() == self._before, "something was written beside the transaction"
            self._before = None  # what follows are further transactions of the same use case

    def findings(self) -> list[str]:
        """What the doctor finds in the rows that were put there last."""
        return [str(row) for query in self._checks for row in self._raw.execute(query)]


def _look(parked: Sequence[partial[None]]) -> Look | None:
    looks = [action for action in parked if getattr(action.func, "__name__", "") == LOOK]
    if not looks:
        return None
    people = frozenset(person for look in looks for person in look.args[0])
    return Look(people, frozenset(task for look in looks for task in look.args[1]))


def _sql(text: str) -> str:
    json = doctor._JSON_TEXT["sqlite"]
    text = text.replace("{event_assignment}", json.format(column="data", name="assignment_id"))
    return text.replace("{queue_mode}", json.format(column="q.settings", name="mode"))


def _stored(table: Any) -> list[str]:
    return [column.name for column in table.columns if column.computed is None]


COLUMNS = {table.name: _stored(table) for table in metadata.sorted_tables}
_READ = {name: f"SELECT {', '.join(columns)} FROM {name} ORDER BY {columns[0]}" for name, columns in COLUMNS.items()}
_DELETE = {name: f"DELETE FROM {name}" for name in reversed(COLUMNS)}
_INSERT = {
    name: f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for name, columns in COLUMNS.items()
}


def records(rows: Rows, table: str) -> list[dict[str, Any]]:
    """The rows of a table by the names of their columns."""
    return [dict(zip(COLUMNS[table], row, strict=True)) for row in rows[table]]


def merged(before: Rows, one: Rows, other: Rows) -> Rows | None:
    """What two transactions leave of which neither saw the other; None if both write the same row, for then one
    waits for the other's lock and sees what it did."""
    found: dict[str, tuple[Row, ...]] = {}
    for table, rows in before.items():
        old = _by_key(table, rows)
        changes, others = _changes(old, _by_key(table, one[table])), _changes(old, _by_key(table, other[table]))
        if table in COUNTED:
            others = {(key[0] + len(changes),): (key[0] + len(changes), *row[1:]) for key, row in others.items() if row}
        if changes.keys() & others.keys() and table not in SHARED:
            return None
        found[table] = tuple(row for _, row in sorted({**old, **changes, **others}.items()) if row is not None)
    return found


def _by_key(table: str, rows: Sequence[Row]) -> dict[Row, Row]:
    return {tuple(row[place] for place in _KEYS[table]): row for row in rows}


def _changes(before: Mapping[Row, Row], after: Mapping[Row, Row]) -> dict[Row, Row | None]:
    """Rows that are new or not as they were; None for those that are gone."""
    gone: dict[Row, Row | None] = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: row for key, row in after.items() if before.get(key) != row}


_KEYS = {
    table.name: [COLUMNS[table.name].index(column.name) for column in table.primary_key]
    for table in metadata.sorted_tables
}
