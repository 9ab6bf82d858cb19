"""Working a past log off again, under another policy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assignment_engine.cli import model_dirs
from assignment_engine.cli.errors import FILE, errors_shown

if TYPE_CHECKING:
    from assignment_engine.services.replay.office import Policy

POLICIES = ("fifo", "score", "model")
DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@click.command("replay")
@click.argument("log", type=FILE)
@click.option("--adapter", required=True, help="A TOML file, or the name of a shipped adapter.")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Choice(POLICIES),
    help="fifo: first come, first served; score: the weighted fallback; model: a trained one. "
    "[default: fifo, score, and model with --model-dir or MODEL_DIR]",
)
@model_dirs.READ_IF_NAMED
@click.option("--from", "start", type=DAY, help="Only tasks that arrived from then on, UTC.")
@click.option("--to", "end", type=DAY, help="Only tasks that arrived before, UTC.")
@click.option("--gap", default=60.0, show_default=True, help="Minutes without work after which somebody is gone.")
@click.option("--least", default=5, show_default=True, help="Who did a kind of work so often can do it.")
@click.option("--databases", type=click.Path(file_okay=False, path_type=Path), help="Keep the databases here.")
@click.option("--processes", type=click.IntRange(1), help="How many policies at once  [default: one per core]")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw waits and loads to this SVG file.")
@click.option("--json", "as_json", is_flag=True)
@errors_shown
def replay_command(
    *,
    log: Path,
    adapter: str,
    policies: tuple[str, ...],
    model_dir: Path | None,
    start: datetime | None,
    end: datetime | None,
    gap: float,
    least: int,
    databases: Path | None,
    processes: int | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Work a past log off through live dispatch, on the time of the log. See docs/replay.md.

    \b
    Example: assignment-engine replay bpic2012.csv.gz --adapter bpic2012-loan --plot replay.svg
    """
    from assignment_engine.learning.logs.adapter import read_adapter
    from assignment_engine.services.replay.compare import Assumptions, compare
    from assignment_engine.services.replay.log import read_work_log
    from assignment_engine.services.replay.plot import draw, require_matplotlib
    from assignment_engine.services.replay.report import content_of, text_of

    if plot:
        require_matplotlib()
    names = policies or (("fifo", "score", "model") if model_dir else ("fifo", "score"))
    between = (start or FIRST).replace(tzinfo=UTC).timestamp(), (end or LAST).replace(tzinfo=UTC).timestamp()
    found = compare(
        read_work_log(log, read_adapter(adapter)),
        [_policy(name, model_dir) for name in dict.fromkeys(names)],
        between=between if start or end else None,
        assumptions=Assumptions(gap_minutes=gap, least=least),
        databases=databases,
        processes=processes or os.cpu_count() or 1,
        progress=_bar,
    )
    if plot:
        draw(found, plot)
    click.echo(json.dumps(content_of(found), indent=2) if as_json else text_of(found))


def _policy(name: str, model_dir: Path | None) -> Policy:
    from assignment_engine.services.replay.office import best_by_model, best_score, first_in_first_out

    if name == "model":
        return best_by_model(model_dir)
    return first_in_first_out() if name == "fifo" else best_score()


def _bar(number: int, policy: str, tasks: int) -> Callable[[], object]:
    """A bar on the terminal that goes on with every task."""
    from tqdm import tqdm

    return tqdm(total=tasks, desc=policy, unit=" tasks", position=number, disable=None).update
