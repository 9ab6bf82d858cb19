"""Models that are kept in a directory of their own: LightGBM texts and a manifest with their hashes, never a pickle."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assignment_engine.domain.errors import BundleError
from assignment_engine.scoring.model_files import read_model_file

if TYPE_CHECKING:
    from lightgbm import Booster

MANIFEST = "manifest.json"
FORMAT = 1
KINDS = frozenset({"eta", "triage"})
MOST_BYTES, MOST_MANIFEST_BYTES = 256 * 2**20, 2**20
_NAME, _MOST_TEXTS = re.compile("[a-z]{1,40}"), 8  # names lead to files, so they are nothing but names


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
    manifest["sha256_of_manifest"] = _of_manifest(manifest)
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
    manifest = _manifest(directory)
    if manifest.get("format") != FORMAT or manifest.get("kind") != kind:
        raise BundleError(f"{directory}: expected models of kind {kind!r} in format {FORMAT}")
    if not _is_as_written(manifest):
        raise BundleError(f"{directory}: {MANIFEST} is not as it was written")
    hashes = manifest.get("sha256")
    if not isinstance(hashes, dict) or not all(map(_NAME.fullmatch, hashes)) or len(hashes) > _MOST_TEXTS:
        raise BundleError(f"{directory}: {MANIFEST} is damaged")
    texts = {name: _read(directory / f"{name}.txt", MOST_BYTES) for name in hashes}
    for name, content in texts.items():
        if _sha256(content) != hashes[name]:
            raise BundleError(f"{directory}: the sha256 of {name}.txt is not the one in the manifest")
    return manifest, {name: content.decode("ascii", errors="replace") for name, content in texts.items()}


def kind_of(directory: Path) -> str | None:
    """The kind of the models in a directory by their manifest; None where nothing of this kind can be read there."""
    try:
        kind = _manifest(directory).get("kind")
    except BundleError:
        return None
    return kind if isinstance(kind, str) else None


def _manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(directory / MANIFEST, MOST_MANIFEST_BYTES))
    except (ValueError, RecursionError) as exc:
        raise BundleError(f"{directory}: {MANIFEST} is damaged") from exc
    if not isinstance(manifest, dict):
        raise BundleError(f"{directory}: {MANIFEST} is damaged")
    return manifest


def _read(path: Path, limit: int) -> bytes:
    try:
        return read_model_file(path, limit, path.parent.parent)
    except BundleError as exc:
        raise BundleError(f"{path.parent}: {exc}") from exc


def _is_as_written(manifest: Mapping[str, Any]) -> bool:
    """Whether the hash is that of the rest; what is nested too deep to be written never was."""
    try:
        return manifest.get("sha256_of_manifest") == _of_manifest(manifest)
    except RecursionError:
        return False


def _of_manifest(manifest: Mapping[str, Any]) -> str:
    """The hash of everything else in a manifest, however it is laid out."""
    told = {name: value for name, value in manifest.items() if name != "sha256_of_manifest"}
    return _sha256(json.dumps(told, sort_keys=True).encode("ascii"))


def booster(text: str) -> Booster:
    """LightGBM's predictor of a text that was checked."""
    import lightgbm  # noqa: PLC0415  (takes seconds to import)

    return lightgbm.Booster(model_str=text)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
