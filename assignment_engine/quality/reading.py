"""CSV files of any origin become a table and a list of what was wrong with them, in bounded memory."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from assignment_engine.domain.errors import UnreadableFileError
from assignment_engine.domain.intake import MAX_CELL
from assignment_engine.quality.lines import as_utf8, bounded_lines, chunks_of
from assignment_engine.quality.options import QualityOptions, ReadLimits
from assignment_engine.quality.problems import Issue, IssueLog
from assignment_engine.quality.table import Table, TableBuilder

DELIMITERS = ",;\t|"
SAMPLE_LINES = 50
BATCH = 4096
UNREADABLE = ("line_too_long", "unclosed_quote", "not_csv", "ragged_row")

Numbered = tuple[int, str]


@dataclass(frozen=True)
class TableFile:
    """A file as it was read: its rows, and how and how well it could be read."""

    table: Table
    encoding: str
    delimiter: str
    size_bytes: int
    unreadable_rows: int
    issues: tuple[Issue, ...]


def read_file(path: Path, options: QualityOptions | None = None) -> TableFile:
    """Read a CSV file (plain or gzip); rows that cannot be read are left out and reported with their line.

    Raises
    ------
    UnreadableFileError
        If there is no header, if it is no text, if it exceeds a limit, or if it cannot be opened.
    """
    try:
        with path.open("rb") as stream:
            return read_stream(stream, options, size_bytes=path.stat().st_size)
    except OSError as exc:
        raise UnreadableFileError(f"the file cannot be opened: {exc.strerror}") from exc


def read_stream(stream: IO[bytes], options: QualityOptions | None = None, size_bytes: int = 0) -> TableFile:
    """As `read_file`, from an open binary stream."""
    options = options or QualityOptions()
    log = IssueLog()
    begun = _begin(stream, options, log)
    table = _table(begun.rows, begun.names, options)
    if not table.rows:
        log.add("no_rows", "there is a header and nothing below it", severity="warning")
    return TableFile(table, begun.encoding, begun.delimiter, size_bytes, log.count(*UNREADABLE), log.issues)


def read_header(stream: IO[bytes], options: QualityOptions | None = None) -> tuple[str, ...]:
    """The names of the columns alone, which tells early whether this can be a table at all.

    Raises
    ------
    UnreadableFileError
        If there is no header, or if it is no text.
    """
    return tuple(_begin(stream, options or QualityOptions(), IssueLog()).names)


@dataclass(frozen=True)
class _Begun:
    """A file up to its header; `rows` gives the rest."""

    encoding: str
    delimiter: str
    names: list[str]
    rows: Iterator[tuple[int, list[str]]]


def _begin(stream: IO[bytes], options: QualityOptions, log: IssueLog) -> _Begun:
    csv.field_size_limit(MAX_CELL)
    encoding, head, chunks = as_utf8(chunks_of(stream, options.limits.file_bytes))
    text_encoding = "utf-8" if encoding.startswith("utf-16") else encoding
    _refuse_no_text(head)
    delimiter = _delimiter(head.decode(text_encoding, "replace").splitlines()[:SAMPLE_LINES])
    lines = _decoded(bounded_lines(chunks, options.limits.line_bytes), text_encoding, log)
    rows = _rows(_Feed(lines, options.limits), delimiter, log)
    return _Begun(encoding, delimiter, _header(rows, options.limits, log), rows)


def _refuse_no_text(head: bytes) -> None:
    if not head.strip():
        raise UnreadableFileError("the file is empty, expected a header line")
    sample = head[:4096]
    strange = sum(byte < 32 and byte not in b"\t\n\r\f\v\x00\x1a\x1b" for byte in sample)
    if strange > len(sample) // 20 or sample.count(0) > len(sample) // 3:
        raise UnreadableFileError("the file is binary, expected CSV text")


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that splits most lines into as many cells as the header."""
    return max(DELIMITERS, key=lambda delimiter: _agreement(lines, delimiter))


