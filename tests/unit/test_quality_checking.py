"""What a check finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assignment_engine.quality import QualityOptions, Role, check
from assignment_engine.quality.kinds import Kind, read_times, role_of

WORDS = np.array(["north", "south", "east"])


def log(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """A clean table: an id, a number, a word, a time and a yes or no."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "case_id": [f"c{seed}-{n}" for n in range(rows)],
            "hours": rng.gamma(2.0, 10.0, rows).round(1),
            "site": WORDS[rng.integers(0, 3, rows)],
            "opened_at": [f"2026-03-{1 + n % 28:02d}T{n % 24:02d}:00:00" for n in range(rows)],
            "urgent": rng.choice(["true", "false"], rows),
        }
    )


def codes(report) -> set[tuple[str, str | None]]:
    return {(issue.code, issue.column) for issue in report.issues}


def test_a_clean_file_has_no_problem_and_the_full_score():
    report = check(log(), log(seed=1))
    assert report.issues == ()
    assert report.score.total == pytest.approx(100)
    assert report.suspect_rows == 0


def test_kinds_are_told_from_the_words():
    kinds = {column.name: column.kind for column in check(log()).columns}
    assert kinds == {
        "case_id": Kind.TEXT,
        "hours": Kind.NUMBER,
        "site": Kind.CATEGORY,
        "opened_at": Kind.TIME,
        "urgent": Kind.FLAG,
    }


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("task_id", Role.IDENTIFIER),
        ("TaskNumber", Role.IDENTIFIER),
        ("assigned_to", Role.IDENTIFIER),
        ("made_sla", Role.OUTCOME),
        ("StatusCode", Role.OUTCOME),
        ("HoursActual", Role.OUTCOME),
        ("performance_rating", Role.OUTCOME),
        ("HoursEstimate", Role.VALUE),
        ("valid", Role.VALUE),
        ("number_of_calls", Role.VALUE),
    ],
)
def test_roles_are_told_from_the_names(name, role):
    assert role_of(name) is role


@pytest.mark.parametrize(
    "words", [["2026-03-01", "2026-03-02"], ["1/3/2026 00:00", "2/3/2026 00:00"], ["01-Mar-26", "02-Mar-26"]]
)
def test_times_are_read_in_the_format_of_most(words):
    first, second = read_times([*words, *["28-Feb-26" if "Mar" in words[0] else words[0]]])[:2]
    assert second - first == 86_400


def test_missing_extra_and_renamed_columns():
    file = log().rename(columns={"site": "site_name"}).drop(columns=["urgent"]).assign(colour="red")
    schema = check(file, log(seed=1)).schema_comparison
    assert set(schema.missing) == {"site", "urgent"}
    assert set(schema.extra) == {"site_name", "colour"}
    assert [(entry.reference, entry.found) for entry in schema.renamed] == [("site", "site_name")]


def test_case_and_blanks_in_names_do_not_matter():
    schema = check(log().rename(columns={"opened_at": "Opened At"}), log(seed=1)).schema_comparison
    assert (schema.missing, schema.extra) == ((), ())


def test_a_retyped_column_is_named():
    file = log()
    file["hours"] = file["hours"].astype(str) + " h"
    assert ("retyped_column", "hours") in codes(check(file, log(seed=1)))


def test_single_cells_of_another_type_are_named_with_their_lines():
    file = log()
    file["hours"] = file["hours"].astype(object)
    file.loc[[3, 40], "hours"] = ["about 5", "many"]
    report = check(file, log(seed=1))
    (issue,) = [issue for issue in report.issues if issue.code == "unreadable_value"]
    assert (issue.column, issue.count, issue.lines) == ("hours", 2, (5, 42))
    assert report.suspect_rows == 2
    assert report.score.validity < 1


def test_numbers_outside_the_range_of_the_reference():
    file = log()
    file.loc[[7, 9], "hours"] = [-1.0, 9000.0]
    (issue,) = check(file, log(seed=1)).issues
    assert (issue.code, issue.column, issue.lines) == ("out_of_range", "hours", (9, 11))


def test_words_that_the_reference_does_not_have():
    file = log()
    file.loc[5, "site"] = "nroth"
    (issue,) = check(file, log(seed=1)).issues
    assert (issue.code, issue.column, issue.lines) == ("unknown_word", "site", (7,))
    assert "nroth" in issue.detail


