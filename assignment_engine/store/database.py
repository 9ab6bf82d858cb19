"""The database: where it is, its transactions, and repeating those that collide."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from assignment_engine.domain.errors import DatabaseBusyError
from assignment_engine.store import migrate
from assignment_engine.store.dialects import BEGIN_OPTION, CLOCK_OPTION, Clock, make_engine, read_url
from assignment_engine.store.errors import translate_errors_of, translated
from assignment_engine.store.prepared import prepare_statements_of
from assignment_engine.store.unit import UnitOfWork

T = TypeVar("T")

ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5


class Database:
    """One database, used by any number of threads. Creating it opens no connection.

    Parameters
    ----------
    clock : what tells the time instead of the database, in UTC; for everything that depends on time.

    Raises
    ------
    ConfigurationError
        If the address cannot be used.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._url = read_url(url)
        engine = make_engine(self._url)
        translate_errors_of(engine)
        prepare_statements_of(engine)
        self.engine = engine.execution_options(**{CLOCK_OPTION: clock})
        self._writing = self.engine.execution_options(**{BEGIN_OPTION: "IMMEDIATE"})
        self._upgrade_lock = threading.Lock()
        self._is_upgraded = False

    @contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """A transaction that writes; leaving it without `commit()` rolls back."""
        with translated(), self._writing.connect() as connection:
            connection.begin()
            yield UnitOfWork(connection)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """A transaction that only reads, beside writers."""
        with translated(), self.engine.connect() as connection:
            connection.begin()
            yield UnitOfWork(connection)

    def run(self, use_case: Callable[[UnitOfWork], T], attempts: int = ATTEMPTS) -> T:
        """Run `use_case` in a transaction and commit; all of it again when it collides with another one.

        Raises
        ------
        DatabaseBusyError
            If it collided in every attempt.
        """
        for attempt in range(1, attempts):
            try:
                return self._run_once(use_case)
            except DatabaseBusyError:
                time.sleep(_pause_seconds(attempt))
        return self._run_once(use_case)

    def _run_once(self, use_case: Callable[[UnitOfWork], T]) -> T:
        with self.unit() as unit:
            result = use_case(unit)
            unit.commit()
        for action in unit.actions:
            action()
        return result

    def upgrade(self) -> None:
        """Migrate to the newest tables; any number of processes may do so at once."""
        with self._upgrade_lock:
            if not self._is_upgraded and self.revision() != migrate.head():
                with self.unit() as unit:
                    migrate.upgrade(unit.connection)
            self._is_upgraded = True

    def revision(self) -> str | None:
        """The revision of the tables; None when there are none."""
        with self.read() as unit:
            return migrate.current(unit.connection)

    def describe(self) -> str:
        """The address without its password."""
        return self._url.render_as_string(hide_password=True)

    def dispose(self) -> None:
        """Close all idle connections."""
        self.engine.dispose()


def _pause_seconds(attempt: int) -> float:
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311  (spreads retries, guards nothing)
