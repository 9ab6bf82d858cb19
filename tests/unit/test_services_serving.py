"""The core of a process follows the champion, but only where it is told to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from assignment_engine.scoring.bundle import Bundle, load_bundle, save_bundle
from assignment_engine.scoring.registry import promote, shipped_models
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.serving import ServedCore
from assignment_engine.store.database import Database


class Clock:
    """Time that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def models(tmp_path: Path) -> Path:
    bundle = load_bundle(shipped_models() / "default")
    for name in ("one", "two"):
        named = Bundle(bundle.manifest.model_copy(update={"version": name}), bundle.model_text)
        save_bundle(named, tmp_path / name)
    promote(tmp_path, "one")
    return tmp_path


def test_the_present_core_stays_until_somebody_follows(models: Path) -> None:
    """A transaction that is under way reads nothing from the directory of the models."""
    clock = Clock()
    served = ServedCore(models, clock=clock)
    before = served.present
    promote(models, "two")
    clock.seconds = 100.0
    assert served.present is before
    assert served.follow().scorer.version == "two"
    assert served.present.scorer.version == "two"


def test_following_looks_every_few_seconds_or_at_once(models: Path) -> None:
    clock = Clock()
    served = ServedCore(models, seconds=5.0, clock=clock)
    assert served.follow().scorer.version == "one"
    promote(models, "two")
    clock.seconds = 4.9
    assert served.follow().scorer.version == "one"
    assert served.follow(at_once=True).scorer.version == "two"


def test_the_same_champion_gives_the_same_core(models: Path) -> None:
    served = ServedCore(models, seconds=0.0)
    assert served.follow() is served.follow()


def test_a_champion_that_cannot_be_used_leaves_the_old_one_and_is_logged_once(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = ServedCore(models, seconds=0.0)
    served.follow()
    promote(models, "two")
    (models / "two" / "model.txt").write_text("tree\n")
    found = [served.follow(), served.follow()]
    assert [core.scorer.version for core in found] == ["one", "one"]
    assert found[0].warning == found[1].warning
    assert found[0].warning is not None
    assert [record.getMessage() for record in caplog.records] == [found[0].warning]


def test_whoever_comes_while_a_model_is_loaded_goes_on_with_the_present_one(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ServedCore(models, seconds=0.0)
    served.follow()
    promote(models, "two")
    seen: list[str] = []
    warm_up = DecisionCore.warm_up

    def meanwhile(core: DecisionCore) -> None:
        seen.append(served.follow().scorer.version)
        warm_up(core)

    monkeypatch.setattr(DecisionCore, "warm_up", meanwhile)
    assert served.follow().scorer.version == "two"
    assert seen == ["one"]


def test_the_dispatcher_follows_before_its_transactions(models: Path) -> None:
    served, database = ServedCore(models, seconds=0.0), Database(f"sqlite:///{models}/work.db")
    database.upgrade()
    dispatcher = Dispatcher(
        database,
        load_core=lambda: served.present,
        session_timeout=timedelta(seconds=90),
        follow=served.follow,
    )
    dispatcher.warm_up()
    promote(models, "two")
    assert dispatcher.core.scorer.version == "one"
    dispatcher.warm_up()
    assert dispatcher.core.scorer.version == "two"
    database.dispose()
