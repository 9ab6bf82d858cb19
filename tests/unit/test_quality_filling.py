"""Filling gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.quality import FillMethod, FillOptions, QualityOptions, Role, clean
from assignment_engine.quality.estimates import Target, by_group, by_iteration, by_trees, by_typical
from assignment_engine.quality.filling import fill_table
from assignment_engine.quality.frames import table_of
from assignment_engine.quality.kinds import typed


def staff(rows: int = 300) -> pd.DataFrame:
    """Hours follow the site, and pay follows hours; every fifth of both is missing."""
    rng = np.random.default_rng(0)
    site = rng.choice(["north", "south", "east"], rows)
    hours = np.select([site == "north", site == "south"], [10.0, 20.0], 40.0) + rng.integers(0, 3, rows)
    frame = pd.DataFrame(
        {
            "employee_id": [f"e{n}" for n in range(rows)],
            "site": site,
            "hours": hours,
            "pay": hours * 3.5,
            "status": rng.choice(["active", "left"], rows),
            "started_at": pd.Timestamp("2026-01-01"),
            "notes": [f"note number {n}" for n in range(rows)],
        }
    )
    for start, name in enumerate(("hours", "pay", "status", "started_at", "notes", "employee_id")):
        frame.loc[frame.index[start::6], name] = None
    return frame


def options(**fill: object) -> QualityOptions:
    return QualityOptions(fill=FillOptions(**fill))


def test_identifiers_outcomes_dates_and_texts_are_left_alone():
    frame = staff()
    cleaned = clean(frame)
    for name in ("employee_id", "status", "started_at", "notes"):
        pd.testing.assert_series_equal(cleaned.frame[name], frame[name])
        assert not cleaned.filled[name].any()
    left = {entry.column: entry.note for entry in cleaned.columns if entry.method is FillMethod.LEAVE}
    assert left.keys() == {"employee_id", "status", "started_at", "notes"}
    assert "identifier" in left["employee_id"]


def test_values_are_filled_and_every_filled_cell_is_marked():
    frame = staff()
    cleaned = clean(frame)
    assert cleaned.frame[["hours", "pay"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(cleaned.filled[["hours", "pay"]], frame[["hours", "pay"]].isna())
    known = frame["hours"].notna()
    pd.testing.assert_series_equal(cleaned.frame.loc[known, "hours"], frame.loc[known, "hours"])


def test_auto_takes_what_restores_hidden_cells_best_and_tells_the_errors():
    """Pay is hours times 3.5, the median knows nothing of that."""
    cleaned = clean(staff())
    pay = next(entry for entry in cleaned.columns if entry.column == "pay")
    errors = {entry.method: entry.error for entry in pay.measured}
    assert errors[FillMethod.MEDIAN] == pytest.approx(1, abs=0.35)
    assert pay.method in (FillMethod.GROUP, FillMethod.TREES, FillMethod.ITERATIVE)
    assert errors[pay.method] == min(errors.values()) < 0.2


def test_words_that_nothing_foretells_stay_missing():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"colour": rng.choice(list("abcdefgh"), 400), "x": rng.random(400).round(3)})
    frame.loc[::5, "colour"] = None
    cleaned = clean(frame)
    assert cleaned.frame["colour"].isna().sum() == 80
    (entry,) = cleaned.columns
    assert entry.method is FillMethod.LEAVE
    assert "honest" in entry.note


def test_a_column_that_is_hardly_there_stays_so():
    frame = staff()
    frame["bonus"] = [1.0, 2.0, 3.0] * 10 + [None] * 270
    entry = next(entry for entry in clean(frame).columns if entry.column == "bonus")
    assert (entry.method, entry.filled) == (FillMethod.LEAVE, 0)


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ({"methods": {"pay": "median"}}, 2.0),
        ({"methods": {"pay": "mode"}}, 1.0),
        ({"methods": {"pay": "leave"}}, None),
        ({"constants": {"pay": 7}}, 7.0),
    ],
)
def test_stated_methods(fill, expected):
    """Of 1, 1, 2, 4 and 9 the median is 2 and the most frequent is 1."""
    frame = pd.DataFrame({"pay": [1.0, 1.0, 2.0, 4.0, 9.0, None]})
    filled = clean(frame, options=options(**fill)).frame["pay"].iloc[5]
    assert pd.isna(filled) if expected is None else filled == expected


def test_a_stated_column_is_filled_whatever_its_role():
    cleaned = clean(staff(), options=options(constants={"status": "unknown"}))
    assert (cleaned.frame["status"] == "unknown").sum() == 50
    assert cleaned.filled["status"].sum() == 50


def test_dates_are_filled_when_told():
    frame = pd.DataFrame({"started_at": pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-03", None])})
    filled = clean(frame, options=options(methods={"started_at": "median"})).frame
    assert filled["started_at"].iloc[3] == pd.Timestamp("2026-01-03")
    assert filled["started_at"].dtype == frame["started_at"].dtype


def test_a_group_fills_with_its_own_median():
    frame = pd.DataFrame({"site": ["n"] * 4 + ["s"] * 4, "hours": [1.0, 2.0, 3.0, None, 11.0, 12.0, 13.0, None]})
    filled = clean(frame, options=options(methods={"hours": "group"}, groups=("site",))).frame
    assert filled["hours"].tolist() == [1, 2, 3, 2, 11, 12, 13, 12]


def test_a_small_group_takes_the_median_of_all():
    frame = pd.DataFrame({"site": ["n"] * 5 + ["s"] * 2, "hours": [1.0, 2.0, 3.0, 3.0, 5.0, 90.0, None]})
    filled = clean(frame, options=options(methods={"hours": "group"}, groups=("site",))).frame
    assert filled["hours"].iloc[6] == 3


def test_whole_numbers_stay_whole_and_within_their_range():
    frame = staff()
    frame["calls"] = np.where(np.arange(300) % 6 == 2, np.nan, (frame.index.to_numpy() * 7) % 11)
    filled = clean(frame, options=options(methods={"calls": "iterative"})).frame["calls"]
    assert (filled == filled.round()).all()
    assert filled.between(0, 10).all()


@pytest.mark.parametrize(
    ("fill", "pointer"),
    [
        ({"methods": {"gone": "mode"}}, "/fill/methods/gone"),
        ({"constants": {"gone": 1}}, "/fill/constants/gone"),
        ({"groups": ("gone",)}, "/fill/groups/0"),
        ({"methods": {"site": "median"}}, "/fill/methods/site"),
        ({"methods": {"site": "constant"}}, "/fill/constants/site"),
    ],
)
def test_options_that_do_not_fit_are_refused(fill, pointer):
    with pytest.raises(InvalidInputError) as caught:
        clean(staff(), options=options(**fill))
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_the_outcome_is_never_looked_at():
    """A column that equals the outcome cannot be restored from it."""
    rng = np.random.default_rng(2)
    secret = rng.choice(["a", "b", "c", "d"], 600)
    frame = pd.DataFrame({"kind": secret, "result": secret})
    frame.loc[::4, "kind"] = None
    (entry,) = clean(frame).columns
    assert min(error.error for error in entry.measured) > 0.5


@pytest.mark.parametrize("make", [by_typical, None, by_iteration, by_trees])
def test_estimates_do_not_look_at_the_cells_to_fill(make):
    """Changing a hidden cell changes no estimate."""
    table = table_of(staff())
    other = table_of(staff().assign(pay=lambda f: f["pay"].where(f.index % 2 == 1, -5.0)))
    known, hidden = np.arange(1, 300, 2), np.arange(0, 300, 2)
    results = []
    for columns in (typed(table), typed(other)):
        by_name = {column.name: column for column in columns}
        target = Target(by_name["pay"], columns, 0)
        rest = known[target.column.of.present[known]]
        if make is None:
            estimate = by_group(target, by_name["site"])
        else:
            estimate = make(target) if make is by_typical else make(target, [by_name["site"], by_name["hours"]])
        results.append(estimate(rest, hidden))
    np.testing.assert_array_equal(*results)


def test_filling_again_keeps_the_marks():
    table = table_of(staff())
    once = fill_table(table, options(methods={"pay": "median"}, default="leave")).table
    twice = fill_table(once, options(methods={"hours": "median"}, default="leave")).table
    marks = {word for column in twice.columns if column.name == "filled_columns" for word in column.words}
    assert marks == {"hours", "pay"}
    assert "filled_columns" not in {entry.column for entry in fill_table(once).columns}


def test_a_role_can_be_stated():
    cleaned = clean(staff(), options=QualityOptions(roles={"pay": Role.IDENTIFIER}))
    assert not cleaned.filled["pay"].any()
