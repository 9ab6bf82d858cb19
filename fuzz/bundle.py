"""Feeds mutated bundles to what reads them; any error but BundleError is a finding, and so is a crash of LightGBM."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["assignment_engine"]):
    from assignment_engine.domain.errors import BundleError
    from assignment_engine.learning.eta import EtaModel
    from assignment_engine.learning.keeping import keep
    from assignment_engine.learning.triage_bundle import load_triage
    from assignment_engine.scoring.bundle import load_bundle

from fuzz.running import run
from fuzz.small import ETA, MANIFEST, TEXT, TRIAGE, WORDS_TEXT

DIRECTORY = Path(tempfile.mkdtemp(prefix="assignment-engine-fuzz-"))


def read(data: bytes) -> None:
    """The first byte chooses what is mutated; the hashes are made right again, so that reading goes on behind them."""
    if not data:
        return
    with suppress(BundleError):
        (_manifest, _text, _eta, _triage)[data[0] % 4](data[1:])


@atheris.instrument_func
def _manifest(content: bytes) -> None:
    _load(TEXT.encode(), content)


@atheris.instrument_func
def _text(content: bytes) -> None:
    text = content.decode("ascii", "ignore").encode()
    _load(text, json.dumps({**MANIFEST, "sha256": hashlib.sha256(text).hexdigest()}).encode())


def _load(text: bytes, manifest: bytes) -> None:
    directory = DIRECTORY / "success"
    directory.mkdir(exist_ok=True)
    (directory / "model.txt").write_bytes(text)
    (directory / "manifest.json").write_bytes(manifest)
    load_bundle(directory)


@atheris.instrument_func
def _eta(content: bytes) -> None:
    keep(DIRECTORY / "eta", "eta", _object(content), {"half": TEXT, "most": TEXT})
    EtaModel.load(DIRECTORY / "eta")


@atheris.instrument_func
def _triage(content: bytes) -> None:
    about, _, words = content.partition(b"\n")
    keep(
        DIRECTORY / "triage",
        "triage",
        {"about": _object(about)},
        {"words": words.decode("ascii", "ignore"), "hours": WORDS_TEXT},
    )
    load_triage(DIRECTORY / "triage")


def _object(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    seeds = [json.dumps(MANIFEST).encode(), TEXT.encode(), json.dumps(ETA).encode(), TRIAGE.encode()]
    run(read, [bytes([number]) + seed for number, seed in enumerate(seeds)], sys.argv)
