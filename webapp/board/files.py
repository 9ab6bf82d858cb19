"""The files of the board: what they hold at present, packed for those who can unpack."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic

STATIC = Path(__file__).parent / "static"
LOOK_SECONDS = 1.0
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}  # whatever the machine believes


def version() -> str:
    """A name for what the files hold, or held a moment ago."""
    return _present().version


def packed(name: str) -> bytes | None:
    """A file of text, compressed; None where there is no such file or it is of another kind."""
    path, present = STATIC / name, _present()
    return _packed(path, present.version) if path in present.paths and path.suffix in TYPES else None


@dataclass(frozen=True)
class _Files:
    version: str
    paths: frozenset[Path]


def _present() -> _Files:
    return _looked(int(monotonic() / LOOK_SECONDS))


@lru_cache(maxsize=1)
def _looked(_: int) -> _Files:
    """The files as they are; once a second, because to walk through them takes longer than to send one."""
    found = sorted(path for path in STATIC.rglob("*") if path.is_file())
    stats = [path.stat() for path in found]
    stamps = tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in zip(found, stats, strict=True))
    return _Files(_version(stamps), frozenset(found))


@lru_cache(maxsize=1)
def _version(present: tuple[tuple[Path, int, int], ...]) -> str:
    told = hashlib.sha256()
    for path, _, size in present:
        told.update(f"{path.relative_to(STATIC).as_posix()} {size} ".encode() + path.read_bytes())
    return told.hexdigest()[:12]


@lru_cache(maxsize=128)
def _packed(path: Path, _version: str) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)
