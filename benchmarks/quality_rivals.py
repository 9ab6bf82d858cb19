"""One large file through checks, filling and merging, beside what else finds duplicates.

    python -m benchmarks.quality_rivals [--rows 1000000] [--sample 4000] [--json]

The file holds incidents of a service desk drawn again and again under numbers of their own; about every fiftieth row is
a copy with two cells changed, every hundredth one with none. `pandas` reads the file and drops rows that are equal in
all but the number. `rapidfuzz` compares every pair of a sample (half of it rows with their copies) by the text of the
whole row, 90 % alike or more; its time for the whole file is that of the sample times the square of the ratio of sizes.
Each runs in a process of its own; peaks are of memory that was resident.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from assignment_engine.quality import check_file, deduplicate_file, process_file
from assignment_engine.quality.writing import write_table
from benchmarks.quality import large_table, with_copies
from benchmarks.timing import Row, show

KEY = "number"
ALIKE = 90
Found = Mapping[str, Any]


def make(path: Path, rows: int) -> None:
    """The file, and beside it which row each copy is of."""
    rng = np.random.default_rng(0)
    table, changed = large_table(rows - rows // 100, rng)
    table, exact = with_copies(table, KEY, 1 / 99, 0, rng, "exact")
    write_table(path, table)
    path.with_suffix(".json").write_text(json.dumps({"changed": changed, "exact": exact}))


def truth(path: Path) -> dict[str, dict[str, str]]:
    read: dict[str, dict[str, str]] = json.loads(path.with_suffix(".json").read_text())
    return read


def checked(path: Path, _sample: int) -> Found:
    return {"rows": check_file(path).report.rows}


def deduplicated(path: Path, _sample: int) -> Found:
    out = path.parent / "out"
    rows = deduplicate_file(path, out).metrics.rows
    return {"rows": rows, **_merges(path, out)}


def processed(path: Path, _sample: int) -> Found:
    out = path.parent / "out"
    done = process_file(path, out)
    return {"rows": done.metrics.rows, **_merges(path, out)}


def _merges(path: Path, out: Path) -> Found:
    """What the map of ids says about the copies. Copies of one row belong together, and so do copies of copies."""
    with (out / f"{path.stem}.id-map.csv").open(newline="") as stream:
        home = {row["removed_id"]: row["surviving_id"] for row in csv.DictReader(stream)}
    copies = truth(path)
    root = _roots({**copies["changed"], **copies["exact"]})
    right = sum(root.get(removed, removed) == root.get(kept, kept) for removed, kept in home.items())
    return {
        "exact found": _together(copies["exact"], home),
        "changed found": _together(copies["changed"], home),
        "precision": right / len(home) if home else None,
    }


def _roots(origin: Mapping[str, str]) -> dict[str, str]:
    roots = {}
    for name in origin:
        at = name
        while at in origin:
            at = origin[at]
        roots[name] = at
    return roots


def _together(origin: Mapping[str, str], home: Mapping[str, str]) -> float:
    return sum(home.get(a, a) == home.get(b, b) for a, b in origin.items()) / max(1, len(origin))


def pandas_exact(path: Path, _sample: int) -> Found:
    import pandas as pd  # noqa: PLC0415  (each process loads what it measures)

    frame = pd.read_csv(path, dtype=str)
    again = frame.duplicated(subset=[name for name in frame.columns if name != KEY])
    frame[~again].to_csv(path.parent / "dropped.csv", index=False)
    dropped = set(frame[KEY][again])
    copies = truth(path)
    wrong = dropped - copies["exact"].keys() - copies["changed"].keys()
    return {
        "rows": len(frame),
        "exact found": len(dropped & copies["exact"].keys()) / len(copies["exact"]),
        "changed found": len(dropped & copies["changed"].keys()) / len(copies["changed"]),
        "precision": 1 - len(wrong) / max(1, len(dropped)),
    }


def rapidfuzz_pairs(path: Path, sample: int) -> Found:
    import pandas as pd  # noqa: PLC0415
    from rapidfuzz import fuzz, process  # noqa: PLC0415

    frame = pd.read_csv(path, dtype=str, keep_default_na=False).set_index(KEY)
    kinds = truth(path)
    pairs = [pair for kind in kinds.values() for pair in list(kind.items())[: sample // 8]]
    chosen = dict.fromkeys([name for pair in pairs for name in pair])
    names = [*chosen, *(name for name in frame.index[: 2 * sample] if name not in chosen)][:sample]
    texts = frame.loc[names].agg(" ".join, axis=1).tolist()
    started = time.perf_counter()
    alike = process.cdist(texts, texts, scorer=fuzz.ratio, score_cutoff=ALIKE, dtype=np.uint8, workers=1)
    seconds = time.perf_counter() - started
    roots = _roots({**kinds["changed"], **kinds["exact"]})
    at = {name: position for position, name in enumerate(names)}
    first, second = np.nonzero(np.triu(alike, 1))
    one = [roots.get(names[a], names[a]) == roots.get(names[b], names[b]) for a, b in zip(first, second, strict=True)]
    found = {
        f"{kind} found": float(np.mean([bool(alike[at[a], at[b]]) for a, b in origin.items() if a in at and b in at]))
        for kind, origin in kinds.items()
    }
    scaled = seconds * (len(frame) / len(names)) ** 2
    return {
        "rows": len(names),
        "seconds": seconds,
        **found,
        "precision": float(np.mean(one)) if one else None,
        "note": f"{len(frame):,} rows: {scaled / 3600:,.1f} h",
    }


PARTS: Mapping[str, Callable[[Path, int], Found]] = {
    "check_file": checked,
    "deduplicate_file": deduplicated,
    "process_file": processed,
    "pandas drop_duplicates": pandas_exact,
    "rapidfuzz, all pairs": rapidfuzz_pairs,
}


def run(part: str, path: Path, sample: int) -> None:
    """One part, in this process."""
    started, used = time.perf_counter(), time.process_time()
    found = PARTS[part](path, sample)
    seconds = found.get("seconds", time.perf_counter() - started)
    row = {
        "what": part,
        "rows": found["rows"],
        "seconds": seconds,
        "CPU s": time.process_time() - used,
        "rows/s": found["rows"] / seconds,
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{name: found.get(name) for name in ("exact found", "changed found", "precision", "note")},
    }
    click.echo(json.dumps(row))


def compared(rows: int, sample: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "large.csv"
        common = [sys.executable, "-m", "benchmarks.quality_rivals", "--rows", str(rows), "--sample", str(sample)]
        subprocess.run([*common, "--part", "make", "--file", str(path)], check=True)
        for part in PARTS:
            words = [*common, "--part", part, "--file", str(path)]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            yield json.loads(done.stdout)


@click.command(help=__doc__)
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--sample", default=4_000, show_default=True)
@click.option("--part", hidden=True)
@click.option("--file", "path", type=click.Path(path_type=Path), hidden=True)
@click.option("--json", "as_json", is_flag=True)
def main(rows: int, sample: int, part: str | None, path: Path | None, *, as_json: bool) -> None:
    """All parts in one table."""
    if part is None or path is None:
        show(list(compared(rows, sample)), as_json=as_json)
    elif part == "make":
        make(path, rows)
    else:
        run(part, path, sample)


if __name__ == "__main__":
    main()
