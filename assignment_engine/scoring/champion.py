"""Naming the champion when several processes, perhaps on several machines, may do so at once.

`champion.json` is the one place that says which bundle is served: it is replaced whole, so whoever reads it sees the
champion before or the one after. Whoever replaces it holds a lock of the operating system on a file beside it, which
ends with the process that holds it. Its `generation` counts the changes: a change that was decided on at another
generation is refused. The directory may be shared if its file system has atomic renames and locks (local ones and NFS 4
have).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from assignment_engine.domain.errors import BundleError
from assignment_engine.domain.types import ID_PATTERN
from assignment_engine.scoring.model_files import read_model_file

CHAMPION_FILE = "champion.json"
MAX_CHAMPION_BYTES = 2**20
LOCK_FILE = ".champion.lock"
LONGEST_WAIT_SECONDS = 10.0
_ASKS_AGAIN_SECONDS = 0.02


class Champion(NamedTuple):
    """The bundle that is served; `change` is what made it so, as it is recorded, where that is known."""

    name: str
    generation: int = 0
    change: Mapping[str, Any] | None = None


def read_champion(model_dir: Path) -> Champion:
    """The champion of a directory.

    Raises
    ------
    BundleError
        If none is named, or the file is not one of ours.
    """
    path = model_dir / CHAMPION_FILE
    try:
        content = json.loads(read_model_file(path, MAX_CHAMPION_BYTES, model_dir))
    except BundleError as exc:
        raise BundleError(f"{model_dir}: {exc}") from exc
    except (ValueError, RecursionError) as exc:
        raise BundleError(f"{path} is not JSON: {exc}") from exc
    name = content.get("version") if isinstance(content, dict) else None
    if not isinstance(name, str) or not re.fullmatch(ID_PATTERN, name):
        raise BundleError(f'{path}: expected {{"version": "<name of a subdirectory>"}}')
    generation, change = content.get("generation", 0), content.get("change")
    if type(generation) is not int or not (change is None or isinstance(change, dict)):
        raise BundleError(f"{path}: expected a number as generation and an object as change")
    return Champion(name, generation, change)


def replace_champion(model_dir: Path, champion: Champion) -> None:
    """Name another champion, durably; only inside `alone`."""
    for left in model_dir.glob(f".{CHAMPION_FILE}.*"):  # by a process that ended while it wrote
        left.unlink(missing_ok=True)
    told = {} if champion.change is None else {"change": champion.change}
    content = {"version": champion.name, "generation": champion.generation, **told}
    path = model_dir / CHAMPION_FILE
    fresh = path.with_name(f".{CHAMPION_FILE}.{uuid4().hex}")
    write_durably(fresh, (json.dumps(content) + "\n").encode(), "xb")
    fresh.replace(path)
    _sync_directory(model_dir)


def write_durably(path: Path, content: bytes, mode: str) -> None:
    """Write so that it is there after a crash of the machine."""
    with path.open(mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def alone(model_dir: Path) -> Iterator[None]:
    """One process, and one thread, at a time changes the champion of a directory.

    Raises
    ------
    BundleError
        If somebody else does so for long, or nothing can be written there.
    """
    try:
        with (model_dir / LOCK_FILE).open("ab") as file:
            _lock(file.fileno(), model_dir)
            yield
    except OSError as exc:
        raise BundleError(f"{model_dir}: the champion cannot be changed: {exc.strerror}") from exc


def _lock(descriptor: int, model_dir: Path) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            if time.monotonic() > deadline:
                raise BundleError(f"{model_dir}: somebody else is changing the champion; try again") from exc
            time.sleep(_ASKS_AGAIN_SECONDS)
        else:
            return


def _sync_directory(directory: Path) -> None:
    with suppress(OSError):  # some file systems cannot
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
