"""Learning: whether plans get better, how long features and training take, and how honest intervals are.

    python -m benchmarks.learning rounds [--seeds 10] [--plot docs/learning.svg] [--json]
    python -m benchmarks.learning pairs [--tasks 60000] [--people 400] [--json]
    python -m benchmarks.learning intervals [--logs 1000] [--json]

`rounds` runs simulated organisations that plan, learn and promote, and compares their plans with the fallback's and
with those of full knowledge. `pairs` replays a log of a million pairs and trains on it. `intervals` counts how often
off-policy intervals hold the truth on a log in which everybody did every task (`EVALUATION_DATA` names its directory).
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pandas as pd

from assignment_engine.learning.crossed import coverage_of
from assignment_engine.learning.logs.adapter import Adapter
from assignment_engine.learning.logs.choice import RANKER
from assignment_engine.learning.logs.read import read_log
from assignment_engine.learning.logs.replay import replay
from assignment_engine.learning.plots import plot_courses
from assignment_engine.learning.ranking import Sets
from assignment_engine.learning.recipes import Rows, fit
from assignment_engine.learning.rounds import Course, run_rounds
from benchmarks.timing import Row, show

PERIOD = 20


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.option("--seeds", default=10, show_default=True)
@click.option("--days", default=120, show_default=True)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def rounds(seeds: int, days: int, plot: Path | None, *, as_json: bool) -> None:
    courses = [_course(seed, days) for seed in range(1, seeds + 1)]
    show([_period(courses, start) for start in range(0, days, PERIOD)], as_json=as_json)
    if plot:
        plot_courses(courses, plot)


def _course(seed: int, days: int) -> Course:
    with tempfile.TemporaryDirectory() as models:
        return run_rounds(seed, Path(models), days=days)


def _period(courses: list[Course], start: int) -> Row:
    names = ("fallback", "champion", "full_knowledge")
    days = [course.days[start : start + PERIOD] for course in courses]
    mean = {name: np.array([np.mean([getattr(day, name) for day in part]) for part in days]) for name in names}
    gained = mean["champion"] - mean["fallback"]
    return {
        "days": f"{start}–{start + PERIOD - 1}",
        **{name: float(values.mean()) for name, values in mean.items()},
        "gain": float(gained.mean()),
        "se": float(gained.std(ddof=1) / np.sqrt(len(gained))) if len(gained) > 1 else None,
        "share of the gap": float(gained.mean() / (mean["full_knowledge"] - mean["fallback"]).mean()),
        "with a model": sum("lightgbm" in part[0].scorer for part in days),
    }


@main.command()
@click.option("--tasks", default=60_000, show_default=True)
@click.option("--people", default=400, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def pairs(tasks: int, people: int, *, as_json: bool) -> None:
    adapter = Adapter(
        name="drawn",
        kind="tasks",
        case={"id": "id"},
        decision={"at": "given"},
        fields={"person": "who", "department": "team", "category": "kind", "subcategory": ["kind", "part"]},
        left="done",
        candidates={"same_department": True, "days": 7, "cap": 20},
    )
    steps = [("start", time.perf_counter(), 0)]
    cases, _ = read_log(_drawn_log(tasks, people), adapter)
    steps.append(("read", time.perf_counter(), len(cases)))
    replayed = replay(cases, adapter)
    steps.append(("features", time.perf_counter(), len(replayed.decision)))
    candidates = replayed.take(replayed.candidate)
    rows = Rows(candidates.features, candidates.chosen.astype(float), Sets.of(candidates.decision).sizes)
    fit(RANKER.model_copy(update={"rounds": 100, "patience": 0}), rows, replayed.names, seed=1)
    steps.append(("train, 100 rounds", time.perf_counter(), len(candidates.decision)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show(
        [
            {"step": name, "rows": count, "s": at - before, "rows/s": count / (at - before), "peak MiB": peak}
            for (_, before, _), (name, at, count) in pairwise(steps)
        ],
        as_json=as_json,
    )


def _drawn_log(tasks: int, people: int) -> pd.DataFrame:
    """Teams of twenty, five kinds of work each; people have favourites."""
    rng = np.random.default_rng(1)
    who = rng.integers(0, people, tasks)
    given = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.cumsum(rng.exponential(600, tasks)), unit="s")
    done = given + pd.to_timedelta(rng.exponential(8 * 3600, tasks), unit="s")
    return pd.DataFrame(
        {
            "id": np.arange(tasks).astype(str),
            "given": given.strftime("%Y-%m-%d %H:%M:%S"),
            "done": done.strftime("%Y-%m-%d %H:%M:%S"),
            "who": who.astype(str),
            "team": (who // 20).astype(str),
            "kind": np.where(rng.random(tasks) < 0.6, who % 5, rng.integers(0, 5, tasks)).astype(str),
            "part": rng.integers(0, 4, tasks).astype(str),
        }
    )


@main.command()
@click.option("--logs", default=1000, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def intervals(logs: int, *, as_json: bool) -> None:
    directory = os.environ.get("EVALUATION_DATA")
    if not directory:
        raise click.ClickException("EVALUATION_DATA names no directory")
    log = pd.read_csv(Path(directory, "crowd-bluebirds", "bluebirds.csv.gz"))
    outcomes = log.pivot(index="worker_id", columns="task_id", values="correct").to_numpy(dtype=float)
    rows: list[Row] = []
    for decisions in (400, 800, 1600):
        found = coverage_of(outcomes, logs=logs, decisions=decisions)
        truth = {"decisions": decisions, "logging": found.logging_value, "target": found.target_value}
        rows += [{**truth, **row.model_dump()} for row in found.rows]
    show(rows, as_json=as_json)


if __name__ == "__main__":
    main()
