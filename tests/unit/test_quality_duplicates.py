"""Finding and merging rows that are one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.quality import MatchOptions, QualityOptions, deduplicate
from assignment_engine.quality.comparing import normal_form
from assignment_engine.quality.duplicates import deduplicate_table
from assignment_engine.quality.filling import fill_table
from assignment_engine.quality.frames import table_of

FIRST = (
    *("Ana", "Bo", "Cy", "Dina", "Emil", "Fred", "Gina", "Hugo", "Ines", "Jan", "Kim", "Lea", "Max", "Nora"),
    *("Otto", "Pia"),
)
LAST = (
    *("Abbott", "Brandt", "Costa", "Dietrich", "Eriksen", "Fontaine", "Gruber", "Haddad", "Ivanov", "Jensen"),
    *("Kowalski", "Lindqvist", "Moreau"),
)


def people(rows: int = 120) -> pd.DataFrame:
    names = [f"{FIRST[n % 16]} {LAST[(n * 5 + n // 16) % 13]}" for n in range(rows)]
    return pd.DataFrame(
        {
            "employee_id": [f"e{n}" for n in range(rows)],
            "name": names,
            "email": [f"{name.lower().replace(' ', '.')}.{n}@example.org" for n, name in enumerate(names)],
            "department": [("sales", "support", "research", "finance")[n % 4] for n in range(rows)],
            "experience_years": [(n * 7) % 31 / 2 for n in range(rows)],
            "updated_at": [f"2026-02-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}:00" for n in range(rows)],
        }
    )


def with_copy(frame: pd.DataFrame, of: int, **changes: object) -> pd.DataFrame:
    copy = {**frame.iloc[of].to_dict(), **changes}
    return pd.concat([frame, pd.DataFrame([copy])], ignore_index=True)


def match(**fields: object) -> QualityOptions:
    return QualityOptions(match=MatchOptions(**fields))


def removed(found) -> dict[str, str]:
    return {entry.removed_id: entry.surviving_id for entry in found.mapped}


def test_a_table_without_duplicates_stays_as_it_is():
    found = deduplicate(people())
    pd.testing.assert_frame_equal(found.frame, people())
    assert (found.report.duplicates_removed, found.report.clusters, found.mapped) == (0, 0, ())


def test_an_equal_row_is_removed():
    found = deduplicate(with_copy(people(), 3))
    assert len(found.frame) == 120
    assert (found.report.exact, found.report.fuzzy) == (1, 0)
    (entry,) = found.mapped
    assert (entry.removed_line, entry.surviving_line, entry.similarity, entry.reason) == (122, 5, 1.0, "exact")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Dnia Costa"},
        {"name": "Costa, Dina"},
        {"name": "DINA  COSTA"},
        {"email": "dina.costa.3@exmaple.org"},
        {"department": None},
        {"experience_years": None},
        {"name": "Dína Costa", "department": None},
    ],
    ids=str,
)
def test_a_changed_copy_under_a_new_id_is_found(changes):
    frame = people()
    assert frame.loc[3, "name"] == "Dina Costa"
    found = deduplicate(with_copy(frame, 3, employee_id="new", **changes))
    assert removed(found) in ({"new": "e3"}, {"e3": "new"})


def test_two_people_who_share_much_are_two():
    frame = with_copy(people(), 3, employee_id="twin", name="Dina Lindqvist", email="dl@example.com")
    assert removed(deduplicate(frame)) == {}


def test_texts_with_other_numbers_are_not_merged():
    frame = people()
    frame["title"] = [f"Replace the switch in hall {n} of building {n // 10}" for n in range(120)]
    found = deduplicate(with_copy(frame, 3, employee_id="new", title="Replace the switch in hall 4 of building 0"))
    assert removed(found) == {}
    assert {(pair.first_id, pair.second_id) for pair in found.review} == {("e3", "new")}
    assert found.review[0].differing == ("title",)


def test_the_uncertain_are_listed_for_review_and_not_merged():
    frame = with_copy(people(), 3, employee_id="new", experience_years=90.0, department="legal", name="Dina Kosta")
    found = deduplicate(frame, match(threshold=0.99, review=0.5))
    assert removed(found) == {}
    assert ("e3", "new") in {(pair.first_id, pair.second_id) for pair in found.review}


def test_clusters_are_connected_components():
    """The second is like the first, the third like the second."""
    frame = with_copy(people(), 3, employee_id="b", name="Dina Kosta")
    frame = with_copy(frame, 120, employee_id="c", name="Dinah Kosta", department=None)
    found = deduplicate(frame)
    assert (found.report.clusters, found.report.largest_cluster, len(found.mapped)) == (1, 3, 2)


def test_the_most_complete_survives_and_takes_what_it_lacks():
    frame = people()
    frame.loc[3, ["department", "experience_years"]] = None
    frame = with_copy(frame, 3, employee_id="new", department="legal", experience_years=4.5, email=None)
    found = deduplicate(frame, match(threshold=0.8, review=0.6))
    assert removed(found) == {"e3": "new"}
    row = found.frame.set_index("employee_id").loc["new"]
    assert (row["department"], row["experience_years"]) == ("legal", 4.5)
    assert row["email"] == people().loc[3, "email"]
    assert found.report.merged_cells == 1


def test_of_equally_complete_rows_the_newest_survives():
    frame = with_copy(people(), 3, employee_id="new", updated_at="2026-02-27T00:00:00", name="Dina Kosta")
    found = deduplicate(frame, match(threshold=0.65, review=0.6))
    assert removed(found) == {"e3": "new"}
    assert found.report.newest_by == "updated_at"
    assert found.report.conflicts == {"name": 1, "updated_at": 1}


def test_of_equally_old_rows_the_first_survives():
    assert removed(deduplicate(with_copy(people(), 3, employee_id="new"))) == {"new": "e3"}


def test_the_same_id_is_the_same_person_if_the_rest_agrees():
    frame = with_copy(people(), 3, experience_years=29.0)
    assert deduplicate(frame).report.duplicates_removed == 1


def test_the_same_id_with_another_content_is_for_review():
    frame = people()
    other = {"name": "Somebody Else", "email": "x@y.z", "department": "legal", "experience_years": 50.0}
    found = deduplicate(with_copy(frame, 3, **other, updated_at="2020-01-01T00:00:00"))
    assert found.report.duplicates_removed == 0
    assert [(pair.first_id, pair.second_id) for pair in found.review] == [("e3", "e3")]


def test_dependencies_on_a_removed_task_move_to_its_survivor():
    tasks = pd.DataFrame(
        {
            "task_id": [f"t{n}" for n in range(60)],
            "title": [f"{FIRST[n % 16]} needs the {LAST[n % 13]} report for {FIRST[(n * 7) % 16]}" for n in range(60)],
            "category": ["report", "visit", "call"] * 20,
            "estimated_hours": [float(n % 17) + 1 for n in range(60)],
            "dependencies": [None] * 60,
        }
    )
    tasks = with_copy(tasks, 5, task_id="t5-again")
    tasks["dependencies"] = tasks["dependencies"].astype(object)
    tasks.loc[1, "dependencies"] = "t5-again;t2"
    found = deduplicate(tasks)
    assert removed(found) == {"t5-again": "t5"}
    assert found.frame.loc[1, "dependencies"] == "t5;t2"


def test_rows_of_a_log_are_not_merged_for_being_alike():
    """Several events tell of one case; they differ in time and state only."""
    frame = pd.DataFrame(
        {
            "case_id": [f"c{n // 3}" for n in range(300)],
            "state": ["new", "active", "closed"] * 100,
            "caller": [f"caller {n // 3}" for n in range(300)],
            "opened_at": [f"2026-03-{1 + (n // 3) % 28:02d}T08:00:00" for n in range(300)],
            "changed_at": [f"2026-03-{1 + (n // 3) % 28:02d}T08:{n % 3:02d}:00" for n in range(300)],
        }
    )
    assert deduplicate(frame).report.duplicates_removed == 0
    assert deduplicate(pd.concat([frame, frame.iloc[:5]])).report.duplicates_removed == 5


def test_a_table_of_few_words_gives_too_little_evidence():
    """A hundred rows of two flags must agree often; nobody may be merged for that."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"employee_id": [f"e{n}" for n in range(100)], "a": rng.integers(0, 2, 100)})
    frame["b"] = rng.integers(0, 2, 100)
    found = deduplicate(frame)
    assert (found.report.duplicates_removed, found.review) == (0, ())


