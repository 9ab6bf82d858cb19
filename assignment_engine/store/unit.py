"""The unit of work: one transaction, and the queries in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.stored import Finding
from assignment_engine.store.assignments import Assignments
from assignment_engine.store.dialects import database_now
from assignment_engine.store.doctor import examine
from assignment_engine.store.employees import Employees
from assignment_engine.store.history import History
from assignment_engine.store.previews import Previews
from assignment_engine.store.responses import Responses
from assignment_engine.store.tables import metadata
from assignment_engine.store.tasks import Tasks
from assignment_engine.store.training import Training


class UnitOfWork:
    """One transaction. Without `commit()` everything is rolled back.

    Rows are locked in one order everywhere: employees by id, tasks by id, assignments.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.employees = Employees(connection)
        self.tasks = Tasks(connection)
        self.assignments = Assignments(connection)
        self.previews = Previews(connection)
        self.history = History(connection)
        self.training = Training(connection)
        self.responses = Responses(connection)

    def commit(self) -> None:
        """Make it all real; the unit is over then."""
        self.connection.commit()

    def now(self) -> datetime:
        """The database's clock, in UTC."""
        return database_now(self.connection)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone alone when it raises."""
        with self.connection.begin_nested():
            yield

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return {
            table.name: self.connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }

    def doctor(self) -> list[Finding]:
        """Every broken invariant of the database."""
        return examine(self.connection)
