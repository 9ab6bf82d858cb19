"""Models that are kept in a directory of their own: LightGBM texts and a manifest with their hashes, never a pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assignment_engine.domain.errors import BundleError

if TYPE_CHECKING:
    from lightgbm import Booster

MANIFEST = "manifest.json"
FORMAT = 1


def keep(directory: Path, kind: str, content: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Write the models so that `directory` is never seen half written; what was there is replaced."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    fresh = scratch / "new"
    fresh.mkdir()
    for name, text in texts.items():
        (fresh / f"{name}.txt").write_bytes(text.encode("ascii"))
    hashes = {name: _sha256(text.encode("ascii")) for name, text in texts.items()}
    manifest = {"format": FORMAT, "kind": kind, "sha256": hashes, **content}
    (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    if directory.exists():
        directory.rename(scratch / "old")
    fresh.rename(directory)
    shutil.rmtree(scratch)


def kept(directory: Path, kind: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest and the texts.

    Raises
    ------
    BundleError
        If anything is missing or not what was written; LightGBM is shown nothing else.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
        texts = {name: (directory / f"{name}.txt").read_bytes() for name in manifest["sha256"]}
    except OSError as exc:
        raise BundleError(f"{directory}: cannot read it: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise BundleError(f"{directory}: {MANIFEST} is damaged") from exc
    if manifest.get("format") != FORMAT or manifest.get("kind") != kind:
        raise BundleError(f"{directory}: expected models of kind {kind!r} in format {FORMAT}")
    for name, content in texts.items():
        if _sha256(content) != manifest["sha256"][name]:
            raise BundleError(f"{directory}: the sha256 of {name}.txt is not the one in the manifest")
    return manifest, {name: content.decode("ascii") for name, content in texts.items()}


def booster(text: str) -> Booster:
    """LightGBM's predictor of a text that was checked."""
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    return lightgbm.Booster(model_str=text)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
