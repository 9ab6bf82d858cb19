"""A serving process notices another champion, and keeps the old one where the new one cannot be used."""

from __future__ import annotations

import shutil

import pytest

from assignment_engine.scoring.bundle import load_bundle, save_bundle
from assignment_engine.scoring.registry import promote, shipped_models
from assignment_engine.scoring.served import ServedScorer


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def models(tmp_path):
    bundle = load_bundle(shipped_models() / "default")
    for name in ("one", "two"):
        save_bundle(
            type(bundle)(bundle.manifest.model_copy(update={"version": name}), bundle.model_text), tmp_path / name
        )
    promote(tmp_path, "one")
    return tmp_path


def test_another_champion_is_served_after_the_next_look(models):
    clock = Clock()
    served = ServedScorer(models, seconds=5.0, clock=clock)
    promote(models, "two")
    clock.seconds = 4.9
    assert served.now().scorer.version == "one"
    clock.seconds = 5.0
    assert served.now().scorer.version == "two"


def test_the_same_champion_is_not_loaded_again(models):
    clock = Clock()
    served = ServedScorer(models, clock=clock)
    before = served.now().scorer
    clock.seconds = 100.0
    assert served.now().scorer is before


def test_a_bundle_that_is_replaced_under_its_name_is_loaded(models):
    clock = Clock()
    served = ServedScorer(models, clock=clock)
    save_bundle(load_bundle(models / "two"), models / "one")
    clock.seconds = 100.0
    assert served.now().scorer.version == "two"


def test_a_champion_that_cannot_be_used_leaves_the_old_one_with_a_warning(models):
    clock = Clock()
    served = ServedScorer(models, clock=clock)
    promote(models, "two")
    (models / "two" / "model.txt").write_text("tree\n")
    clock.seconds = 100.0
    found = served.now()
    assert found.scorer.version == "one"
    assert "sha256" in found.warning


def test_an_empty_directory_serves_the_fallback_until_something_is_promoted(models, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    clock = Clock()
    served = ServedScorer(empty, clock=clock)
    assert served.now().scorer.name == "weighted-fallback"
    assert served.now().warning
    shutil.copytree(models / "one", empty / "one")
    promote(empty, "one")
    clock.seconds = 100.0
    assert served.now().scorer.version == "one"
