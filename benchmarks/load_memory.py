"""The memory of an instance while one sort of call is repeated: what grows, and what grows no more after a while.

    python -m benchmarks.load_memory [--call "preview of 50" ...] [--times 1000] [--people 10000] [--clients 4]

For each sort of call (by default all of `MIX` in `benchmarks/load_clients.py`) an instance is started on one
PostgreSQL with a history of 10,000 tasks; clients are threads that call at once. Printed is its memory in MiB after
each fifth of the calls. `MALLOC_ARENA_MAX` and other settings of the C library come from the environment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import click

from benchmarks.dispatch import addressed
from benchmarks.instances import Instance, served
from benchmarks.load import memory_of
from benchmarks.load_clients import MIX, PRESENT, Client
from benchmarks.load_history import fill
from benchmarks.timing import Row, show

HISTORY = 10_000
PENDING = 20_000
PARTS = 5


def grown(instance: Instance, call: str, times: int, clients: Sequence[Client]) -> Row:
    """The memory after each part of so many calls."""
    processes = {"MiB at start": instance}
    row: dict[str, float | str] = {"call": call, **memory_of(processes)}
    share = max(1, times // PARTS // len(clients))
    with ThreadPoolExecutor(len(clients)) as threads:
        for part in range(1, PARTS + 1):
            list(threads.map(lambda client: client.repeat(call, share), clients))
            row |= memory_of({f"after {part * share * len(clients)}": instance})
    wrong = sum(made.trouble is not None for client in clients for made in client.calls)
    return {**row, "errors": wrong}


@click.command(help=__doc__)
@click.option("--call", "calls", type=click.Choice(list(MIX)), multiple=True, default=list(MIX))
@click.option("--times", default=1000, show_default=True)
@click.option("--people", default=10_000, show_default=True)
@click.option("--clients", default=4, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(as_json: bool, calls: Sequence[str], times: int, people: int, clients: int) -> None:
    rows = []
    with addressed("postgresql") as address, tempfile.TemporaryDirectory() as directory:
        fill(address, HISTORY, people, PENDING)
        for turn, call in enumerate(calls):
            with served(address, directory, SESSION_TIMEOUT_SECONDS="900") as instance:
                mine = [range(n, people, clients) for n in range(clients)]
                some = [Client(instance.port, clients * turn + n, [*mine[n]], 2 * HISTORY) for n in range(clients)]
                for client in some:
                    client.log_in_people(PRESENT)
                rows.append(grown(instance, call, times, some))
    show(rows, as_json=as_json)


if __name__ == "__main__":
    main()
