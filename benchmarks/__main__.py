"""All benchmarks in one run: ``python -m benchmarks [--write docs/benchmarks.md]``.

Each is a command of its own, so that anybody can run one with other sizes; their tables become one page.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numpy", "numba", "lightgbm", "scipy")


@dataclass(frozen=True)
class Section:
    """A question, the commands that answer it, and what to know when reading the answer."""

    name: str
    question: str
    commands: tuple[str, ...]
    needs_data: bool = False


SECTIONS = (
    Section(
        "forest",
        "Scoring pairs: the compiled forest against other predictors of the same model",
        ("benchmarks.forest",),
    ),
    Section(
        "greedy",
        "Whole greedy plans: the forest against Booster.predict, and how time and memory grow",
        tuple(
            f"benchmarks.greedy --tasks {n} --employees {m}" for n, m in ((2000, 2000), (10000, 10000), (2000, 20000))
        ),
    ),
    Section(
        "fallback",
        "Whole plans with the weighted fallback, records to plan",
        ("benchmarks.fallback --tasks 10000 --employees 1000",),
    ),
    Section(
        "optimal",
        "Tight random problems: optimal against greedy, balanced, HiGHS and CP-SAT with the same 30 seconds",
        ("benchmarks.optimal --seconds 30",),
    ),
    Section(
        "optimal-10s",
        "The same, optimal alone, with 10 seconds",
        ("benchmarks.optimal --seconds 10 --solvers optimal",),
    ),
    Section(
        "gap",
        "Published instances of the generalised assignment problem",
        ("benchmarks.gap --sense min --seconds 10", "benchmarks.gap --sense max --seconds 10"),
        needs_data=True,
    ),
    Section("assignment", "Published instances of the assignment problem", ("benchmarks.assignment",), needs_data=True),
    Section(
        "dispatch",
        "Live dispatch: completions with the next task in the answer, beside bare statements and a job queue",
        (
            "benchmarks.dispatch",
            "benchmarks.dispatch --pending 1000 --clients 1 --seconds 2 --only-ours",
            "benchmarks.dispatch --pending 1000000 --clients 1 --only-ours",
            "benchmarks.dispatch --database sqlite",
        ),
    ),
    Section(
        "instances",
        "Completions over HTTP while instances are added on one PostgreSQL",
        ("benchmarks.instances",),
    ),
    Section(
        "load",
        "Load: a million finished tasks and ten thousand people, beside the same load on a small history",
        (
            "benchmarks.load --rate 0 --completions 5000 --archive-seconds 0",
            "benchmarks.load --seconds 150 --rate 16 --compare",
            "benchmarks.load_memory --times 200",
        ),
    ),
    Section("my_jobs", "A person's list of jobs while the table of assignments grows", ("benchmarks.my_jobs",)),
    Section(
        "learning",
        "Learning: plans over ten simulated organisations, features and training of a million pairs",
        ("benchmarks.learning rounds", "benchmarks.learning pairs"),
    ),
    Section(
        "intervals",
        "Off-policy intervals on a log in which everybody did every task",
        ("benchmarks.learning intervals",),
        needs_data=True,
    ),
    Section(
        "quality",
        "Data quality: one large file and what else finds its duplicates, what suspect rows mean, an endless line",
        ("benchmarks.quality_rivals", "benchmarks.impact", "benchmarks.endless_line"),
        needs_data=True,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="write the page here")
    parser.add_argument("--only", nargs="*", default=[section.name for section in SECTIONS], help="names of sections")
    parser.add_argument("--lleaves-python", help="interpreter of the environment that has lleaves")
    options = parser.parse_args()
    chosen = [section for section in SECTIONS if section.name in options.only]
    page = "\n".join([*_head(), *(line for section in chosen for line in _run(section, options.lleaves_python))])
    if options.write:
        options.write.write_text(page + "\n", "utf-8")


def _head() -> list[str]:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return [
        "# Benchmarks",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {machine}, {libraries}.",
        "`make bench` runs everything and writes this page; each table names the command that prints it. Ratios within",
        "one run mean more than absolute times.",
        "",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _run(section: Section, lleaves: str | None) -> Iterable[str]:
    yield from (f"## {section.question}", "")
    if section.needs_data and not os.environ.get("EVALUATION_DATA"):
        print(f"{section.name}: skipped, EVALUATION_DATA is not set", flush=True)
        yield from ("Skipped: the variable `EVALUATION_DATA` names no directory.", "")
        return
    for command in section.commands:
        print(f"\n$ python -m {command}", flush=True)
        extra = ["--lleaves-python", lleaves] if lleaves and section.name == "forest" else []
        yield from (f"    python -m {command}", "", "```", *_lines([*command.split(), *extra]), "```", "")


def _lines(arguments: list[str]) -> Iterable[str]:
    with subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            yield line.rstrip()
    if process.returncode:
        yield f"(ended with status {process.returncode})"


if __name__ == "__main__":
    main()
