"""Timing and printing that the benchmarks share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence

import click

Row = Mapping[str, str | int | float | None]


def best_seconds(call: Callable[[], object], seconds: float = 2.0, least: int = 3) -> float:
    """The shortest of several runs: the least disturbed one."""
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """JSON lines, or a table with a column for each field of the first row."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    cells = [[*rows[0]], *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        click.echo("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: str | float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
