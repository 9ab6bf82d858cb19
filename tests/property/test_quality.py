"""What holds for every file and every table."""

from __future__ import annotations

import csv
import io
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.domain.errors import UnreadableFileError
from assignment_engine.quality.checking import check_table
from assignment_engine.quality.comparing import compared
from assignment_engine.quality.duplicates import deduplicate_table
from assignment_engine.quality.estimates import Target, by_group
from assignment_engine.quality.filling import fill_table
from assignment_engine.quality.kinds import read_numbers, typed
from assignment_engine.quality.options import FillMethod, FillOptions, MatchOptions, QualityOptions, ReadLimits
from assignment_engine.quality.reading import read_stream
from assignment_engine.quality.table import Table
from assignment_engine.quality.writing import escape_table, escaped, is_formula, unescape_table, unescaped, write_rows

CELL = st.text(string.ascii_letters + string.digits + " ,;\"'\n=+-@é", max_size=8)
WORD = st.sampled_from(["", "north", "south", "nroth", "7", "8.5", "2026-03-01", "-", "=1"])
SIMPLE = QualityOptions(fill=FillOptions(default=FillMethod.GROUP), match=MatchOptions(evidence_bits=0.0))


@st.composite
def tables(draw, most: int = 12) -> Table:
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(WORD, min_size=width, max_size=width), max_size=most))
    return written([f"c{n}" for n in range(width)], rows)


def written(head: list[str], rows: list[list[str]]) -> Table:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([head, *rows])
    return read_stream(io.BytesIO(stream.getvalue().encode())).table


def texts(table: Table) -> list[tuple[str, ...]]:
    return list(table.texts(0, table.rows))


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_an_error_of_the_engine(content):
    limits = ReadLimits(line_bytes=50, row_lines=4, file_bytes=300, columns=20)
    try:
        file = read_stream(io.BytesIO(content), QualityOptions(limits=limits))
    except UnreadableFileError:
        return
    assert all(len(column) == file.table.rows for column in file.table.columns)
    assert len(set(file.table.names)) == len(file.table.names)
    check_table(file.table, file=file)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
def test_what_is_written_is_read_again(rows):
    """Up to outer blanks and the words that stand for nothing."""
    table = written(["a", "b", "c"], [list(row) for row in rows])
    assert table.rows == len(rows)
    stream = io.StringIO(newline="")
    write_rows(stream, table)
    assert texts(read_stream(io.BytesIO(stream.getvalue().encode())).table) == texts(table)


@given(tables())
def test_disarming_and_arming_again_changes_nothing(table):
    disarmed, _ = escape_table(table)
    assert not any(is_formula(word) for column in disarmed.columns for word in column.words)
    assert texts(unescape_table(disarmed)) == texts(table)


@given(CELL)
def test_no_disarmed_text_is_a_formula(text):
    assert not is_formula(escaped(text))
    if not text.startswith("'"):
        assert unescaped(escaped(text)) == text


@settings(max_examples=60)
@given(tables())
def test_filling_changes_gaps_only_and_marks_them(table):
    filled = fill_table(table, SIMPLE)
    for column in table.columns:
        now = filled.table.by_name[column.name]
        marks = filled.marks.get(column.name, np.zeros(table.rows, dtype=bool))
        for row in range(table.rows):
            if not marks[row]:
                assert now.text(row) == column.text(row)
            else:
                assert (column.text(row), now.text(row) != "") == ("", True)


@settings(max_examples=60)
@given(tables(most=20))
def test_every_removed_row_has_one_survivor_that_survived(table):
    found = deduplicate_table(table, SIMPLE)
    assert found.table.rows == int(found.kept.sum()) == table.rows - len(found.mapped)
    assert found.kept[found.survivor_of].all()
    assert {entry.removed_line for entry in found.mapped} == set(table.lines[~found.kept].tolist())


@settings(max_examples=60)
@given(tables(most=15))
def test_equal_rows_are_always_one(table):
    kept = texts(deduplicate_table(table, SIMPLE).table)
    assert len(set(kept)) == len(kept)


@settings(max_examples=60)
@given(tables(most=10))
def test_the_bound_that_discards_pairs_is_one(table):
    """The quick comparison never says less than the exact one."""
    first, second = np.triu_indices(table.rows, 1)
    for column in typed(table):
        part = compared(column)
        if part is not None and len(first):
            quick, exact = part.quick(first, second), part.exact(first, second)
            np.testing.assert_array_equal(np.isnan(quick), np.isnan(exact))
            assert (np.nan_to_num(quick) >= np.nan_to_num(exact)).all()
            assert ((np.nan_to_num(exact) >= 0) & (np.nan_to_num(exact) <= 1)).all()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), min_size=4, max_size=40), st.booleans())
def test_groups_are_filled_as_group_by_group(rows, numbers):
    """The fast computation over all groups equals the plain one of each."""
    table = written(["kind", "n"], [[kind, str(n) if numbers else f"w{n}"] for kind, n in rows])
    columns = typed(table)
    target = Target(columns[1], columns, 0)
    known = np.arange(table.rows)
    estimated = by_group(target, columns[0])(known, known)
    for row, (kind, _) in enumerate(rows):
        members = np.array([target.values[i] for i, (other, _) in enumerate(rows) if other == kind])
        source = members if len(members) >= 3 else target.values
        assert estimated[row] == target.typical(source)


@settings(max_examples=60)
@given(tables(most=20))
def test_the_score_is_between_nothing_and_everything(table):
    total = check_table(table, table).report.score.total
    assert total is None if table.rows == 0 else 0 <= total <= 100 + 1e-9


@pytest.mark.parametrize("text", ["1_000", "inf", "nan", "1e999", "0x10", "1,5", "٣", ""])
def test_odd_numbers_are_none(text):
    assert np.isnan(read_numbers([text])[0])
