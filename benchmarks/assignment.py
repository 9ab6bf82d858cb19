"""OR-Library files of the classical assignment problem: n, then n × n costs; everybody gets one task.

The optimum is looked up in an `optima.csv` beside the file: columns `instance` and `optimum`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path

import numpy as np

from assignment_engine.allocation.optimal.problem import GapProblem
from assignment_engine.allocation.optimal.solve import solve_gap


def read_instance(path: Path) -> GapProblem:
    """The problem in a file, as one task for each person."""
    numbers = np.array(path.read_text().split(), dtype=np.int64)
    n = int(numbers[0])
    once = np.ones(n, dtype=np.int64)
    return GapProblem(-numbers[1:].reshape(n, n).astype(np.float64), once, once, mandatory=True)


def published_optimum(path: Path) -> float | None:
    table = path.parent / "optima.csv"
    if not table.exists():
        return None
    with table.open(newline="") as lines:
        return next((float(row["optimum"]) for row in csv.DictReader(lines) if row["instance"] == path.stem), None)


def measure(path: Path, seconds: float) -> dict[str, object]:
    """One line of the table."""
    solution = solve_gap(read_instance(path), seconds)
    optimum = published_optimum(path)
    return {
        "instance": path.stem,
        "value": -solution.value,
        "bound": -solution.bound,
        "feasible": solution.missing == 0 and np.unique(solution.assigned).size == solution.assigned.size,
        "seconds": round(solution.seconds, 3),
        "published": optimum,
        "published_gap": None if optimum is None else (-solution.value - optimum) / optimum,
    }


def instances(given: list[Path]) -> list[Path]:
    """The files given, or those below EVALUATION_DATA."""
    data = os.environ.get("EVALUATION_DATA")
    if given or not data:
        return given
    return sorted((Path(data) / "orlib-assignment").glob("assign*.txt"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="default: all files below EVALUATION_DATA")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for path in instances(options.files):
        line = measure(path, options.seconds)
        print(json.dumps(line) if options.json else " ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