def test_an_id_that_comes_twice_where_it_never_did():
    file = log()
    file.loc[8, "case_id"] = file.loc[2, "case_id"]
    assert ("repeated_id", "case_id") in codes(check(file, log(seed=1)))


def test_a_row_that_comes_twice():
    file = pd.concat([log(), log().iloc[[4]]], ignore_index=True)
    report = check(file)
    (issue,) = report.issues
    assert (issue.code, issue.lines) == ("repeated_row", (602,))
    assert report.score.uniqueness == pytest.approx(600 / 601)


def test_a_column_that_became_sparse():
    file = log()
    file.loc[::5, "hours"] = None
    report = check(file, log(seed=1))
    assert codes(report) == {("sparser", "hours")}
    # completeness: four columns whole, one four fifths; the other shares are 1
    assert report.score.total == pytest.approx(100 * (0.4 * 4.8 / 5 + 0.6))


def test_a_missing_column_counts_as_empty():
    report = check(log().drop(columns=["urgent"]), log(seed=1))
    assert report.score.completeness == pytest.approx(4 / 5)


def test_a_column_that_is_sparse_in_the_reference_too_is_as_complete_as_expected():
    file, reference = log(), log(seed=1)
    file.loc[::2, "site"] = reference.loc[::2, "site"] = None
    assert check(file, reference).score.completeness == pytest.approx(1)


def test_gaps_of_a_group_are_told():
    file = log()
    north = file["site"] == "north"
    file.loc[north & (np.arange(len(file)) % 2 == 0), "hours"] = None
    gaps = check(file).group_gaps
    assert [(gap.column, gap.by, gap.group) for gap in gaps] == [("hours", "site", "north")]
    assert gaps[0].missing == pytest.approx(0.5, abs=0.06)
    assert gaps[0].missing_elsewhere == 0


def test_gaps_at_random_belong_to_no_group():
    file = log()
    file.loc[np.random.default_rng(3).random(len(file)) < 0.2, "hours"] = None
    assert check(file).group_gaps == ()


def test_drift_of_numbers_and_of_words():
    file = log()
    file["hours"] = file["hours"] * 2
    file["site"] = np.where(file["site"] == "north", "south", file["site"])
    drifted = {entry.column for entry in check(file, log(seed=1)).drift if entry.drifted}
    assert drifted == {"hours", "site"}


def test_the_index_of_drift_is_that_of_its_formula():
    """Half against a third and so on: Σ (p − q) ln(p / q)."""
    here = pd.DataFrame({"site": ["north"] * 300 + ["south"] * 300})
    there = pd.DataFrame({"site": ["north"] * 200 + ["south"] * 400})
    (entry,) = check(here, there).drift
    p, q = 1 / 2, 1 / 3
    assert entry.psi == pytest.approx((p - q) * np.log(p / q) + (1 - p - 1 + q) * np.log((1 - p) / (1 - q)), abs=1e-3)


def test_sparse_rows_are_marked():
    file = log(40)
    file.loc[3, ["hours", "site", "urgent"]] = None
    report = check(file)
    assert report.row_gaps.sparse == 1
    assert [(issue.code, issue.lines) for issue in report.issues] == [("sparse_row", (5,))]


def test_files_of_the_engine_obey_its_rules():
    file = pd.DataFrame(
        {"task_id": ["a", "b", "a"], "priority": ["high", "urgent", "low"], "complexity_score": [0.5, 0.1, 7]}
    )
    report = check(file)
    assert report.file_kind == "tasks"
    assert codes(report) == {("refused", "priority"), ("refused", "complexity_score"), ("repeated_id", "task_id")}
    assert report.suspect_rows == 2


def test_a_log_in_which_ids_repeat_is_no_file_of_tasks():
    assert check(pd.DataFrame({"task_id": ["a"] * 50 + ["b"] * 50, "label": [1, 0] * 50})).file_kind == "other"


def test_a_role_can_be_stated():
    report = check(log(), options=QualityOptions(roles={"hours": Role.OUTCOME}))
    assert {column.name: column.role for column in report.columns}["hours"] is Role.OUTCOME


def test_a_table_without_rows_or_columns():
    for empty in (log(0), pd.DataFrame()):
        report = check(empty)
        assert (report.rows, report.completeness) == (0, None)
        assert set(report.score.model_dump(exclude={"formula"}).values()) == {None}
        assert {column.completeness for column in report.columns} <= {None}
