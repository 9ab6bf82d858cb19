"""Data quality: faults with known truth in real logs, what each detector finds of them, and how filling errs.

    python -m benchmarks.quality detectors|duplicates|filling|learning|scale [--seeds 5] [--rows 1000000] [--json]

The logs are those of EVALUATION_DATA: the incidents of a service desk (the last row of each, 24,918) and the tasks of a
software company (10,266). `detectors` splits a log at random into a reference and a file, and puts one kind of fault
into the file. `duplicates` adds copies of rows, exact or changed. `filling` hides known cells. `learning` trains a
model on columns with gaps and with gaps filled. `scale` runs the whole chain on one large file in a process of its own.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import lightgbm
import numpy as np

from assignment_engine.learning.metrics import auc
from assignment_engine.quality import cells
from assignment_engine.quality.checking import check_table
from assignment_engine.quality.duplicates import deduplicate_table
from assignment_engine.quality.estimates import Target, estimates, feature_of
from assignment_engine.quality.files import process_file
from assignment_engine.quality.filling import error_of, fill_table
from assignment_engine.quality.gaps import is_grouping
from assignment_engine.quality.kinds import Kind, TypedColumn, typed
from assignment_engine.quality.options import FillMethod, FillOptions, QualityOptions, Role
from assignment_engine.quality.reading import read_file
from assignment_engine.quality.table import Column, Table, tidy
from assignment_engine.quality.writing import write_table
from benchmarks.timing import Row, show

FAULTY = 4
Generator = np.random.Generator


def data(*parts: str) -> Path:
    return Path(os.environ["EVALUATION_DATA"]).joinpath(*parts)


def incidents() -> Table:
    """The last row of each incident; its number names it."""
    table = read_file(data("uci-servicenow-incidents", "incident_event_log.csv.gz")).table
    return table.take(last_rows(table.by_name["number"]))


def company_tasks() -> Table:
    """The first row of each task, with its dates."""
    table = read_file(data("sip-task-effort", "Sip-task-info.csv")).table
    dates = read_file(data("sip-task-effort", "est-act-dates.csv")).table
    table = table.take(first_rows(table.by_name["TaskNumber"]))
    where = {dates.by_name["TaskNumber"].text(row): row for row in range(dates.rows)}
    rows = np.array([where[table.by_name["TaskNumber"].text(row)] for row in range(table.rows)])
    for name in ("EstimateOn", "StartedOn", "CompletedOn"):
        table = table.with_column(dates.by_name[name].take(rows))
    return table.without({"DeveloperID", "DeveloperHoursActual", "DeveloperPerformance", "TaskPerformance"})


def first_rows(column: Column) -> np.ndarray:
    return np.sort(np.unique(column.codes, return_index=True)[1])


def last_rows(column: Column) -> np.ndarray:
    return len(column) - 1 - np.sort(np.unique(column.codes[::-1], return_index=True)[1])[::-1]


LOGS: dict[str, Callable[[], Table]] = {"incidents": incidents, "tasks": company_tasks}


# Faults: each returns the spoilt table and what is true about it, as a set of names.

Fault = Callable[[Table, Generator], tuple[Table, set[object]]]


def pick(columns: Iterable[TypedColumn], rng: Generator, count: int = FAULTY) -> list[TypedColumn]:
    usable = list(columns)
    return [usable[i] for i in rng.choice(len(usable), min(count, len(usable)), replace=False)]


def mostly_there(table: Table) -> list[TypedColumn]:
    return [c for c in typed(table) if c.of.present_count > 0.5 * table.rows and c.of.distinct > 1]


def emptied(column: Column, rows: np.ndarray) -> Column:
    codes = column.codes.copy()
    codes[rows] = -1
    return replace(column, codes=codes)


def missing_at_random(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    chosen = pick(mostly_there(table), rng)
    for column in chosen:
        table = table.with_column(emptied(column.of, rng.random(table.rows) < 0.1))
    return table, {column.name for column in chosen}


def missing_by_group(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    columns = mostly_there(table)
    truth: set[object] = set()
    for column in pick([c for c in columns if c.of.present_count > 0.99 * table.rows], rng, 2):
        by = pick([c for c in columns if is_grouping(c) and c.name != column.name], rng, 1)[0]
        levels = np.flatnonzero(by.of.counts >= 100)
        level = int(rng.choice(levels))
        rows = (by.of.codes == level) & (rng.random(table.rows) < 0.5)
        table = table.with_column(emptied(column.of, rows))
        truth.add((column.name, by.name, by.of.words[level]))
    return table, truth


def retyped_columns(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    chosen = pick([c for c in mostly_there(table) if c.base in (Kind.NUMBER, Kind.TIME)], rng)
    for column in chosen:
        words = tuple(f"value {word}" if column.base is Kind.NUMBER else word.replace("-", " ~ ").replace("/", " ~ ")
                      for word in column.of.words)  # fmt: skip
        table = table.with_column(replace(column.of, words=words))
    return table, {column.name for column in chosen}


def retyped_cells(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    truth: set[object] = set()
    for column in pick([c for c in mostly_there(table) if c.base in (Kind.NUMBER, Kind.TIME)], rng):
        rows = np.flatnonzero(column.of.present & (rng.random(table.rows) < 0.01))
        table = table.with_column(column.of.with_cells(rows, [f"{column.of.text(int(r))} approx." for r in rows]))
        truth |= {(column.name, int(table.lines[row])) for row in rows}
    return table, truth


def impossible_numbers(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    truth: set[object] = set()
    for column in pick([c for c in mostly_there(table) if c.kind is Kind.NUMBER], rng):
        rows = np.flatnonzero(column.of.present & (column.values > 0) & (rng.random(table.rows) < 0.01))
        factors = np.where(rng.random(len(rows)) < 0.5, -1.0, 1000.0)
        texts = [f"{column.values[row] * factor:g}" for row, factor in zip(rows, factors, strict=True)]
        table = table.with_column(column.of.with_cells(rows, texts))
        truth |= {(column.name, int(table.lines[row])) for row in rows}
    return table, truth


def unknown_words(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    truth: set[object] = set()
    usable = [c for c in mostly_there(table) if c.kind is Kind.CATEGORY and c.role is not Role.IDENTIFIER]
    for column in pick(usable, rng):
        rows = np.flatnonzero(column.of.present & (rng.random(table.rows) < 0.01))
        table = table.with_column(column.of.with_cells(rows, [f"x{typo(column.of.text(int(r)), rng)}" for r in rows]))
        truth |= {(column.name, int(table.lines[row])) for row in rows}
    return table, truth


def shifted(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    """Numbers grow by half; the most frequent word of a column loses half its rows to the second."""
    usable = [c for c in mostly_there(table) if c.kind is Kind.NUMBER and c.of.distinct > 5]
    words = [c for c in mostly_there(table) if c.kind is Kind.CATEGORY and 2 < c.of.distinct < 200]
    chosen = [*pick(usable, rng, 2), *pick([c for c in words if top_share(c) > 0.2], rng, 2)]
    for column in chosen:
        if column.kind is Kind.NUMBER:
            words_now = tuple(f"{n * 1.5 + 1:g}" for n in column.numbers)
            table = table.with_column(replace(column.of, words=words_now))
        else:
            first, second = np.argsort(-column.of.counts)[:2]
            codes = column.of.codes.copy()
            codes[(codes == first) & (rng.random(table.rows) < 0.5)] = second
            table = table.with_column(replace(column.of, codes=codes))
    return table, {column.name for column in chosen}


def top_share(column: TypedColumn) -> float:
    return float(column.of.counts.max() / column.of.counts.sum())


def renamed(table: Table, rng: Generator) -> tuple[Table, set[object]]:
    """Other cases, abbreviations and wholly other names; another column is dropped and one is added."""
    chosen = pick(mostly_there(table), rng, FAULTY + 1)
    *moved, dropped = chosen
    changes = (str.swapcase, lambda n: n[: max(4, len(n) // 2)], lambda n: f"{n} value", lambda n: "field" + n[::-1])
    new_names = {c.name: change(c.name) for c, change in zip(moved, changes, strict=True)}
    rows = table.rows
    extra = Column("note to self", rng.integers(0, 3, rows).astype(np.int32), ("left", "right", "none of the two"))
    table = table.without({dropped.name}).with_column(extra).renamed(lambda name: new_names.get(name, name))
    return table, {(name, new) for name, new in new_names.items() if name.lower() != new.lower()}


def typo(text: str, rng: Generator) -> str:
    """One letter left out, doubled, replaced or swapped with the next."""
    if len(text) < 2:
        return text + "x"
    at = int(rng.integers(len(text) - 1))
    letter = string.ascii_lowercase[int(rng.integers(26))]
    forms = (text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:], text[:at] + letter + text[at + 1 :])
    return (*forms, text[:at] + text[at + 1] + text[at] + text[at + 2 :])[int(rng.integers(4))]


# Detectors: what a check says, in the terms of the truth.


def cells_of(table: Table, reference: Table, code: str) -> set[object]:
    """Cells that the check objects to; the report names the first lines only, so the marks are asked again."""
    named = {"out_of_range": cells.out_of_range, "unknown_word": cells.unknown_words}
    others = {c.name: c for c in typed(reference)}
    result: set[object] = set()
    for column in typed(table):
        other = others[column.name]
        if code in named:
            found = named[code](column, other, table.lines)
        else:
            found = cells.unreadable_cells(column, other.base, table.lines)
        for _, rows in found:
            result |= {(column.name, int(line)) for line in table.lines[rows]}
    return result


@dataclass(frozen=True)
class Detector:
    """A fault, and the finding that should name it: by `columns`, by `cells`, by `gaps` or as `renamed`."""

    name: str
    fault: Fault
    level: str
    code: str = ""

    def found(self, table: Table, reference: Table) -> set[object]:
        if self.level == "cells":
            return cells_of(table, reference, self.code)
        report = check_table(table, reference).report
        if self.level == "columns":
            return {issue.column for issue in report.issues if issue.code == self.code}
        if self.level == "gaps":
            return {(gap.column, gap.by, gap.group) for gap in report.group_gaps}
        return {(entry.reference, entry.found) for entry in report.schema_comparison.renamed}


DETECTORS = (
    Detector("missing at random", missing_at_random, "columns", "sparser"),
    Detector("missing by group", missing_by_group, "gaps"),
    Detector("retyped columns", retyped_columns, "columns", "retyped_column"),
    Detector("retyped cells", retyped_cells, "cells", "unreadable_value"),
    Detector("impossible numbers", impossible_numbers, "cells", "out_of_range"),
    Detector("unknown words", unknown_words, "cells", "unknown_word"),
    Detector("shifted", shifted, "columns", "drift"),
    Detector("renamed", renamed, "renamed"),
)


def halves(table: Table, rng: Generator) -> tuple[Table, Table]:
    order = rng.permutation(table.rows)
    middle = table.rows // 2
    return table.take(np.sort(order[:middle])), table.take(np.sort(order[middle:]))


def detectors(seeds: int) -> Iterable[Row]:
    for log, read in LOGS.items():
        table = read()
        for detector in DETECTORS:
            right = found_in_all = true_in_all = false_alarms = 0
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                file, reference = halves(table, rng)
                before = detector.found(file, reference)
                spoilt, truth = detector.fault(file, rng)
                found = detector.found(spoilt, reference) - before
                if detector.name == "missing by group":  # other groups of the same column tell of the same fault
                    found = {gap for gap in found if gap in truth or gap[0] not in {name for name, *_ in truth}}
                right += len(found & truth)
                found_in_all += len(found)
                true_in_all += len(truth)
                false_alarms += len(before) if detector.name != "missing by group" else 0
            yield {
                "log": log,
                "fault": detector.name,
                "injected": true_in_all,
                "found": found_in_all,
                "precision": right / found_in_all if found_in_all else None,
                "recall": right / true_in_all,
                "alarms without fault": false_alarms,
            }


# Duplicates.


def with_copies(
    table: Table, key: str, share: float, changes: int, rng: Generator, name: str = "copy"
) -> tuple[Table, dict[str, str]]:
    """The table with copies of some rows at its end, each with an id of its own and some cells changed."""
    rows = rng.choice(table.rows, int(share * table.rows), replace=False)
    copies = table.take(rows)
    ids = [f"{name}-{number}" for number in range(len(rows))]
    origin = {new: table.by_name[key].text(int(row)) for new, row in zip(ids, rows, strict=True)}
    copies = copies.with_column(copies.by_name[key].with_cells(np.arange(len(rows)), ids))
    for _ in range(changes):
        copies = changed(copies, key, rng)
    return appended(table, copies), origin


def changed(table: Table, key: str, rng: Generator) -> Table:
    """One cell of each row spoilt: a typo in words, a gap, a number slightly off, a time off by up to an hour."""
    columns = [c for c in typed(table) if c.name != key and c.kind is not Kind.EMPTY]
    which = rng.integers(len(columns), size=table.rows)
    for number, column in enumerate(columns):
        rows = np.flatnonzero((which == number) & column.of.present)
        texts = [spoilt_cell(column, int(row), rng) for row in rows]
        replaced = column.of.with_cells(rows, texts)
        table = table.with_column(emptied(replaced, rows[[not text for text in texts]]) if len(rows) else replaced)
    return table


def spoilt_cell(column: TypedColumn, row: int, rng: Generator) -> str:
    text = column.of.text(row)
    if rng.random() < 0.25:
        return ""
    if column.kind is Kind.TEXT:
        words = typo(typo(text, rng), rng).split()
        return " ".join(rng.permutation(words)) if rng.random() < 0.3 else " ".join(words)
    if column.kind is Kind.NUMBER:
        return f"{column.values[row] * (1 + 0.02 * rng.standard_normal()):g}"
    if column.kind is Kind.TIME:
        return text  # the formats of the logs keep minutes or days; a gap is the change
    return column.of.words[int(rng.integers(len(column.of.words)))]


def appended(table: Table, more: Table) -> Table:
    columns = []
    for column, other in zip(table.columns, more.columns, strict=True):
        words = {word: code for code, word in enumerate(column.words)}
        new = np.array([words.setdefault(word, len(words)) for word in other.words] + [-1], dtype=np.int32)
        columns.append(Column(column.name, np.concatenate([column.codes, new[other.codes]]), tuple(words)))
    lines = np.concatenate([table.lines, table.lines.max() + 1 + np.arange(more.rows)])
    return Table(tuple(columns), lines)


def duplicates(seeds: int) -> Iterable[Row]:
    keys = {"incidents": "number", "tasks": "TaskNumber"}
    for log, read in LOGS.items():
        table = read()
        alone = deduplicate_table(table)
        natural = {entry.removed_id for entry in alone.mapped} | {entry.surviving_id for entry in alone.mapped}
        for changes in (0, 1, 2, 4, 6):
            totals = np.zeros(5)
            seconds = 0.0
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                spoilt, origin = with_copies(table, keys[log], 0.05, changes, rng)
                start = time.perf_counter()
                found = deduplicate_table(spoilt)
                seconds += time.perf_counter() - start
                totals += outcome(found, origin, natural)
            hits, copies, wrong, removed, reviewed = totals
            yield {
                "log": log,
                "cells changed": changes,
                "copies": int(copies),
                "recall": hits / copies,
                "recall with review": (hits + reviewed) / copies,
                "precision": (removed - wrong) / removed,
                "removed without copies": len(alone.mapped),
                "seconds": seconds / seeds,
            }


def outcome(found, origin: dict[str, str], natural: set[str]) -> np.ndarray:
    """Copies joined with their original, copies, rows wrongly removed, rows removed, copies on the review list."""
    joined = {entry.removed_id: entry.surviving_id for entry in found.mapped}
    home = {name: joined.get(name, name) for pair in origin.items() for name in pair}
    hits = {copy for copy, original in origin.items() if home[copy] == home[original]}
    partner = {**origin, **{original: copy for copy, original in origin.items()}}
    wrong = sum(
        partner.get(removed) != survivor
        and home.get(partner.get(removed, ""), partner.get(removed)) != survivor
        and removed not in natural
        and survivor not in natural
        for removed, survivor in joined.items()
    )
    listed = {frozenset((pair.first_id, pair.second_id)) for pair in found.review}
    reviewed = sum(frozenset(pair) in listed for pair in origin.items() if pair[0] not in hits)
    return np.array([len(hits), len(origin), wrong, len(joined), reviewed])


# Filling.


def filling(seeds: int) -> Iterable[Row]:
    """The error of each method on a fifth of the known cells, hidden at random; numbers relative to the median."""
    for log, read in LOGS.items():
        table = read()
        columns = typed(table)
        for column in columns:
            if column.role is not Role.VALUE or column.of.present_count < 0.3 * table.rows or column.of.distinct < 2:
                continue
            if column.kind in (Kind.NUMBER, Kind.CATEGORY, Kind.FLAG):
                yield {"log": log, "column": column.name, "kind": str(column.kind), **errors(column, columns, seeds)}


def errors(column: TypedColumn, columns: Sequence[TypedColumn], seeds: int) -> dict[str, float | None]:
    target = Target(column, columns, 0)
    rows = len(column.of)
    groups = [c for c in columns if c.role is not Role.OUTCOME and is_grouping(c, rows // 3) and c.name != column.name]
    methods = ("median", "mode", "group", "iterative", "trees", "auto")
    collected: dict[str, list[float]] = {name: [] for name in methods}
    known = np.flatnonzero(column.of.present)
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(known)
        hidden, rest = np.sort(order[: len(order) // 5]), np.sort(order[len(order) // 5 :])
        best: dict[str, float] = {}
        for method, _, estimate in estimates(target, groups):
            error = error_of(target, estimate(rest, hidden), hidden, rest)
            best[str(method)] = min(error, best.get(str(method), np.inf))
        for name, error in best.items():
            collected[name].append(error)
        collected["auto"] += automatic(column, columns, hidden, rest)
    return {name: float(np.mean(values)) if values else None for name, values in collected.items()}


def automatic(column: TypedColumn, columns: Sequence[TypedColumn], hidden: np.ndarray, rest: np.ndarray) -> list[float]:
    """The error of what `auto` decides without seeing the hidden cells; nothing where it leaves the gaps."""
    table = Table(tuple(c.of for c in columns), np.arange(len(column.of)))
    table = table.with_column(emptied(column.of, hidden))
    options = FillOptions(default=FillMethod.LEAVE, methods={column.name: FillMethod.AUTO})
    filled = fill_table(table, QualityOptions(fill=options))
    if column.name not in filled.marks:
        return []
    after = filled.table.by_name[column.name]
    target = Target(column, columns, 0)
    if target.is_number:
        values = TypedColumn(after, column.role).values[hidden]
    else:
        codes = {word: code for code, word in enumerate(column.of.words)}
        values = np.array([codes[after.text(int(row))] for row in hidden], dtype=np.float64)
    return [error_of(target, values, hidden, rest)]


def learning(seeds: int) -> Iterable[Row]:
    """How well a model foretells the outcome when a third of all cells is missing, left so or filled."""
    cases = {"incidents": ("made_sla", "false"), "tasks": ("StatusCode", "FINISHED")}
    for log, read in LOGS.items():
        table = read()
        name, word = cases[log]
        column = table.by_name[name]
        labels = column.codes == column.words.index(word)
        usable = [c.name for c in typed(table) if c.role is Role.VALUE and c.kind in (Kind.NUMBER, Kind.CATEGORY)]
        for how in ("nothing missing", "left", "median or mode", "group", "trees", "auto"):
            scores = [predicted(table, usable, labels, how, seed) for seed in range(seeds)]
            yield {"log": log, "outcome": name, "gaps": how, "AUC": float(np.mean(scores)), "± ": float(np.std(scores))}


def predicted(table: Table, usable: Sequence[str], labels: np.ndarray, how: str, seed: int) -> float:
    rng = np.random.default_rng(seed)
    used = Table(tuple(table.by_name[name] for name in usable), table.lines)
    if how != "nothing missing":
        for name in usable:
            used = used.with_column(emptied(used.by_name[name], rng.random(table.rows) < 0.33))
    simple = {c.name: FillMethod.MEDIAN if c.kind is Kind.NUMBER else FillMethod.MODE for c in typed(used)}
    plans = {
        "median or mode": FillOptions(methods=simple),
        "group": FillOptions(methods=dict.fromkeys(usable, FillMethod.GROUP)),
        "trees": FillOptions(methods=dict.fromkeys(usable, FillMethod.TREES)),
        "auto": FillOptions(),
    }
    if how in plans:
        used = fill_table(used, QualityOptions(fill=plans[how])).table.without({"filled_columns"})
    features = np.column_stack([feature_of(column) for column in typed(used)])
    train = rng.random(table.rows) < 0.7
    model = lightgbm.train(
        {"objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "verbosity": -1, "num_threads": 1, "seed": 0},
        lightgbm.Dataset(features[train], labels[train].astype(float)),
        num_boost_round=150,
    )
    return auc(np.asarray(model.predict(features[~train])), labels[~train])


# Scale.


def large_file(path: Path, rows: int) -> None:
    write_table(path, large_table(rows, np.random.default_rng(0))[0])


def large_table(rows: int, rng: Generator) -> tuple[Table, dict[str, str]]:
    """Incidents drawn again and again with ids and callers of their own; every fiftieth row is a changed copy."""
    table = incidents()
    drawn = table.take(rng.integers(0, table.rows, rows - rows // 50))
    ids = [f"INC{number:07d}" for number in range(drawn.rows)]
    drawn = drawn.with_column(Column("number", np.arange(drawn.rows, dtype=np.int32), tuple(ids)))
    callers = tuple(f"caller {number}" for number in range(rows // 3))
    drawn = drawn.with_column(Column("caller_id", rng.integers(0, len(callers), drawn.rows).astype(np.int32), callers))
    nouns = ("printer", "network", "password", "screen", "mail", "account", "phone", "server", "backup", "invoice")
    texts = tuple(
        f"{nouns[a]} of room {b} {nouns[c]} {d}"
        for a, b, c, d in zip(*(rng.integers(0, top, drawn.rows).tolist() for top in (10, 999, 10, 9999)), strict=True)
    )
    drawn = drawn.with_column(tidy("summary", np.arange(drawn.rows, dtype=np.int32), texts))
    drawn = replace(drawn, lines=np.arange(drawn.rows) + 2)
    return with_copies(drawn, "number", 1 / 49, 2, rng)


def scale(rows: int) -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "large.csv"
        make = [sys.executable, "-m", "benchmarks.quality", "make-file", str(path), str(rows)]
        subprocess.run(make, check=True)
        run = [sys.executable, "-m", "benchmarks.quality", "run-file", str(path), str(Path(directory) / "out")]
        done = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True)
        yield json.loads(done.stdout)


@click.group(help=__doc__)
def main() -> None:
    """The parts."""


def part(name: str, rows_of: Callable[[int], Iterable[Row]], seeds: int) -> None:
    @main.command(name)
    @click.option("--seeds", default=seeds, show_default=True)
    @click.option("--json", "as_json", is_flag=True)
    def command(seeds: int, *, as_json: bool) -> None:
        show(list(rows_of(seeds)), as_json=as_json)


part("detectors", detectors, 5)
part("duplicates", duplicates, 3)
part("filling", filling, 1)
part("learning", learning, 3)


@main.command("scale")
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def scale_command(rows: int, *, as_json: bool) -> None:
    """One large file through the whole chain."""
    show(list(scale(rows)), as_json=as_json)


@main.command("make-file", hidden=True)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("rows", type=int)
def make_file(path: Path, rows: int) -> None:
    large_file(path, rows)


@main.command("run-file", hidden=True)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def run_file(path: Path, out: Path) -> None:
    started = time.perf_counter()

    def told(stage: str, share: float) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{time.perf_counter() - started:7.1f} s {peak:6} MiB {share:4.0%} {stage}", file=sys.stderr)

    processed = process_file(path, out, progress=told)
    with (out / "large.id-map.csv").open(newline="") as stream:
        copies = sum(row["removed_id"].startswith("copy") or row["surviving_id"].startswith("copy")
                     for row in csv.DictReader(stream))  # fmt: skip
    row = {
        "rows": processed.metrics.rows,
        "MB": processed.metrics.file_size_bytes / 1e6,
        "seconds": processed.metrics.processing_time_seconds,
        "CPU s": time.process_time(),
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "removed": processed.duplicates.duplicates_removed,
        "of these copies": copies,
        "filled": sum(processed.results.uc1.filled.values()),
        "pairs compared": processed.duplicates.compared_pairs,
    }
    click.echo(json.dumps(row))


if __name__ == "__main__":
    main()
