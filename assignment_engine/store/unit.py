"""The unit of work: one transaction, and the queries in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from assignment_engine.domain.stored import Finding
from assignment_engine.store.alerts import Alerts
from assignment_engine.store.archives import Archives
from assignment_engine.store.assignments import Assignments
from assignment_engine.store.backlog import Backlog
from assignment_engine.store.batch import Batch
from assignment_engine.store.claims import TRIAGE, Claims
from assignment_engine.store.conversations import Conversations
from assignment_engine.store.cycles import Cycles
from assignment_engine.store.dialects import database_now
from assignment_engine.store.doctor import examine
from assignment_engine.store.embeddings import Embeddings
from assignment_engine.store.employees import Employees
from assignment_engine.store.executors import Executors
from assignment_engine.store.files import Files
from assignment_engine.store.finished import FinishedTasks
from assignment_engine.store.going import Going
from assignment_engine.store.history import History
from assignment_engine.store.inbox import Inbox
from assignment_engine.store.jobs import Jobs
from assignment_engine.store.leases import Leases
from assignment_engine.store.outbox import Cursors, Outbox
from assignment_engine.store.previews import Previews
from assignment_engine.store.queues import Queues
from assignment_engine.store.responses import Responses
from assignment_engine.store.sessions import Sessions
from assignment_engine.store.tables import metadata
from assignment_engine.store.tasks import Tasks
from assignment_engine.store.training import Training
from assignment_engine.store.triage import TriageResults
from assignment_engine.store.troubles import Troubles
from assignment_engine.store.waiting import Waiting
from assignment_engine.store.workers import Workers


class UnitOfWork:
    """One transaction. Without `commit()` everything is rolled back.

    Rows are locked in one order everywhere: employees by id, tasks by id, assignments.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.employees = Employees(connection)
        self.tasks = Tasks(connection)
        self._writes = Batch(connection)
        self.assignments = Assignments(connection, self._writes)
        self.previews = Previews(connection)
        self.history = History(connection)
        self.training = Training(connection)
        self.going = Going(connection)
        self.responses = Responses(connection)
        self.leases = Leases(connection)
        self.outbox = Outbox(connection)
        self.cursors = Cursors(connection)
        self.inbox = Inbox(connection)
        self.workers = Workers(connection)
        self.sessions = Sessions(connection, self._writes)
        self.queues = Queues(connection)
        self.waiting = Waiting(connection)
        self.alerts = Alerts(connection)
        self.troubles = Troubles(connection)
        self.backlog = Backlog(connection)
        self.cycles = Cycles(connection)
        self._after_commit: list[Callable[[], None]] = []
        self.conversations = Conversations(connection)
        self.triage = TriageResults(connection)
        self.finished = FinishedTasks(connection)
        self.triage_claims = Claims(connection, TRIAGE)
        self.jobs = Jobs(connection)
        self.executors = Executors(connection)
        self.files = Files(connection)
        self.embeddings = Embeddings(connection)
        self.archives = Archives(connection)

    def commit(self) -> None:
        """Make it all real; the unit is over then."""
        self._writes.flush()
        self.connection.commit()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do this when everything is real, outside of the transaction; not at all when it is rolled back."""
        self._after_commit.append(action)

    @property
    def actions(self) -> Sequence[Callable[[], None]]:
        """What is to be done after the commit."""
        return tuple(self._after_commit)

    def now(self) -> datetime:
        """The clock of the database, or the one it was opened with, in UTC."""
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
