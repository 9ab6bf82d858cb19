"""What a caller can choose: limits of reading, how gaps are filled, how duplicates are found."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from assignment_engine.domain.records import Record
from assignment_engine.domain.types import Flag, Line, NonNegative, Number, Share, Units

MISSING_WORDS = frozenset({"", "?", "-", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "nil", "missing", "<na>"})


class ReadLimits(Record):
    """Bounds within which a file is read, so that no file can exhaust the machine.

    Lines longer than `line_bytes` are dropped and reported. A row whose quotes stay open for more than `row_lines`
    lines is taken for one with an unclosed quote. The other bounds refuse the file.
    """

    file_bytes: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000_000)] = 1_000_000_000
    line_bytes: Units = 1_000_000
    row_lines: Units = 1_000
    rows: Units = 5_000_000
    columns: Units = 1_000
    cells: Units = 200_000_000


class Role(StrEnum):
    """What a column is for; decides whether it is filled and how it is compared."""

    IDENTIFIER = "identifier"
    OUTCOME = "outcome"
    VALUE = "value"


class FillMethod(StrEnum):
    """How the gaps of a column are filled.

    `auto` hides known cells, measures each method on them and takes the best, or `leave` if none is good enough.
    """

    LEAVE = "leave"
    CONSTANT = "constant"
    MEDIAN = "median"
    MODE = "mode"
    GROUP = "group"
    ITERATIVE = "iterative"
    TREES = "trees"
    AUTO = "auto"


class FillOptions(Record):
    """Which columns are filled how.

    A column named in `methods` or `constants` is filled whatever its role; others follow `default`, and identifiers,
    outcomes, dates and free text are left alone. `groups` are the columns that `group` may use (by default any with
    few values). `auto` leaves a column alone of which less than `least_present` is there, and a column of words of
    which no method restores the share `least_accuracy`.
    """

    default: FillMethod = FillMethod.AUTO
    methods: dict[Line, FillMethod] = Field(default_factory=dict)
    constants: dict[Line, str | Number] = Field(default_factory=dict)
    groups: tuple[Line, ...] | None = None
    least_accuracy: Share = 0.5
    least_present: Share = 0.2
    seed: int = 0


class MatchOptions(Record):
    """When two rows are one.

    A pair with a similarity of at least `threshold` is a duplicate, one of at least `review` is put on the list for
    review. `weights` replaces the weights that follow from how telling each column is; a column of weight 0 is not
    compared. `evidence_bits` is by how many bits the agreement must be less likely than chance among all pairs.
    """

    threshold: Share = 0.9
    review: Share = 0.78
    weights: dict[Line, NonNegative] | None = None
    id_column: Line | None = None
    newest_by: Line | None = None
    window: Annotated[int, Field(ge=1, le=100)] = 6
    evidence_bits: NonNegative = 5.0


class QualityOptions(Record):
    """All choices of one check. `roles` states what a column is for where its name does not say it.

    `missing` are the words that stand for no value, compared without case. With `escape_formulas`, cells that a
    spreadsheet would run as a formula get an apostrophe in front when they are written.
    """

    limits: ReadLimits = ReadLimits()
    fill: FillOptions = FillOptions()
    match: MatchOptions = MatchOptions()
    roles: dict[Line, Role] = Field(default_factory=dict)
    missing: frozenset[str] = MISSING_WORDS
    sparse_row: Share = Field(0.5, description="a row with a smaller share of present cells is sparse")
    escape_formulas: Flag = True
