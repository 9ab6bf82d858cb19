"""Published instances of the generalised assignment problem: value and bound against what is known.

A file holds m (people) and n (tasks), then m rows of n costs, m rows of n sizes and m capacities; `.gz` is read too.
Every task is mandatory; `--sense min` makes the sum of costs smallest, `max` largest. Known bounds are looked up in a
`bounds.txt` beside the file or above it: lines `<instance>_<Min|Max> <lower> <upper>`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
from pathlib import Path

import numpy as np

from assignment_engine.allocation.optimal.problem import GapProblem
from assignment_engine.allocation.optimal.solve import solve_gap

SENSES = ("min", "max")


def read_instance(path: Path, sense: str) -> GapProblem:
    """The problem in a file; costs are negative values where they are to be small."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    numbers = np.array(text.split(), dtype=np.int64)
    m, n = (int(number) for number in numbers[:2])
    costs, sizes, capacity = np.split(numbers[2:], [m * n, 2 * m * n])
    value = costs.reshape(m, n).T.astype(np.float64)
    return GapProblem(value if sense == "max" else -value, sizes.reshape(m, n).T.copy(), capacity, mandatory=True)


def instance_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".txt")


def published_bounds(path: Path, sense: str) -> tuple[float, float] | None:
    """The lower and upper bound known for the optimum of the instance in a file."""
    for folder in (path.parent, path.parent.parent):
        if (folder / "bounds.txt").exists():
            for line in (folder / "bounds.txt").read_text().splitlines():
                name, lower, upper = line.split()
                if name == f"{instance_name(path)}_{sense.capitalize()}":
                    return float(lower), float(upper)
    return None


def measure(path: Path, sense: str, seconds: float, seed: int = 0) -> dict[str, object]:
    """One line of the table. Gaps are relative; the published one is against the best known value."""
    problem = read_instance(path, sense)
    solution = solve_gap(problem, seconds, seed)
    sign = 1.0 if sense == "max" else -1.0
    line: dict[str, object] = {
        "instance": instance_name(path),
        "sense": sense,
        "value": sign * solution.value,
        "bound": sign * solution.bound,
        "feasible": is_feasible(problem, solution.assigned),
        "seconds": round(solution.seconds, 2),
    }
    known = published_bounds(path, sense)
    if known is not None:
        best = known[0] if sense == "max" else known[1]
        line |= {"published": list(known), "published_gap": (best - sign * solution.value) * sign / abs(best)}
    return line


def is_feasible(problem: GapProblem, assigned: np.ndarray) -> bool:
    """Whether every task has a person and nobody has too much."""
    if (assigned < 0).any():
        return False
    load = np.zeros(problem.capacity.size, dtype=np.int64)
    np.add.at(load, assigned, problem.seconds[np.arange(assigned.size), assigned])
    return bool((load <= problem.capacity).all())


def instances(given: list[Path]) -> list[Path]:
    """The files given, or those below EVALUATION_DATA."""
    data = os.environ.get("EVALUATION_DATA")
    if given or not data:
        return given
    return sorted((Path(data) / "gap-benchmark" / "instances").glob("*.txt*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="default: all instances below EVALUATION_DATA")
    parser.add_argument("--sense", choices=SENSES, default="min")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for path in instances(options.files):
        line = measure(path, options.sense, options.seconds, options.seed)
        print(json.dumps(line) if options.json else _text(line), flush=True)


def _text(line: dict[str, object]) -> str:
    text = "{instance:<10} {sense} value {value:>10.0f} bound {bound:>10.0f} feasible {feasible} {seconds:>6} s".format(
        **line
    )
    return text + (f" published {line['published']} {line['published_gap']:+.3%}" if "published" in line else "")


if __name__ == "__main__":
    main()
