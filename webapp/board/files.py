"""The files of the board: what they hold at present, packed for those who can unpack."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}  # whatever the machine believes


def version() -> str:
    """A name for what the files hold at present."""
    return _version(tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in _files()))


def packed(name: str) -> bytes | None:
    """A file of text, compressed; None where there is no such file or it is of another kind."""
    path = STATIC / name
    return _packed(path, version()) if path in _files() and path.suffix in TYPES else None


def _files() -> list[Path]:
    return sorted(path for path in STATIC.rglob("*") if path.is_file())


@lru_cache(maxsize=1)
def _version(present: tuple[tuple[Path, int, int], ...]) -> str:
    told = hashlib.sha256()
    for path, _, size in present:
        told.update(f"{path.relative_to(STATIC).as_posix()} {size} ".encode() + path.read_bytes())
    return told.hexdigest()[:12]


@lru_cache(maxsize=128)
def _packed(path: Path, _version: str) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)
