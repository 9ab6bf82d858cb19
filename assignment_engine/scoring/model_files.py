"""Files of models: regular ones, of a bounded size, that lie within the directory of models."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from assignment_engine.domain.errors import BundleError


def read_model_file(path: Path, limit: int, within: Path) -> bytes:
    """The content of `path`; links are followed, but not out of the directory `within`.

    Raises
    ------
    BundleError
        If it cannot be read, is no regular file, is larger than `limit` bytes, or lies elsewhere.
    """
    try:
        return _read(_place(path, within), limit, path.name)
    except OSError as exc:
        raise BundleError(f"cannot read {path.name}: {exc.strerror}") from exc
    except (RuntimeError, ValueError) as exc:  # a link that leads to itself; a name that no file can have
        raise BundleError(f"cannot read {path.name!r}") from exc


def _place(path: Path, within: Path) -> Path:
    place = path.resolve(strict=True)
    if not place.is_relative_to(within.resolve()):
        raise BundleError(f"{path.name} lies outside of the directory of models")
    return place


def _read(place: Path, limit: int, name: str) -> bytes:
    """Of a pipe the reader would wait for ever, unless it is opened without waiting."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{name} is no regular file")
        content = file.read(limit + 1) if status.st_size <= limit else b""
    if max(status.st_size, len(content)) > limit:
        raise BundleError(f"{name} is larger than {limit} bytes")
    return content
