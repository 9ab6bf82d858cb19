"""Guards that are broken on purpose, in the processes of the harness or by statements in its database; never in the
product. Each must make the harness fail, otherwise the harness shows nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, event, insert
from sqlalchemy.engine import Engine

from assignment_engine.domain.stored import Lease, StoredResponse
from assignment_engine.services import relay
from assignment_engine.services.dispatch import work
from assignment_engine.store import leases, recording
from assignment_engine.store.batch import Batch
from assignment_engine.store.cycles import Cycles
from assignment_engine.store.outbox import Outbox
from assignment_engine.store.responses import Responses
from assignment_engine.store.sessions import Sessions

_LOCK = re.compile(r"(\s+FOR (?:NO KEY )?UPDATE)(?: OF (\w+(?:, \w+)*))?( SKIP LOCKED)?")
LATE_SECONDS = 0.5
# Attributes of the product's classes are replaced here, which mypy rightly refuses everywhere else.
_set: Callable[[Any, str, Any], None] = setattr


def _nothing() -> None:
    """The guard is broken in the database alone."""


@dataclass(frozen=True)
class Breakage:
    """One guard, how it is broken in a process and in the database; and what brings it to light soonest."""

    guard: str
    in_process: Callable[[], None] = _nothing
    in_database: Sequence[str] = ()
    faults: Sequence[str] = ()
    aims: Sequence[str] = ()


def _without_locks(table: str) -> None:
    """No row of this table is ever locked by reading it."""

    def strip(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return without_lock(statement, table), parameters

    event.listen(Engine, "before_cursor_execute", strip, retval=True)


def without_lock(statement: str, table: str) -> str:
    """The statement with the rows of this table unlocked; where it names no tables to lock, it locks the first."""
    read = re.search(r"\bFROM (\w+)", statement)

    def left(lock: re.Match[str]) -> str:
        named = lock[2].split(", ") if lock[2] else [read[1]] if read else []
        others = ", ".join(name for name in named if name != table)
        return f"{lock[1]}{f' OF {others}' if lock[2] else ''}{lock[3] or ''}" if others else ""

    return _LOCK.sub(left, statement)


def _without_session_fence() -> None:
    seen, require_session = Sessions.seen, work._require_session

    def any_session(self: Sessions, employee_id: str, _session: str | None, now: datetime) -> bool:
        return seen(self, employee_id, None, now)

    _set(Sessions, "seen", any_session)
    _set(work, "_require_session", lambda held, actor: require_session(held, replace(actor, session=None)))


def _without_outage_rule() -> None:
    begin = Cycles.begin

    def always(self: Cycles, *arguments: Any) -> bool:
        begin(self, *arguments)
        return True

    _set(Cycles, "begin", always)
    _set(Cycles, "listens", lambda *_: True)


def _without_capacity_guard() -> None:
    _set(recording, "_refuse_beyond", lambda *_: None)
    _set(recording, "_ADD_GUARDED_LOAD", recording._ADD_LOAD)


def _without_kept_answers() -> None:
    def forget(_self: Responses, _subject: str, _key: str, _answer: StoredResponse, _now: datetime) -> None:
        """Keep nothing."""

    _set(Responses, "add", forget)


def _events_beside_transactions() -> None:
    add = Batch.insert

    def later(self: Batch, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
        if table.name != "outbox" or not rows:
            add(self, table, rows)
            return
        engine = self._connection.engine
        threading.Timer(LATE_SECONDS, _write, (engine, table, list(rows))).start()

    _set(Batch, "insert", later)


def _write(engine: Engine, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), rows)


def _failed_deliveries_count() -> None:
    """The cursor moves over what the receiver did not take."""
    take_turn = relay.Delivery._take_turn

    def optimistic(self: relay.Delivery, cursor: Any) -> Any:
        turn = take_turn(self, cursor)
        return turn if turn.error is None else replace(turn, reached=turn.reached + 1, error=None)

    _set(relay.Delivery, "_take_turn", optimistic)


def _everybody_leads() -> None:
    """Leases are given to everybody, and the counter of positions is not locked."""
    newest = Outbox.newest

    def held(_self: leases.Leases, _lease: Lease) -> None:
        """Whoever asks has it."""

    _set(leases.Leases, "hold", held)
    _set(leases, "_is_free", lambda *_: True)
    _set(Outbox, "newest", lambda self, **_: newest(self))


_KEY = "ALTER TABLE task_assignments DROP CONSTRAINT uq_task_assignments_active_task_id"
_LOSES = (
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "SELECT pg_reload_conf()",
)

_ONE_TASK = ("one_task_for_all", "one_task_for_the_free")

BREAKAGES: Mapping[str, Breakage] = {
    "employee-lock": Breakage(
        "people are not locked", lambda: _without_locks("employees"), aims=("work_for_one", "work_for_a_leaver")
    ),
    "task-lock": Breakage("tasks are not locked", lambda: _without_locks("tasks"), aims=_ONE_TASK),
    "active-key": Breakage("the unique key `active_task_id` is dropped", in_database=(_KEY,)),
    "task-lock-and-key": Breakage(
        "tasks are not locked, and the unique key is dropped", lambda: _without_locks("tasks"), (_KEY,), aims=_ONE_TASK
    ),
    "session-fence": Breakage("an older session may do everything", _without_session_fence, aims=("older_session",)),
    "outage-rule": Breakage(
        "silence counts while nobody listened", _without_outage_rule, faults=("stop everything", "stop everything")
    ),
    "capacity-guard": Breakage(
        "the update that adds load refuses nothing", _without_capacity_guard, aims=("all_tasks_for_one",)
    ),
    "kept-answers": Breakage("answers to idempotency keys are not kept", _without_kept_answers, aims=("one_key",)),
    "outbox-transaction": Breakage(
        "events are written beside the transaction", _events_beside_transactions, faults=("kill an instance",) * 4
    ),
    "delivery": Breakage(
        "a failed delivery counts as made", _failed_deliveries_count, faults=("consumer refuses", "consumer refuses")
    ),
    "positions": Breakage(
        "leases and the counter of positions hold nobody off, their unique key is dropped",
        _everybody_leads,
        ("ALTER TABLE outbox DROP CONSTRAINT uq_outbox_position",),
    ),
    "durability": Breakage(
        "PostgreSQL answers before it has written", in_database=_LOSES, faults=("crash PostgreSQL", "crash PostgreSQL")
    ),
}
