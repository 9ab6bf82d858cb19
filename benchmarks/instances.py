"""Completions over HTTP while served instances are added on one PostgreSQL.

    python -m benchmarks.instances [--instances 1 --instances 2 --instances 4] [--clients 8] [--seconds 10]

Each client is a process with people of its own who finish what they have and get the next task in the same answer, as
fast as the instance that the client was given to answers; clients are dealt out evenly. `x one` is the rate against
that of a single instance. Where everything runs on one machine, its cores are the limit: `instance ms` is the CPU time
of the instances for one completion, `busy cores` what the whole machine was busy with, clients and database among it.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.dispatch import PEOPLE_PER_CLIENT, WARM_UP_SECONDS, addressed, fill
from benchmarks.timing import Row, show
from webapp.auth import make_token

SECRET = "a-secret-that-all-instances-share-0123456789"
START_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Instance:
    """A served app: its port and its process."""

    port: int
    pid: int


class Person:
    """One who works through the API."""

    def __init__(self, connection: http.client.HTTPConnection, person_id: str) -> None:
        self._connection = connection
        self._headers = {**JSON, "Authorization": f"Bearer {make_token(SECRET, 'technician', person_id, 1.0)}"}
        self._task = self._post("/personnel/login", {"person_id": person_id})["assignments"][0]["ticket_id"]

    def complete(self) -> None:
        """Finish the task in hand and take the next one."""
        done = self._post(f"/tasks/{self._task}/complete", {})
        if done["next"] is None:
            raise RuntimeError("there is nothing left to do; give more --pending")
        self._task = done["next"]["ticket_id"]

    def _post(self, path: str, body: dict[str, object]):
        self._connection.request("POST", path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        content = json.load(answer)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer.status} {content}")
        return content


def load(port: int, client: int, seconds: float) -> list[float]:
    """Seconds that each completion of one client took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    people = [Person(connection, f"e{client}-{number}") for number in range(PEOPLE_PER_CLIENT)]
    times, turn, begin = [], 0, time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < begin + seconds:
        start = time.perf_counter()
        people[turn % len(people)].complete()
        if start >= begin:
            times.append(time.perf_counter() - start)
        turn += 1
    connection.close()
    return times


@contextmanager
def served(address: str, directory: str, **settings: str) -> Iterator[Instance]:
    """One more instance on the database."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("assignment-engine"))
    environment = {**os.environ, "DATABASE_URL": address, "JWT_SECRET": SECRET, "RATE_LIMIT": "off", **settings}
    with (
        Path(directory, f"{port}.log").open("w") as log,
        subprocess.Popen([program, "serve", "--port", str(port)], env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            _wait(port)
            yield Instance(port, process.pid)
        finally:
            process.kill()


def _wait(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise RuntimeError(f"no instance on port {port} within {START_SECONDS} s")


def of_processes(instances: list[Instance]) -> float:
    """CPU seconds that the instances have used, from /proc."""
    fields = [Path(f"/proc/{i.pid}/stat").read_text().rpartition(")")[2].split() for i in instances]
    return sum(int(values[11]) + int(values[12]) for values in fields) / os.sysconf("SC_CLK_TCK")


def of_machine() -> float:
    """CPU seconds that this machine was busy with anything."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:11])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def measure(address: str, count: int, clients: int, seconds: float) -> Row:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        instances = [stack.enter_context(served(address, directory)) for _ in range(count)]
        ports = [instances[client % count].port for client in range(clients)]
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(clients))
        jobs = [pool.apply_async(load, (port, client, seconds)) for client, port in enumerate(ports)]
        own, busy, begun = of_processes(instances), of_machine(), time.perf_counter()
        times = sorted(second for job in jobs for second in job.get())
        own, busy, taken = of_processes(instances) - own, of_machine() - busy, time.perf_counter() - begun
    share = seconds / taken  # of the time in which completions were counted
    return {
        "instances": count,
        "clients": clients,
        "per second": len(times) / seconds,
        "p50 ms": 1e3 * times[len(times) // 2],
        "p99 ms": 1e3 * times[min(len(times) - 1, int(0.99 * len(times)))],
        "instance ms": 1e3 * own * share / len(times),
        "busy cores": busy / taken,
    }


@click.command(help=__doc__)
@click.option("--database", default="postgresql", show_default=True, help="postgresql or the address of one")
@click.option("--instances", multiple=True, type=int, default=(1, 2, 4), show_default=True)
@click.option("--clients", default=8, show_default=True)
@click.option("--pending", default=100_000, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(database: str, instances: tuple[int, ...], clients: int, pending: int, seconds: float, as_json: bool) -> None:
    with addressed(database) as address:
        fill(address, pending, clients)
        rows = [measure(address, count, clients, seconds) for count in instances]
    first = rows[0]["per second"]
    show([{**row, "x one": _ratio(row["per second"], first)} for row in rows], as_json=as_json)


def _ratio(rate: str | float | None, other: str | float | None) -> float:
    return float(rate or 0.0) / float(other or 1.0)


if __name__ == "__main__":
    main()
