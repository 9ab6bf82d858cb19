"""Bundles are refused, openly and before LightGBM sees them, when anything in them is not as it should be."""

from __future__ import annotations

import hashlib
import json
import random
import shutil

import numpy as np
import pytest

from assignment_engine.domain.errors import BundleError
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.scoring.bundle import MAX_MANIFEST_BYTES, Bundle, load_bundle, save_bundle, text_sha256
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.registry import champion_name, load_scorer, promote, shipped_models


@pytest.fixture
def models(tmp_path):
    """A copy of the shipped models."""
    return shutil.copytree(shipped_models(), tmp_path / "models")


@pytest.fixture
def bundle(models):
    return models / "default"


def change_manifest(bundle, **changes):
    path = bundle / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_text(bundle, change):
    """Change the model and make its hash fit again."""
    text = change((bundle / "model.txt").read_text())
    (bundle / "model.txt").write_text(text)
    change_manifest(bundle, sha256=hashlib.sha256(text.encode()).hexdigest())


def change_line(bundle, name, change):
    """Change the first line `name=…` of the model."""

    def in_text(text):
        start = text.index(f"\n{name}=") + len(name) + 2
        end = text.index("\n", start)
        return text[:start] + change(text[start:end]) + text[end:]

    change_text(bundle, in_text)


def tamper_byte(bundle):
    content = bytearray((bundle / "model.txt").read_bytes())
    content[5000] ^= 1
    (bundle / "model.txt").write_bytes(content)


def swap_features(bundle):
    change_manifest(bundle, features=[FEATURE_NAMES[1], FEATURE_NAMES[0], *FEATURE_NAMES[2:]])


