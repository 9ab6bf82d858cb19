"""The directory that files come from and results go to. Nothing outside of it is read or written.

Paths are told and kept relative to it, with slashes, so that each machine may have it elsewhere.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO

from assignment_engine.domain.errors import InvalidInputError, UnreadableFileError
from assignment_engine.domain.types import new_id
from assignment_engine.quality.writing import safe_stem

LONGEST_PATH = 1024
MOST_FILES = 1_000
_ENDINGS = (".csv.gz", ".tsv.gz", ".txt.gz", ".csv", ".tsv", ".txt", ".gz")


class Own(StrEnum):
    """Directories that the engine itself fills."""

    UPLOADS = "uploads"
    REFERENCES = "references"
    RESULTS = "results"


class DataRoot:
    """What lies below one directory; it is made when the first file comes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def file(self, name: str) -> Path:
        """The file with this path below the root.

        Raises
        ------
        UnreadableFileError
            If it is not there, or if the path leads out of the root.
        """
        path = self._below(name)
        if path is None or not path.is_file():
            raise UnreadableFileError(f"the file {name!r} is not there")
        return path

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        path = self._below(name)
        return path is not None and path.is_file()

    def files_in(self, directory: str) -> tuple[str, ...]:
        """The files in a directory, by name; not those in further directories, hidden ones and links.

        Raises
        ------
        InvalidInputError
            If it is not a directory below the root, if it belongs to the engine, or if it holds no file or too many.
        """
        root, path = self._root.resolve(), self._below(directory)
        if path is None or not path.is_dir():
            raise InvalidInputError.at("/directory", "expected a directory below DATA_ROOT, relative to it")
        if path.relative_to(root).parts[:1] in [(own.value,) for own in Own]:
            raise InvalidInputError.at("/directory", "expected a directory of yours; the engine keeps its files here")
        names = sorted(entry.relative_to(root).as_posix() for entry in path.iterdir() if _is_plain_file(entry))
        if not 0 < len(names) <= MOST_FILES:
            raise InvalidInputError.at("/directory", f"expected 1 to {MOST_FILES:,} files, found {len(names):,}")
        if not all(_can_be_kept(name) for name in names):
            raise InvalidInputError.at("/directory", "a name in it is not valid UTF-8 or too long; rename the file")
        return tuple(names)

    def _below(self, name: str) -> Path | None:
        """The path with all links followed; None where there is nothing, or where it leads out of the root."""
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            return None
        try:
            root = self._root.resolve()
            path = (root / relative).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return None
        return path if path.is_relative_to(root) else None

    def incoming(self) -> IO[bytes]:
        """A file for what is being sent; gone when it is closed, unless it was kept."""
        directory = self._made(self._root / Own.UPLOADS)
        return tempfile.NamedTemporaryFile(dir=directory, prefix=".")

    def keep(self, incoming: IO[bytes], own: Own, name: str) -> str:
        """Give what was sent a place of its own under a safe form of its name, and tell where."""
        ending = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")
        place = PurePosixPath(own, new_id(), f"{safe_stem(name)}{ending}")
        path = self._root / place
        self._made(path.parent)
        incoming.flush()
        try:
            path.hardlink_to(incoming.name)
        except OSError:  # not every file system can
            shutil.copyfile(incoming.name, path)
        return str(place)

    def remove(self, name: str) -> None:
        """Delete a file that was kept, and its place."""
        with suppress(OSError):
            (self._root / name).unlink()
            (self._root / name).parent.rmdir()

    def workplace(self, job_id: str) -> Path:
        """An empty directory for the results of one run; what earlier runs of the job left is deleted."""
        results = self._made(self._root / Own.RESULTS)
        for left in results.glob(f".{job_id}.*"):
            shutil.rmtree(left, ignore_errors=True)
        return self._made(results / f".{job_id}.{new_id()}")

    def publish(self, workplace: Path, job_id: str) -> None:
        """Let the files of a workplace be the results of the job."""
        place = self._root / Own.RESULTS / job_id
        shutil.rmtree(place, ignore_errors=True)
        workplace.rename(place)

    def result(self, job_id: str, name: str) -> Path:
        """One file of the results of a job.

        Raises
        ------
        UnreadableFileError
            If it is not there.
        """
        return self.file(str(PurePosixPath(Own.RESULTS, job_id, name)))

    def places_before(self, own: Own, moment: datetime) -> tuple[str, ...]:
        """The names of what lies in one of the engine's own directories since before this moment, without links."""
        with _opened(self._root.resolve() / own) as directory:
            return tuple(name for name in _names(directory) if _is_older(directory, name, moment))

    def clear(self, own: Own, name: str) -> bool:
        """Delete such a place with everything in it, through no link; whether it is gone now."""
        with _opened(self._root.resolve() / own) as directory:
            if directory is None or "/" in name:
                return False
            try:
                _delete(directory, name)
            except FileNotFoundError:
                return True
            except OSError:
                return False
            return True

    def uploads_in(self, place: str) -> tuple[str, ...]:
        """The paths of what lies in one place for uploads."""
        with _opened(self._root.resolve() / Own.UPLOADS) as directory, _opened_in(directory, place) as inner:
            return tuple(str(PurePosixPath(Own.UPLOADS, place, name)) for name in _names(inner))

    def _made(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        return directory


@contextmanager
def _opened(place: str | Path, within: int | None = None) -> Iterator[int | None]:
    """A directory held open, so that nobody can put another in its place; None where it is not there, or a link."""
    opened = None
    with suppress(OSError):
        opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    try:
        yield opened
    finally:
        if opened is not None:
            os.close(opened)


def _opened_in(directory: int | None, name: str) -> AbstractContextManager[int | None]:
    return nullcontext() if directory is None else _opened(name, directory)


def _names(directory: int | None) -> list[str]:
    names = [] if directory is None else sorted(os.listdir(directory))  # noqa: PTH208  (of a directory held open)
    return [name for name in names if _can_be_kept(name)]


def _delete(directory: int, name: str) -> None:
    if stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
        shutil.rmtree(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)


def _is_older(directory: int | None, name: str, moment: datetime) -> bool:
    try:
        found = os.lstat(name, dir_fd=directory)
    except OSError:
        return False
    return not stat.S_ISLNK(found.st_mode) and found.st_mtime < moment.timestamp()


def _is_plain_file(entry: Path) -> bool:
    return not entry.name.startswith(".") and not entry.is_symlink() and entry.is_file()


def _can_be_kept(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return len(name) <= LONGEST_PATH
