"""What goes wrong, each kind by its name. A fault does its damage, waits, and mends what it broke."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import psutil
import psycopg2

from chaos.calls import Gate
from chaos.desk import Bureau
from chaos.installation import Installation
from chaos.processes import Member

MOST_CONNECTIONS = 300


@dataclass
class Faults:
    """All that can go wrong with one installation.

    Parameters
    ----------
    stopped : the times of this machine between which everything was stopped or down.
    """

    installation: Installation
    gate: Gate
    bureaus: Sequence[Bureau]
    random: Random
    stopped: list[tuple[float, float]] = field(default_factory=list)
    _database: threading.Lock = field(default_factory=threading.Lock)

    def do(self, name: str) -> str:
        """Let the fault of this name happen; what was hit."""
        if name in OF_THE_DATABASE:
            with self._database:
                return FAULTS[name](self)
        return FAULTS[name](self)

    def _moment(self) -> None:
        """A short time; long enough for requests to pile up."""
        time.sleep(self.random.uniform(0.1, 0.4) * self.installation.scale.timeout_seconds / 4)

    def kill_web(self) -> str:
        return self._replace(self.random.choice(self.installation.webs))

    def kill_worker(self) -> str:
        return self._replace(self.random.choice(self.installation.workers))

    def _replace(self, member: Member) -> str:
        with member.hands_off:
            member.kill()
            time.sleep(self.random.uniform(0.0, 0.5))
            member.start()
        return member.name

    def freeze_web(self) -> str:
        return self._freeze(self.random.choice(self.installation.webs))

    def freeze_worker(self) -> str:
        return self._freeze(self.random.choice(self.installation.workers))

    def _freeze(self, member: Member) -> str:
        with member.hands_off:
            member.send(signal.SIGSTOP)
            self._moment()
            member.send(signal.SIGCONT)
        return member.name

    def kill_backends(self) -> str:
        """End some of the database's processes in whatever they are doing."""
        found = self.installation.postgres.backends()
        hit = self.random.sample(found, self.random.randint(1, len(found))) if found else []
        self.installation.postgres.terminate(hit)
        return f"{len(hit)} of {len(found)}"

    def restart_postgres(self) -> str:
        self.installation.postgres.restart("fast")
        return "fast"

    def crash_postgres(self) -> str:
        self.installation.postgres.restart("immediate")
        return "immediate"

    def crash_redis(self) -> str:
        self.installation.redis.kill()
        self._moment()
        self.installation.redis.start()
        return "kill"

    def exhaust_connections(self) -> str:
        """Take every connection there is, also those that are in use; give them back after a while."""
        postgres, taken = self.installation.postgres, []
        taken += _all_connections(postgres.connect)
        ours = {connection.get_backend_pid() for connection in taken}
        postgres.terminate([pid for pid in postgres.backends() if pid not in ours])
        taken += _all_connections(postgres.connect)
        self._moment()
        for connection in taken:
            connection.close()
        return f"{len(taken)} taken"

    def lock_tables(self) -> str:
        """Somebody else has the tables for a while, as for a change of the schema."""
        table = self.random.choice(["tasks", "employees", "task_assignments"])
        with self.installation.postgres.admin() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            self._moment()
            cursor.execute("COMMIT")
        return table

    def lose_consumer(self) -> str:
        """The receiver of events refuses everything."""
        self.installation.consumer.away.set()
        self._moment()
        self.installation.consumer.away.clear()
        return "refuses"

    def stop_everything(self) -> str:
        """Every process stands still, clients too, for longer than anybody may be silent; then all go on."""
        self.gate.close()
        began, processes = time.time(), self.installation.everything()
        for process in processes:
            _send(process, signal.SIGSTOP)
        time.sleep(self.installation.scale.stop_seconds)
        for process in reversed(processes):
            _send(process, signal.SIGCONT)
        self.stopped.append((began, time.time()))
        self.gate.open()
        return f"{len(processes)} processes"

    def cut_power(self) -> str:
        """Everything is killed, and started again after that time."""
        began, installation = time.time(), self.installation
        for member in installation.members:
            member.kill()
        installation.postgres.stop("immediate")
        installation.redis.kill()
        time.sleep(installation.scale.stop_seconds)
        installation.redis.start()
        installation.postgres.start()
        installation.start()
        self.stopped.append((began, time.time()))
        return "all"

    def skew_clock(self) -> str:
        """The clock of one client is wrong from now on, by up to two days."""
        bureau, hours = self.random.choice(self.bureaus), self.random.uniform(-48, 48)
        bureau.skew = timedelta(hours=hours)
        return f"{hours:+.1f} h"


def _all_connections(connect: Callable[[], Any]) -> list[Any]:
    found: list[Any] = []
    with suppress(psycopg2.OperationalError):
        while len(found) < MOST_CONNECTIONS:
            found.append(connect())
    return found


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


FAULTS: Mapping[str, Callable[[Faults], str]] = {
    "kill an instance": Faults.kill_web,
    "kill a worker": Faults.kill_worker,
    "freeze an instance": Faults.freeze_web,
    "freeze a worker": Faults.freeze_worker,
    "kill database backends": Faults.kill_backends,
    "restart PostgreSQL": Faults.restart_postgres,
    "crash PostgreSQL": Faults.crash_postgres,
    "crash Redis": Faults.crash_redis,
    "take all connections": Faults.exhaust_connections,
    "lock a table": Faults.lock_tables,
    "consumer refuses": Faults.lose_consumer,
    "skew a client's clock": Faults.skew_clock,
    "stop everything": Faults.stop_everything,
    "cut the power": Faults.cut_power,
}
EVERYTHING = ("stop everything", "cut the power")
OF_THE_DATABASE = (
    *("kill database backends", "restart PostgreSQL", "crash PostgreSQL", "take all connections", "lock a table"),
)  # one at a time: each needs the server to do it
