"""Bytes of a file that nobody vouches for, as lines of bounded length."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from assignment_engine.domain.errors import UnreadableFileError

CHUNK = 1 << 18
_GZIP = b"\x1f\x8b"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive or an Office document",
    b"PK\x05\x06": "an empty zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"%PDF": "a PDF document",
    b"PAR1": "a parquet file",
    b"SQLite format 3\x00": "an SQLite database",
    b"\x7fELF": "a program",
    b"\x89PNG": "a picture",
}
_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def chunks_of(stream: IO[bytes], most_bytes: int) -> Iterator[bytes]:
    """The text of the file in pieces; gzip is unpacked on the fly, never beyond `most_bytes`.

    Raises
    ------
    UnreadableFileError
        For archives and other binary files, damaged gzip files and files that are too large.
    """
    head = stream.read(CHUNK)
    _refuse_binary(head)
    if head.startswith(_GZIP):
        stream.seek(0)
        return _within(_unpacked(stream), most_bytes)
    return _within(_rest(head, stream), most_bytes)


def _refuse_binary(head: bytes) -> None:
    for magic, what in _ARCHIVES.items():
        if head.startswith(magic):
            raise UnreadableFileError(f"this is {what}, expected CSV text")


def _rest(head: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    while head:
        yield head
        head = stream.read(CHUNK)


def _unpacked(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            head = unpacked.read(CHUNK)
            _refuse_binary(head)
            if head.startswith(_GZIP):
                raise UnreadableFileError("this is an archive within an archive, expected CSV text")
            yield from _rest(head, unpacked)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise UnreadableFileError(f"the gzip file is damaged: {exc}") from exc


def _within(chunks: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most_bytes:
            raise UnreadableFileError(f"the file is larger than {most_bytes:,} bytes")
        yield chunk


def as_utf8(chunks: Iterator[bytes]) -> tuple[str, bytes, Iterator[bytes]]:
    """The encoding, the first piece, and all pieces with ``\\n`` as line end and without a byte order mark.

    UTF-16 becomes UTF-8; everything else keeps its bytes, because one file may hold more than one encoding.
    """
    head = next(chunks, b"")
    encoding = next((name for mark, name in _UTF16_MARKS.items() if head.startswith(mark)), None)
    if encoding:
        chunks = _recoded(head[2:], chunks, encoding)
        head = next(chunks, b"")
    elif head.startswith(codecs.BOM_UTF8):
        head = head[3:]
    encoding = encoding or ("utf-8" if _is_utf8(head) else "cp1252")
    only_returns = b"\r" in head and b"\n" not in head
    whole = _chain(head, chunks)
    return encoding, head, (_with_newlines(whole) if only_returns else whole)


def _recoded(head: bytes, chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for chunk in _chain(head, chunks):
        yield decoder.decode(chunk).encode("utf-8", "replace")


def _chain(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


def _with_newlines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk.replace(b"\r", b"\n")


def _is_utf8(head: bytes) -> bool:
    """Whether most lines of the piece are UTF-8; its end may have cut a character."""
    lines = head.split(b"\n")[:1000]
    bad = sum(_undecodable(line) for line in lines[:-1] or lines)
    return bad * 2 <= len(lines)


def _undecodable(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as exc:
        return exc.end < len(line) - 3
    return False


def bounded_lines(chunks: Iterable[bytes], longest: int) -> Iterator[bytes | None]:
    """Lines without their ends; None stands for a line of more than `longest` bytes, which is never held whole."""
    rest, dropped = b"", False
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        if not others:
            rest = b"" if dropped else rest + first
            rest, dropped = (b"", True) if len(rest) > longest else (rest, dropped)
            continue
        yield None if dropped else _checked(rest + first, longest)
        for line in others[:-1]:
            yield _checked(line, longest)
        rest, dropped = others[-1], False
    if rest or dropped:
        yield None if dropped else _checked(rest, longest)


def _checked(line: bytes, longest: int) -> bytes | None:
    return line.removesuffix(b"\r") if len(line) <= longest else None
