"""What was kept for its time moves to the archive: nothing is lost, and nothing that is still needed goes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assignment_engine.config import read_settings
from assignment_engine.domain.errors import ConfigurationError, DatabaseBusyError, EventsArchivedError
from assignment_engine.services.retention import EVERY_SECONDS, STANDBY_SECONDS, Retention
from assignment_engine.store.archives import Archives, Kind
from assignment_engine.store.tables import outbox
from assignment_engine.wiring import build_engine, build_worker
from tests.builders import employee, task
from tests.dispatching import Office
from tests.happenings import happen, number, stock

LIFE = ("assign", "accept", "complete")
DAYS = timedelta(days=90)


def retention(database, directory, holder="one", rows=5000, kind=Kind.HISTORY, days=DAYS):
    return Retention(database, holder, directory, {kind: days}, rows)


def run(one):
    while one.step(datetime.now(UTC)) == 0.0:
        pass


def archived(directory: Path, table: str):
    """The lines of all files, in the order of their names."""
    lines = [gzip.decompress(path.read_bytes()).decode() for path in sorted((directory / table).glob("*.jsonl.gz"))]
    return [json.loads(line) for text in lines for line in text.splitlines()]


def read(database, what):
    with database.read() as unit:
        return what(unit)


def counts(database):
    found = read(database, lambda unit: unit.counts())
    return found["audit_log"], found["outbox"]


@pytest.fixture
def old(database):
    """Three assignments of long ago, all events delivered."""
    stock(database)
    for name in ("a", "b", "c"):
        happen(database, name, events=LIFE)
    number(database)
    database.run(lambda unit: unit.cursors.move("ticket", 9, unit.now()))
    return database


def test_old_history_moves_whole_and_in_order(old, tmp_path):
    """Four rows a file: several files, every row in one of them, and the doctor misses nothing."""
    before = read(old, lambda unit: unit.outbox.after(0, 100))
    run(retention(old, tmp_path, rows=4))
    assert counts(old) == (0, 0)
    assert [row["position"] for row in archived(tmp_path, "outbox")] == [event.position for event in before]
    assert [row["data"] for row in archived(tmp_path, "outbox")] == [dict(event.data) for event in before]
    assert [row["event"] for row in archived(tmp_path, "audit_log")] == list(LIFE) * 3
    assert len(list((tmp_path / "outbox").iterdir())) == 3
    assert read(old, lambda unit: unit.doctor()) == []


def test_what_is_younger_stays(old, tmp_path):
    run(retention(old, tmp_path, days=timedelta(days=36_500)))
    assert counts(old) == (9, 9)
    assert not list(tmp_path.iterdir())


def test_events_that_a_reader_has_not_read_stay(old, tmp_path):
    """And so does everything of that time, even in the audit log."""
    old.run(lambda unit: unit.cursors.move("slow", 0, unit.now()))
    run(retention(old, tmp_path))
    assert counts(old) == (9, 9)


def test_events_without_a_position_stay(old, tmp_path):
    happen(old, "d")
    run(retention(old, tmp_path))
    assert counts(old) == (10, 10)


def test_a_reader_who_comes_too_late_is_told(old):
    """The state has to be read anew; whoever begins at the beginning gets what is left."""
    happen(old, "d")
    number(old)
    with old.unit() as unit:
        unit.connection.execute(outbox.delete().where(outbox.c.position <= 5))
        unit.commit()
    read(old, lambda unit: [unit.outbox.require(position) for position in (0, 5, 10)])
    with pytest.raises(EventsArchivedError, match="go on after 5"):
        read(old, lambda unit: unit.outbox.require(4))


def test_a_death_before_the_deletion_loses_nothing(old, tmp_path, monkeypatch):
    """The rows are in two files then."""
    with monkeypatch.context() as patched:
        patched.setattr(Archives, "delete", lambda *_: (_ for _ in ()).throw(DatabaseBusyError))
        with pytest.raises(DatabaseBusyError):
            retention(old, tmp_path).step(datetime.now(UTC))
    assert read(old, lambda unit: unit.doctor()) == []
    assert retention(old, tmp_path).step(datetime.now(UTC)) == EVERY_SECONDS
    assert counts(old) == (0, 0)
    ids = [row["audit_id"] for row in archived(tmp_path, "audit_log")]
    assert ids == [*ids[:9], *ids[:9]]
    assert len(set(ids)) == 9


def test_one_process_at_a_time(old, tmp_path):
    first = retention(old, tmp_path, "one")
    first.step(datetime.now(UTC))
    assert retention(old, tmp_path, "two").step(datetime.now(UTC)) == STANDBY_SECONDS
    first.close()
    assert retention(old, tmp_path, "two").step(datetime.now(UTC)) == EVERY_SECONDS


def test_the_training_log_of_work_that_goes_on_stays(database, tmp_path):
    office = Office(database)
    office.has(employee("ana", max_units=2))
    office.gets(task("done"), task("going"))
    office.login("ana")
    office.complete("done", "ana")
    run(retention(database, tmp_path, kind=Kind.TRAINING, days=timedelta(0)))
    assert [row["task_id"] for row in archived(tmp_path, "ml_training_data")] == ["done"]
    assert office.findings() == []


def test_without_a_directory_no_worker_starts(tmp_path):
    settings = read_settings(
        database_url=f"sqlite:///{tmp_path}/a.db", history_retention_days=1.0, jwt_secret="x" * 32, data_root=tmp_path
    )
    with pytest.raises(ConfigurationError, match="ARCHIVE_DIR"):
        build_worker(build_engine(settings), "one")


def test_outcomes_have_time_to_come():
    with pytest.raises(ConfigurationError, match="TRAINING_RETENTION_DAYS"):
        read_settings(training_retention_days=5.0)