def _agreement(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells]
    if not widths or widths[0] == 1:
        return 0.0, 0
    return sum(width == widths[0] for width in widths) / len(widths), widths[0]


def _decoded(lines: Iterator[bytes | None], encoding: str, log: IssueLog) -> Iterator[Numbered]:
    for number, line in enumerate(lines, start=1):
        if line is None:
            log.add("line_too_long", "the line is longer than the limit; it was left out", number)
            continue
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as exc:
            text = line.decode("cp1252" if encoding == "utf-8" else "latin-1", "replace")
            log.add("mixed_encoding", f"not {encoding}, read as cp1252: {exc.reason}", number, severity="warning")
        if "\0" in text:
            log.add("nul", "NUL characters were removed", number, severity="warning")
            text = text.replace("\0", "")
        yield number, text + "\n"


class _Feed:
    """Lines for the csv reader; remembers those of the row in progress, so that they can be given back."""

    def __init__(self, lines: Iterator[Numbered], limits: ReadLimits) -> None:
        self._lines = lines
        self._limits = limits
        self._given_back: deque[Numbered] = deque()
        self._length = 0
        self.taken: list[Numbered] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= self._limits.row_lines or self._length > self._limits.line_bytes:
            raise StopIteration
        entry = self._given_back.popleft() if self._given_back else next(self._lines)
        self.taken.append(entry)
        self._length += len(entry[1])
        return entry[1]

    def next_row(self) -> None:
        self.taken.clear()
        self._length = 0

    def give_back(self) -> None:
        """All lines of the row in progress but its first."""
        self._given_back.extendleft(reversed(self.taken[1:]))


def _rows(feed: _Feed, delimiter: str, log: IssueLog) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it starts on. An unclosed quote costs one line, not the rest of the file."""
    width = 0
    while True:
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        while True:
            feed.next_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as exc:
                _note_broken(feed, log, str(exc))
                break
            if not cells:
                continue
            width = width or len(cells)
            if len(cells) == width:
                yield feed.taken[0][0], cells
            elif len(feed.taken) > 1:
                _note_broken(feed, log, "the quote is not closed on its line")
                break
            else:
                log.add("ragged_row", f"expected {width} cells, found {len(cells)}", feed.taken[0][0])


def _note_broken(feed: _Feed, log: IssueLog, why: str) -> None:
    line = feed.taken[0][0]
    if len(feed.taken) > 1 or "end of data" in why:
        log.add("unclosed_quote", f"a quote is opened and never closed ({why})", line)
    else:
        log.add("not_csv", f"not readable as CSV: {why}", line)
    feed.give_back()


def _header(rows: Iterator[tuple[int, list[str]]], limits: ReadLimits, log: IssueLog) -> list[str]:
    line, cells = next(rows, (0, []))
    if not cells:
        raise UnreadableFileError("the file has no header line that can be read")
    if len(cells) > limits.columns:
        raise UnreadableFileError(f"the header has {len(cells):,} columns, at most {limits.columns:,} are read")
    names: list[str] = []
    for position, cell in enumerate(cells, start=1):
        name = " ".join(cell.removeprefix("\ufeff").split())[:200] or f"column_{position}"
        if not cell.strip():
            log.add("unnamed_column", f"column {position} has no name", line, severity="warning")
        while name in names:
            log.add("repeated_column", f"{name!r} is there more than once", line, severity="warning")
            name += "_2"
        names.append(name)
    return names


def _table(rows: Iterator[tuple[int, list[str]]], names: Sequence[str], options: QualityOptions) -> Table:
    limits = options.limits
    builder = TableBuilder(names)
    most = min(limits.rows, limits.cells // len(names))
    batch: list[list[str]] = []
    lines: list[int] = []
    for line, cells in rows:
        batch.append(cells)
        lines.append(line)
        if len(batch) == BATCH:
            builder.add(lines, batch)
            batch, lines = [], []
            if builder.rows > most:
                raise UnreadableFileError(f"the file has more than {most:,} rows")
    builder.add(lines, batch)
    return builder.build(options.missing)
