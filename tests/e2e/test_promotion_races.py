"""Promotions by processes that race and that are killed, and what a served process makes of them."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from assignment_engine.learning import promotion
from assignment_engine.learning.promotion import changes, current, rollback
from assignment_engine.scoring.bundle import Bundle, load_bundle, save_bundle
from assignment_engine.scoring.registry import load_scorer, shipped_models
from tests.databases import Servers
from tests.e2e.test_two_instances import Instance, served
from tests.processes import FORKED
from tests.promoting import NOW, dies, forced, promotes

NAMES = ("one", "two", "three")
PROCESSES, EACH = 3, 10


@pytest.fixture
def models(tmp_path: Path) -> Path:
    bundle = load_bundle(shipped_models() / "default")
    for name in NAMES:
        save_bundle(Bundle(bundle.manifest.model_copy(update={"version": name}), bundle.model_text), tmp_path / name)
    forced(tmp_path, "one")
    return tmp_path


def assert_sound(models: Path, count: int) -> None:
    """Every change is on record once, each from the champion that the one before it made."""
    found = changes(models)
    assert [change.generation for change in found] == list(range(1, count + 1))
    assert [change.previous for change in found] == [None, *(change.bundle for change in found[:-1])]
    assert current(models) == found[-1].bundle
    assert load_scorer(models)[1] is None
    assert not [path.name for path in models.iterdir() if path.name.startswith(".champion.json")]


def test_processes_that_promote_at_once_leave_one_line_of_changes(models: Path) -> None:
    """Forced ones, since they never give up."""
    racing = [FORKED.Process(target=promotes, args=(models, NAMES, seed, EACH)) for seed in range(PROCESSES)]
    for process in racing:
        process.start()
    for process in racing:
        process.join(120)
    assert [process.exitcode for process in racing] == [0] * PROCESSES
    assert_sound(models, 1 + PROCESSES * EACH)


@pytest.mark.parametrize("where", ["before", "after", "half"])
def test_a_process_that_is_killed_leaves_a_champion_and_a_record_that_agree(models: Path, where: str) -> None:
    """The lock ends with it, and the next change writes what it did not."""
    dying = FORKED.Process(target=dies, args=(models, where))
    dying.start()
    dying.join(120)
    assert dying.exitcode == -signal.SIGKILL
    named = current(models)
    assert named == ("one" if where == "before" else "two")
    assert changes(models)[-1].bundle == named
    forced(models, "three")
    assert rollback(models, now=NOW).bundle == named
    assert len((models / promotion.RECORD_FILE).read_text().splitlines()) == len(changes(models))
    assert_sound(models, 3 if where == "before" else 4)


def in_use(instance: Instance) -> str:
    status, answer = instance.call("GET", "/status")
    assert status == 200
    return str(answer["scorer"]["version"])


@pytest.mark.slow
def test_every_served_process_uses_and_tells_the_new_champion_within_seconds(
    servers: Servers, models: Path, tmp_path: Path
) -> None:
    """Nobody tells them: they look at the directory."""
    with (
        servers["postgresql"].empty() as url,
        served(url, tmp_path, MODEL_DIR=str(models)) as first,
        served(url, tmp_path, MODEL_DIR=str(models)) as second,
    ):
        assert (in_use(first), in_use(second)) == ("one", "one")
        forced(models, "two")
        begun = time.monotonic()
        while (in_use(first), in_use(second)) != ("two", "two") and time.monotonic() - begun < 60:
            time.sleep(0.2)
        assert (in_use(first), in_use(second)) == ("two", "two")
        plan = second.call("POST", "/api/assignments/preview", {})[1]
        assert plan["scorer"] == {"name": "lightgbm", "version": "two"}
        assert first.call("POST", "/api/models/rollback", {})[1]["bundle"] == "one"
        assert in_use(first) == "one"
