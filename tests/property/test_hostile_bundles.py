"""Bundles that somebody has cut, changed, swapped, blown up or linked are refused before LightGBM sees any of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lightgbm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.domain.errors import BundleError
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.eta import EtaModel
from assignment_engine.learning.keeping import keep, kept
from assignment_engine.learning.shape import LOG_NORMAL
from assignment_engine.learning.triage_bundle import load_triage
from assignment_engine.scoring.bundle import MAX_MODEL_BYTES, load_bundle
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.registry import load_scorer, promote, shipped_models
from assignment_engine.scoring.served import ServedScorer
from tests.property.forests import train
from tests.property.hostile import EXAMPLES, JSON

SHIPPED = shipped_models() / "default"
TEXT, MANIFEST = ((SHIPPED / name).read_bytes() for name in ("model.txt", "manifest.json"))


@contextmanager
def unseen() -> Iterator[None]:
    """LightGBM fails the test when it is asked to read anything."""

    def seen(*_: object, **__: object) -> None:
        pytest.fail("LightGBM was shown it")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightgbm, "Booster", seen)
        yield


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return shutil.copytree(shipped_models(), tmp_path / "models")


def bundle_with(directory: Path, *, text: bytes = TEXT, manifest: bytes = MANIFEST) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "model.txt").write_bytes(text)
    (directory / "manifest.json").write_bytes(manifest)
    return directory


def refused(directory: Path) -> str:
    with unseen(), pytest.raises(BundleError) as caught:
        load_bundle(directory)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, share: float) -> None:
    assert "sha256" in refused(bundle_with(tmp_path / "text", text=TEXT[: int(share * len(TEXT))]))
    assert "not JSON" in refused(bundle_with(tmp_path / "manifest", manifest=MANIFEST[: int(share * len(MANIFEST))]))


@given(at=st.integers(0, len(TEXT) - 1), change=st.integers(1, 255))
@settings(max_examples=EXAMPLES)
def test_any_other_byte_of_the_model_is_refused(tmp_path_factory: pytest.TempPathFactory, at: int, change: int) -> None:
    changed = TEXT[:at] + bytes([TEXT[at] ^ change]) + TEXT[at + 1 :]
    assert "sha256" in refused(bundle_with(tmp_path_factory.getbasetemp() / "byte", text=changed))


@given(at=st.integers(0, len(MANIFEST) - 1), byte=st.integers(0, 255))
@settings(max_examples=EXAMPLES)
def test_any_other_byte_of_the_manifest_is_refused_or_changes_no_score(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    """The manifest is not signed: whoever may write it can tell another story of the model, not serve another one."""
    changed = MANIFEST[:at] + bytes([byte]) + MANIFEST[at + 1 :]
    directory = bundle_with(tmp_path_factory.getbasetemp() / "told", manifest=changed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightgbm, "Booster", _Unread)
        with suppress(BundleError):
            found = load_bundle(directory)
            assert (found.model_text.encode(), found.manifest.features) == (TEXT, FEATURE_NAMES)
            assert found.manifest.calibration.slope > 0


class _Unread:
    """Stands for the shipped model, which takes LightGBM long to read."""

    def __init__(self, model_str: str) -> None:
        assert model_str.encode() == TEXT

    def num_trees(self) -> int:
        return TEXT.count(b"\nTree=")


@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_a_model_of_another_feature_order_is_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """Everything in it fits together, as if it had been trained so."""
    order = data.draw(st.permutations(FEATURE_NAMES).filter(lambda names: tuple(names) != FEATURE_NAMES))
    head = b"feature_names="
    text = TEXT.replace(head + " ".join(FEATURE_NAMES).encode(), head + " ".join(order).encode())
    told = {**json.loads(MANIFEST), "features": order, "sha256": hashlib.sha256(text).hexdigest()}
    directory = bundle_with(tmp_path_factory.getbasetemp() / "order", text=text, manifest=json.dumps(told).encode())
    assert text != TEXT
    assert "of the model is" in refused(directory)


@pytest.mark.parametrize("name", ["model.txt", "manifest.json"])
def test_a_huge_file_is_refused_unread(tmp_path: Path, name: str) -> None:
    """It is a terabyte, and sparse."""
    directory = bundle_with(tmp_path / "huge")
    os.truncate(directory / name, 2**40)
    tracemalloc.start()
    try:
        assert "larger than" in refused(directory)
        assert tracemalloc.get_traced_memory()[1] < MAX_MODEL_BYTES / 16
    finally:
        tracemalloc.stop()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path, to: str | Path) -> None:
    path.unlink()
    path.symlink_to(to)


def moved(bundle: Path) -> None:
    """The bundle lies elsewhere, and a link to it where it was."""
    bundle.rename(bundle.parent.parent / "elsewhere")
    bundle.symlink_to(bundle.parent.parent / "elsewhere")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def text(path: Path, content: str) -> None:
    path.write_text(content)


def outside(path: Path) -> None:
    path.rename(path.parent.parent.parent / path.name)
    path.symlink_to(path.parent.parent.parent / path.name)


NO_FILES: dict[str, Callable[[Path], None]] = {
    "a pipe as model": lambda b: pipe(b / "model.txt"),
    "a pipe as manifest": lambda b: pipe(b / "manifest.json"),
    "a pipe as champion": lambda b: pipe(b.parent / "champion.json"),
    "a directory as model": lambda b: directory(b / "model.txt"),
    "a device": lambda b: link(b / "model.txt", "/dev/zero"),
    "a file of another directory": lambda b: link(b / "manifest.json", "/etc/passwd"),
    "a link to itself": lambda b: link(b / "model.txt", b / "model.txt"),
    "a link to nothing": lambda b: link(b / "model.txt", "nothing"),
    "a model outside": lambda b: outside(b / "model.txt"),
    "a manifest outside": lambda b: outside(b / "manifest.json"),
    "a bundle outside": moved,
    "a huge champion": lambda b: os.truncate(b.parent / "champion.json", 2**40),
    "a nested champion": lambda b: text(b.parent / "champion.json", "[" * 100_000),
    "a nested manifest": lambda b: text(b / "manifest.json", '{"a":' * 100_000),
}


@pytest.mark.parametrize("damage", NO_FILES)
def test_what_is_no_file_of_a_bundle_means_the_fallback(models: Path, damage: str) -> None:
    NO_FILES[damage](models / "default")
    with unseen():
        scorer, warning = load_scorer(models)
    assert isinstance(scorer, WeightedFallback)
    assert warning
    assert "root:" not in warning


def test_links_within_the_directory_of_models_are_followed(models: Path) -> None:
    (models / "default").rename(models / "v7")
    (models / "default").symlink_to("v7")
    assert load_scorer(models)[1] is None


@pytest.mark.parametrize("damage", [name for name in NO_FILES if "champion" not in name])
def test_the_old_champion_goes_on(models: Path, damage: str) -> None:
    seconds = iter(range(0, 1000, 100))
    shutil.copytree(models / "default", models / "next")
    served = ServedScorer(models, clock=lambda: float(next(seconds)))
    before = served.now().scorer
    assert before.name == "lightgbm"
    promote(models, "next")
    NO_FILES[damage](models / "next")
    with unseen():
        after = served.now()
    assert after.scorer is before
    assert after.warning


def told(**changes: Any) -> dict[str, Any]:
    """What an ETA model says of itself."""
    return {
        "features": list(FEATURE_NAMES),
        "offsets": [0.0, 1.0],
        "shape": LOG_NORMAL.knots.tolist(),
        "longest_hours": 100.0,
        "measured": {"coverage_p50": 0.5},
        "about": {},
        **changes,
    }


@pytest.fixture(scope="module")
def quantiles() -> dict[str, str]:
    text = train({"objective": "quantile", "num_leaves": 3, "seed": 1}, rounds=2).model_to_string()
    return {"half": text, "most": text}


def test_an_eta_model_that_is_sound_is_read(tmp_path: Path, quantiles: dict[str, str]) -> None:
    keep(tmp_path / "eta", "eta", told(), quantiles)
    assert EtaModel.load(tmp_path / "eta").names == FEATURE_NAMES


WRONG = {
    "a huge number": {"longest_hours": 10**400},
    "huge offsets": {"offsets": [10**400, 1]},
    "a huge shape": {"shape": [10**400] * 199},
    "a list for a table": {"measured": [1]},
    "a text for a table": {"measured": "x"},
    "a table for a list": {"offsets": {"a": 1}},
    "nothing": {"shape": None},
    "a nested shape": {"shape": [[1.0]] * 199},
    "another order": {"features": [*FEATURE_NAMES[1:], FEATURE_NAMES[0]]},
    "too few features": {"features": list(FEATURE_NAMES[:-1])},
    "about nothing": {"about": [1, 2]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_parts_of_an_eta_model_are_refused(tmp_path: Path, quantiles: dict[str, str], wrong: str) -> None:
    keep(tmp_path / "eta", "eta", told(**WRONG[wrong]), quantiles)
    with unseen(), pytest.raises(BundleError):
        EtaModel.load(tmp_path / "eta")


NAMES = ["../../secret", "/etc/hostname", "..", "a/b", "a\0b", "", "half\n", "HALF", "x" * 5000]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_manifest_leads_to_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    """It names the texts, and its own hash is right."""
    (tmp_path / "secret.txt").write_text("confidential")
    keep(tmp_path / "models" / "eta", "eta", told(), {})
    keep_named(tmp_path / "models" / "eta", {name: hashlib.sha256(b"confidential").hexdigest()})
    with pytest.raises(BundleError, match="damaged"):
        kept(tmp_path / "models" / "eta", "eta")


def keep_named(directory: Path, hashes: dict[str, str]) -> None:
    """Write the manifest with these names, and with the hash that fits."""
    manifest = {**json.loads((directory / "manifest.json").read_text()), "sha256": hashes}
    manifest.pop("sha256_of_manifest")
    whole = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (directory / "manifest.json").write_text(json.dumps({**manifest, "sha256_of_manifest": whole}))


WORDS = ("terms", "idf", "common", "categories", "readers")


@given(numbers=st.fixed_dictionaries({}, optional=dict.fromkeys(WORDS, JSON)) | JSON, about=JSON)
@settings(max_examples=EXAMPLES)
def test_a_triage_model_of_anything_is_refused(
    tmp_path_factory: pytest.TempPathFactory, numbers: Any, about: Any
) -> None:
    directory = tmp_path_factory.getbasetemp() / "triage"
    keep(directory, "triage", {"about": about}, {"words": json.dumps(numbers)})
    with unseen(), pytest.raises(BundleError):
        load_triage(directory)


def test_a_nested_manifest_is_damaged(tmp_path: Path) -> None:
    """At some of these depths it can still be read, but not be written again to take its hash."""
    for depth in (10, *range(800, 1000), 100_000):
        nested = "[" * depth + "]" * depth
        (tmp_path / "manifest.json").write_text(f'{{"format": 1, "kind": "eta", "sha256": {{}}, "a": {nested}}}')
        with pytest.raises(BundleError):
            kept(tmp_path, "eta")
