"""A model learned from chunks on a Dask cluster, beside the same training on one machine.

    python -m benchmarks.distributed_training [--decisions 50000] [--decisions 500000] [--chunks 8] [--kill]

Decisions are drawn: the outcome follows from four of the features. The cluster is two processes of one thread on this
machine, so that `seconds` say what distribution costs, not what more machines gain; locally one thread trains. With
`--kill`, one of them is killed while trees are fitted, in a run of its own. `largest process MiB` is the coordinating
process before the log is read as a whole for the local training.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

from assignment_engine.distributed.training import train_distributed
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.dataset import read_dataset
from assignment_engine.learning.training import Training, train
from assignment_engine.scoring.bundle import Bundle
from benchmarks.distributed import kill_after, local_cluster
from benchmarks.timing import Row, show

EFFECTS = {"skill_match": 4.0, "time_pressure": -3.0, "workload_ratio": -2.0, "success_rate": 3.0}
TRAINING = Training(model="trees")


def chunk(first: int, count: int) -> pd.DataFrame:
    """So many decisions, one every five minutes, each of which ends after two days."""
    rng = np.random.default_rng(first)
    frame = pd.DataFrame(rng.random((count, len(FEATURE_NAMES))), columns=FEATURE_NAMES)
    odds = sum((effect * (frame[name] - 0.5) for name, effect in EFFECTS.items()), start=np.zeros(count))
    decided_at = np.datetime64("2020-01-01", "s") + 300 * (first + np.arange(count))
    return frame.assign(
        decision_id=first + np.arange(count),
        decided_at=decided_at,
        known_at=decided_at + np.timedelta64(2, "D"),
        outcome=np.where(rng.random(count) < 1.0 / (1.0 + np.exp(-odds)), "good", "bad"),
    )


def measurement(decisions: int, chunks: int, directory: Path, *, kill: bool) -> Row:
    size = decisions // chunks
    paths = [directory / f"{decisions}-{part}.csv" for part in range(chunks)]
    for part, path in enumerate(paths):
        chunk(part * size, size).to_csv(path, index=False)
    with local_cluster() as client:
        begun = time.monotonic()
        made = train_distributed(paths, client, TRAINING)
        seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row: Row = {"decisions": decisions, "chunks": chunks, "seconds": seconds, "largest process MiB": peak}
        if kill:
            killer, begun = kill_after(client, 0.7 * seconds), time.monotonic()
            row["AUC, one killed"] = auc_of(train_distributed(paths, client, TRAINING))
            row["seconds, one killed"] = time.monotonic() - begun
            killer.join()
    begun = time.monotonic()
    local = train(read_dataset(pd.concat([pd.read_csv(path) for path in paths])), TRAINING)
    return {**row, "local s": time.monotonic() - begun, "AUC": auc_of(made), "local AUC": auc_of(local)}


def auc_of(bundle: Bundle) -> float:
    return float(bundle.manifest.metrics["model"]["auc"])


@click.command(help=__doc__)
@click.option("--decisions", multiple=True, type=int, default=(50_000, 500_000), show_default=True)
@click.option("--chunks", default=8, show_default=True)
@click.option("--kill", is_flag=True, help="once more, while a worker is killed")
@click.option("--json", "as_json", is_flag=True)
def main(decisions: tuple[int, ...], chunks: int, *, kill: bool, as_json: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        rows = [measurement(count, chunks, Path(directory), kill=kill) for count in decisions]
    show(rows, as_json=as_json)


if __name__ == "__main__":
    main()
