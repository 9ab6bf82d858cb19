"""Reading files that nobody vouches for."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zipfile

import pytest

from assignment_engine.domain.errors import UnreadableFileError
from assignment_engine.quality.lines import CHUNK
from assignment_engine.quality.options import QualityOptions, ReadLimits
from assignment_engine.quality.reading import TableFile, read_file, read_stream

ENDLESS_LINE = int(os.environ.get("ENDLESS_LINE_BYTES", "20000000"))


def read(content: bytes | str, **limits: int) -> TableFile:
    data = content.encode() if isinstance(content, str) else content
    return read_stream(io.BytesIO(data), QualityOptions(limits=ReadLimits(**limits)))


def rows(file: TableFile) -> list[tuple[str, ...]]:
    return list(file.table.texts(0, file.table.rows))


def problems(file: TableFile) -> dict[str, tuple[int, ...]]:
    return {issue.code: issue.lines for issue in file.issues}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    text = "a,b,c\n1,x y,3\n2,z,4\n".replace(",", delimiter)
    file = read(text)
    assert file.delimiter == delimiter
    assert rows(file) == [("1", "x y", "3"), ("2", "z", "4")]


def test_a_decimal_comma_does_not_hide_the_semicolon():
    assert rows(read("a;b\n1,5;2,5\n3,5;4,5\n")) == [("1,5", "2,5"), ("3,5", "4,5")]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"   \n"])
def test_an_empty_file_is_refused(content):
    with pytest.raises(UnreadableFileError, match=r"header|empty"):
        read(content)


def test_a_header_alone_is_a_table_without_rows():
    file = read("a,b\n")
    assert (file.table.rows, file.table.names) == (0, ("a", "b"))
    assert "no_rows" in problems(file)


def test_a_line_beyond_the_limit_is_dropped_and_named():
    file = read("a,b\n1,2\n" + "x" * 5000 + "\n3,4\n", line_bytes=1000)
    assert rows(file) == [("1", "2"), ("3", "4")]
    assert problems(file) == {"line_too_long": (3,)}
    assert file.unreadable_rows == 1


class Endless(io.RawIOBase):
    """A table of two rows with one line of `length` bytes between them, made as it is read."""

    def __init__(self, length: int) -> None:
        self._parts = [b"a,b\n1,2\n", length, b"\n3,4\n"]

    def read(self, size: int = -1) -> bytes:
        part = self._parts.pop(0) if self._parts else b""
        if isinstance(part, bytes):
            return part
        if part > size:
            self._parts.insert(0, part - size)
        return b"x" * min(size, part)


def test_a_line_is_never_held_whole():
    """It passes through in pieces: a limit of a thousandth, and memory for a few pieces, not for the line."""
    tracemalloc.start()
    limits = ReadLimits(line_bytes=max(1, ENDLESS_LINE // 1000), file_bytes=2 * ENDLESS_LINE)
    file = read_stream(Endless(ENDLESS_LINE), QualityOptions(limits=limits))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows(file) == [("1", "2"), ("3", "4")]
    assert problems(file) == {"line_too_long": (3,)}
    assert peak < 8 * (CHUNK + limits.line_bytes)
    assert peak < ENDLESS_LINE / 4


def test_a_line_beyond_the_limit_of_the_file_refuses_it():
    with pytest.raises(UnreadableFileError, match="larger than 1,000,000 bytes"):
        read_stream(Endless(2_000_000), QualityOptions(limits=ReadLimits(file_bytes=1_000_000)))  # type: ignore[arg-type]


def test_nul_characters_are_removed_and_named():
    file = read(b"a,b\n1\x00,2\n3,4\n")
    assert rows(file) == [("1", "2"), ("3", "4")]
    assert problems(file) == {"nul": (2,)}


def test_mixed_encodings_are_read_line_by_line():
    file = read("a,b\n1,é\n2,x\n3,y\n".encode() + "4,é\n".encode("latin-1"))
    assert [row[1] for row in rows(file)] == ["é", "x", "y", "é"]
    assert problems(file) == {"mixed_encoding": (5,)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings_are_recognised(encoding):
    mark = "﻿" if encoding == "utf-16-le" else ""
    assert rows(read((mark + "name,n\nJosé,1\nZoë,2\n").encode(encoding))) == [("José", "1"), ("Zoë", "2")]


def test_an_unclosed_quote_costs_its_own_line_only():
    file = read('a,b\n1,x\n2,"never closed\n3,y\n4,z\n')
    assert [row[0] for row in rows(file)] == ["1", "3", "4"]
    assert problems(file) == {"unclosed_quote": (3,)}


def test_an_unclosed_quote_before_many_rows_costs_one_row():
    text = 'a,b\n1,"open\n' + "".join(f"{n},y\n" for n in range(5000))
    assert read(text, row_lines=50).table.rows == 5000


def test_quoted_line_ends_belong_to_the_cell():
    assert rows(read('a,b\n1,"x\ny"\n2,z\n')) == [("1", "x\ny"), ("2", "z")]


def test_lines_are_counted_through_quoted_line_ends():
    file = read('a,b\n1,"x\ny"\n2\n')
    assert problems(file) == {"ragged_row": (4,)}
    assert file.table.lines.tolist() == [2]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(end):
    assert rows(read(f"a,b{end}1,2{end}3,4{end}")) == [("1", "2"), ("3", "4")]


def test_words_that_stand_for_nothing_are_missing():
    assert rows(read("a,b\n?,NA\nn/a, x \n")) == [("", ""), ("", "x")]


def test_columns_without_a_name_or_with_one_twice_get_one():
    file = read("a,,a\n1,2,3\n")
    assert file.table.names == ("a", "column_2", "a_2")
    assert set(problems(file)) == {"unnamed_column", "repeated_column"}


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../evil.csv", "a,b\n1,2\n")
    return stream.getvalue()


@pytest.mark.parametrize("content", [zipped(), b"%PDF-1.7 abc", b"\x7fELF\x02\x01", bytes(range(256)) * 20])
def test_archives_and_binaries_are_refused(content):
    with pytest.raises(UnreadableFileError, match="expected CSV text"):
        read(content)


def test_gzip_is_unpacked_on_the_fly():
    assert rows(read(gzip.compress(b"a,b\n1,2\n", mtime=0))) == [("1", "2")]


def test_a_gzip_bomb_stops_at_the_limit():
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 500_000, mtime=0)
    with pytest.raises(UnreadableFileError, match="larger than"):
        read(bomb, file_bytes=100_000)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-20], b"\x1f\x8bnot gzip", gzip.compress(zipped())],
    ids=["cut short", "not gzip", "nested"],  # bytes as ids would differ between two test processes
)
def test_a_damaged_or_nested_archive_is_refused(content):
    with pytest.raises(UnreadableFileError):
        read(content)


@pytest.mark.parametrize(
    ("text", "limits", "expected"),
    [
        ("a,b\n" + "1,2\n" * 9000, {"rows": 100}, "rows"),
        (",".join(f"c{n}" for n in range(50)) + "\n", {"columns": 10}, "columns"),
        ("a,b\n" + "1,2\n" * 9000, {"file_bytes": 100}, "bytes"),
    ],
)
def test_what_exceeds_a_limit_is_refused(text, limits, expected):
    with pytest.raises(UnreadableFileError, match=expected):
        read(text, **limits)


def test_a_file_that_is_gone_is_an_error_of_the_engine(tmp_path):
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        read_file(tmp_path / "gone.csv")