def test_weights_can_be_stated():
    frame = with_copy(people(), 3, employee_id="new", email="other@example.com", updated_at="2021-01-01T00:00:00")
    assert removed(deduplicate(frame)) == {}
    weights = {"email": 0.0, "updated_at": 0.0, "name": 5.0}
    assert removed(deduplicate(frame, match(weights=weights, evidence_bits=0.0))) == {"new": "e3"}


def test_estimates_are_no_evidence_and_give_way_to_real_values():
    frame = people()
    frame = with_copy(frame, 3, employee_id="new", experience_years=None)
    table = fill_table(table_of(frame)).table
    assert table.by_name["filled_columns"].text(120) == "experience_years"
    found = deduplicate_table(table, match(newest_by="updated_at"))
    assert removed(found) == {"new": "e3"}
    frame.loc[120, "updated_at"], frame.loc[3, "department"] = "2026-02-28T23:00:00", None
    found = deduplicate_table(fill_table(table_of(frame)).table, match(threshold=0.6, review=0.5))
    assert removed(found) == {"e3": "new"}
    row = found.table.rows - 1
    assert found.table.by_name["experience_years"].text(row) == f"{people().loc[3, 'experience_years']:g}"
    assert found.table.by_name["filled_columns"].text(row) == ""


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"id_column": "gone"}, "/match/id_column"),
        ({"newest_by": "gone"}, "/match/newest_by"),
        ({"weights": {"gone": 1.0}}, "/match/weights/gone"),
        ({"threshold": 0.5, "review": 0.9}, "/match/review"),
    ],
)
def test_options_that_do_not_fit_are_refused(fields, pointer):
    with pytest.raises(InvalidInputError) as caught:
        deduplicate(people(), match(**fields))
    assert [error.pointer for error in caught.value.errors] == [pointer]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_tables(rows):
    assert len(deduplicate(people(rows)).frame) == rows


@pytest.mark.parametrize(
    ("word", "expected"),
    [("  Café-Crème!", "cafe creme"), ("ÅSE", "ase"), ("???", "???"), ("a_b", "a b"), ("東京", "東京")],
)
def test_the_normal_form_of_words(word, expected):
    assert normal_form(word) == expected
