"""Triage models as they are kept, judged on later tasks, promoted and taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from assignment_engine.domain.errors import BundleError, InvalidInputError, PromotionRefusedError, TrainingError
from assignment_engine.learning.finished import Finished, read_finished
from assignment_engine.learning.keeping import keep, kept
from assignment_engine.learning.seats import Seat, SeatChange
from assignment_engine.learning.triage_bundle import KIND, TriageBundle, load_triage, train_triage_bundle
from assignment_engine.learning.triage_promotion import judge_triage, listed_triage, promote_triage, rollback_triage
from tests.worded import finished

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TASKS = finished(480, 1)


@pytest.fixture(scope="module")
def bundle() -> TriageBundle:
    """One field is noise: it is not read better than its median, and therefore not at all."""
    noise = np.random.default_rng(3).random(len(TASKS))
    return train_triage_bundle(replace(TASKS, complexity=noise), "words", data="a test", created_at=NOW)


@pytest.fixture
def models(bundle: TriageBundle, tmp_path: Path) -> Path:
    """The whole bundle, and one that reads hours alone."""
    bundle.save(tmp_path / "words")
    part = bundle.manifest.model_copy(update={"version": "hours", "fields": ("hours",)})
    TriageBundle(part, bundle.model.only(["hours"])).save(tmp_path / "hours")
    return tmp_path


def test_a_field_that_words_do_not_tell_is_measured_and_not_served(bundle: TriageBundle) -> None:
    assert bundle.manifest.fields == ("category", "hours")
    assert not bundle.manifest.measured["complexity"].convinces
    category = bundle.manifest.measured["category"]
    assert (category.loss < 0.05, 0.5 < category.usual < 0.8) == (True, True)
    assert (category.right_where_sure or 0.0) > 0.95
    assert bundle.manifest.usual.category in set(TASKS.category)


def test_it_learns_from_older_tasks_and_is_measured_on_later_ones(bundle: TriageBundle) -> None:
    seen, later = TASKS.split()
    assert bundle.manifest.training.rows == len(seen) < 0.76 * len(TASKS)
    assert seen.known_at.max() <= later.created_at.min()
    assert bundle.manifest.measured["hours"].tasks == len(later)


def test_words_that_tell_nothing_make_no_model() -> None:
    rng = np.random.default_rng(4)
    texts, nothing = [TASKS.texts[i] for i in rng.permutation(len(TASKS))], np.full(len(TASKS), np.nan)
    shuffled = replace(TASKS, texts=texts, category=[None] * len(TASKS), complexity=nothing)
    with pytest.raises(TrainingError, match="no field is read better"):
        train_triage_bundle(shuffled, "words", data="a test")


def test_a_saved_bundle_is_the_same(bundle: TriageBundle, models: Path) -> None:
    loaded = load_triage(models / "words")
    assert loaded.manifest == bundle.manifest
    assert loaded.model.guess(TASKS.texts[:20]) == bundle.model.guess(TASKS.texts[:20])


@pytest.mark.parametrize("name", ["words.txt", "hours.txt", "manifest.json"])
def test_a_changed_file_is_refused(models: Path, name: str) -> None:
    path = models / "words" / name
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(BundleError):
        load_triage(models / "words")


def test_parts_that_do_not_fit_together_never_reach_lightgbm(models: Path) -> None:
    """The hashes are right, the content is not: trees of another field, a word too many, a number that is none."""
    content, texts = kept(models / "words", KIND)
    about, words = {"about": content["about"]}, json.loads(texts["words"])
    longer = {**words, "terms": [*words["terms"], "more"], "idf": [*words["idf"], 1.0]}
    broken = json.loads(texts["words"])
    broken["readers"]["hours"]["trust"][0] = None
    wrong = (
        {**texts, "category": texts["hours"]},
        {**texts, "words": json.dumps(longer)},
        {**texts, "words": "[]"},
        {**texts, "words": json.dumps(broken)},
        {name: text for name, text in texts.items() if name != "hours"},
    )
    for number, changed in enumerate(wrong):
        keep(models / f"wrong{number}", KIND, about, changed)
        with pytest.raises(BundleError):
            load_triage(models / f"wrong{number}")


def test_a_model_is_promoted_on_evidence_and_taken_back(models: Path) -> None:
    """The first one against what is usual; one that reads less does not replace one that reads more, but by force."""
    seat = Seat(models, KIND)
    with pytest.raises(PromotionRefusedError, match="fewer than 50"):
        promote_triage(models, "words", finished=None, now=NOW)
    first = promote_triage(models, "hours", finished=TASKS, now=NOW)
    better = promote_triage(models, "words", finished=TASKS, now=NOW)
    assert [gain.against for gain in first.evidence] == ["what is usual"]
    assert [gain.against for gain in better.evidence] == ["what is usual", "hours"]
    with pytest.raises(PromotionRefusedError, match="category is read better than by words by -"):
        promote_triage(models, "hours", finished=TASKS, now=NOW)
    assert seat.holder() == "words"
    with pytest.raises(InvalidInputError):
        promote_triage(models, "hours", finished=None, now=NOW, force=True)
    promote_triage(models, "hours", finished=None, now=NOW, force=True, reason="a trial")
    assert rollback_triage(models, now=NOW).bundle == seat.holder() == "words"
    assert [(c.action, c.bundle, c.forced) for c in seat.changes()] == [
        *(("promote", "hours", False), ("promote", "words", False), ("promote", "hours", True)),
        ("rollback", "words", False),
    ]


def change(bundle: str, previous: str | None) -> SeatChange:
    return SeatChange(at=NOW, kind=KIND, action="promote", bundle=bundle, previous=previous)


def test_who_was_overtaken_changes_nothing(tmp_path: Path) -> None:
    """Two processes judged their challengers against the same champion; the second one judged the wrong one."""
    seat = Seat(tmp_path, KIND)
    seat.give(change("one", None))
    with pytest.raises(BundleError, match="meanwhile"):
        seat.give(change("two", None))
    assert seat.holder() == "one"


def test_a_line_that_was_not_written_any_more_is_still_on_record(tmp_path: Path) -> None:
    seat = Seat(tmp_path, KIND)
    seat.give(change("one", None))
    first = seat.record.read_bytes()
    seat.give(change("two", "one"))
    seat.record.write_bytes(first + b'{"at": "2026')  # the process ended after the switch, in the middle of the line
    assert [c.bundle for c in seat.changes()] == ["one", "two"]
    assert seat.before() == "one"
    seat.give(change("three", "two"))
    assert [c.bundle for c in seat.changes()] == ["one", "two", "three"]


def test_the_list_names_the_champion_and_what_cannot_be_used(models: Path) -> None:
    Seat(models, KIND).give(change("hours", None))
    (models / "words" / "hours.txt").write_text("tree\n")
    entries = {entry.bundle: entry for entry in listed_triage(models)}
    assert entries["hours"].champion
    assert entries["hours"].manifest is not None
    assert "sha256" in str(entries["words"].problem)


def test_a_judgement_is_of_tasks_that_were_not_learned_from(bundle: TriageBundle) -> None:
    found = judge_triage(bundle, TASKS, champion=bundle)
    assert found.tasks == len(TASKS.split()[1])
    assert {gain.gain for gain in found.against_champion} == {0.0}
    assert judge_triage(bundle, finished(0, 1)).worth == {}


def frame() -> pd.DataFrame:
    times = pd.to_datetime(TASKS.created_at, utc=True)
    return pd.DataFrame(
        {
            "text": TASKS.texts,
            "category": TASKS.category,
            "hours": TASKS.hours,
            "created_at": times,
            "completed_at": times + pd.Timedelta(hours=2),
        }
    )


def test_finished_tasks_are_read_from_frames_and_files(tmp_path: Path) -> None:
    """In the order in which they came; those without words are left out."""
    rows = frame().assign(text=lambda f: f["text"].where(f.index != 5))[::-1]
    rows.to_csv(tmp_path / "tasks.csv", index=False)
    for found in (read_finished(rows), read_finished(tmp_path / "tasks.csv")):
        assert isinstance(found, Finished)
        assert len(found) == len(TASKS) - 1
        assert found.texts[:5] == TASKS.texts[:5]
        assert np.array_equal(found.created_at[:5], TASKS.created_at[:5])
        assert np.allclose(found.hours[:5], TASKS.hours[:5])
        assert np.isnan(found.complexity).all()


@pytest.mark.parametrize(
    ("column", "value"), [("hours", "x"), ("hours", -1), ("completed_at", "soon"), ("complexity_score", 2)]
)
def test_values_that_are_none_of_their_column_are_named(column: str, value: object) -> None:
    rows = frame().assign(**{column: pd.Series([value] * len(TASKS))})
    with pytest.raises(InvalidInputError, match=column):
        read_finished(rows)