DAMAGES = {
    "no manifest": (lambda b: (b / "manifest.json").unlink(), "cannot read manifest.json"),
    "no model": (lambda b: (b / "model.txt").unlink(), "cannot read model.txt"),
    "no bundle": (shutil.rmtree, "cannot read manifest.json"),
    "huge manifest": (lambda b: (b / "manifest.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1)), "larger than"),
    "not JSON": (lambda b: (b / "manifest.json").write_text("{"), "not JSON"),
    "not an object": (lambda b: (b / "manifest.json").write_text("[1]"), "manifest.json"),
    "unknown format": (lambda b: change_manifest(b, format=2), "unknown bundle format 2, expected 1"),
    "unknown field": (lambda b: change_manifest(b, pickle="x"), "/pickle: unknown field"),
    "other feature order": (swap_features, "feature 1 of the model is 'workload_ratio', expected 'experience_years'"),
    "fewer features": (lambda b: change_manifest(b, features=FEATURE_NAMES[:-1]), "takes 16 features"),
    "negative slope": (
        lambda b: change_manifest(b, calibration={"slope": -1.0, "intercept": 0.0}),
        "calibration/slope",
    ),
    "slope of zero": (lambda b: change_manifest(b, calibration={"slope": 0.0, "intercept": 0.0}), "calibration/slope"),
    "infinite intercept": (
        lambda b: change_manifest(b, calibration={"slope": 1.0, "intercept": float("inf")}),
        "calibration/intercept",
    ),
    "choice model": (lambda b: change_manifest(b, kind="choice"), "'choice'"),
    "other objective": (lambda b: change_manifest(b, objective="lambdarank"), "objective"),
    "tampered byte": (tamper_byte, "sha256"),
    "truncated model": (lambda b: change_text(b, lambda text: text[: len(text) // 2]), "damaged"),
    "empty model": (lambda b: change_text(b, lambda text: text[:0]), "damaged"),
    "garbage": (lambda b: change_text(b, lambda text: "x" * len(text)), "damaged"),
    "a tree too few": (lambda b: change_line(b, "tree_sizes", lambda v: v.rpartition(" ")[0]), "damaged"),
    "a child too many": (lambda b: change_line(b, "left_child", lambda v: "9999" + v[4:]), "damaged"),
    "a node that leads back": (lambda b: change_line(b, "left_child", lambda v: "0" + v[1:]), "damaged"),
    "a feature too many": (lambda b: change_line(b, "split_feature", lambda v: "99" + v[2:]), "damaged"),
    "a categorical split": (lambda b: change_line(b, "decision_type", lambda v: "3" + v[1:]), "damaged"),
    "a leaf that is no number": (lambda b: change_line(b, "leaf_value", lambda v: "x" + v[1:]), "damaged"),
    "a NaN leaf": (lambda b: change_line(b, "leaf_value", lambda v: "nan" + v[3:]), "damaged"),
    "two classes": (lambda b: change_line(b, "num_class", lambda v: v.replace("1", "2")), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_bundle_is_replaced_by_the_fallback_and_the_warning_says_why(models, damage):
    change, reason = DAMAGES[damage]
    change(models / "default")
    scorer, warning = load_scorer(models)
    assert isinstance(scorer, WeightedFallback)
    assert reason in warning


def test_the_shipped_bundle_is_served():
    scorer, warning = load_scorer()
    assert isinstance(scorer, LightGbmScorer)
    assert warning is None


def test_a_directory_without_models_means_the_fallback(tmp_path):
    scorer, warning = load_scorer(tmp_path / "nowhere")
    assert isinstance(scorer, WeightedFallback)
    assert "champion.json" in warning


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', '{"version": "../default"}', '{"version": ""}'])
def test_a_champion_that_names_no_subdirectory_means_the_fallback(models, content):
    (models / "champion.json").write_text(content)
    scorer, warning = load_scorer(models)
    assert isinstance(scorer, WeightedFallback)
    assert "champion.json" in warning


def test_no_damage_reaches_lightgbm(bundle):
    """LightGBM ends the process on a text that does not fit together, so this test would not even fail."""
    shipped = load_bundle(bundle)
    text, dice = shipped.model_text, random.Random(1)
    rows, refused = np.zeros((3, len(FEATURE_NAMES))), 0
    for _ in range(150):
        at, size = dice.randrange(len(text)), dice.choice([0, 0, 1, 1, 40])
        broken = text[:at] + dice.choice(["", "9", "-", " ", "\n", "=", "nan"]) + text[at + size :]
        try:
            assert Bundle(shipped.manifest, broken).predictor.raw(rows).shape == (3,)
        except BundleError:
            refused += 1
    assert refused > 75


def test_saving_and_loading_gives_the_same_bundle(bundle, tmp_path):
    shipped = load_bundle(bundle)
    save_bundle(shipped, tmp_path / "new" / "v2")
    assert load_bundle(tmp_path / "new" / "v2") == shipped
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["v2"]


def test_saving_replaces_an_earlier_bundle(bundle):
    shipped = load_bundle(bundle)
    renamed = Bundle(shipped.manifest.model_copy(update={"version": "default-9"}), shipped.model_text)
    save_bundle(renamed, bundle)
    assert load_bundle(bundle).manifest.version == "default-9"


def test_the_hash_in_the_manifest_is_that_of_the_file(bundle):
    shipped = load_bundle(bundle)
    assert text_sha256(shipped.model_text) == hashlib.sha256((bundle / "model.txt").read_bytes()).hexdigest()


def test_promote_serves_another_version(models):
    shipped = load_bundle(models / "default")
    save_bundle(Bundle(shipped.manifest.model_copy(update={"version": "v2"}), shipped.model_text), models / "second")
    promote(models, "second")
    scorer, _ = load_scorer(models)
    assert scorer.version == "v2"


def test_promote_refuses_what_cannot_be_served(models):
    change_manifest(shutil.copytree(models / "default", models / "choice"), kind="choice")
    with pytest.raises(BundleError, match="choice"):
        promote(models, "choice")
    with pytest.raises(BundleError, match="not the name"):
        promote(models, "../default")
    assert champion_name(models) == "default"
