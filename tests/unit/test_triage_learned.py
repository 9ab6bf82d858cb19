"""Phrases learned from tickets: which are taken, and the file they are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.services.triage.learned import learn_phrases, phrases_in, phrases_text, read_phrases

TEXTS = ["the boiler leaks"] * 9 + ["the tap drips"] * 5 + ["the boiler drips"]
SKILLS = ["Heating"] * 9 + ["Plumbing"] * 6


def test_phrases_that_point_to_one_skill_are_learned() -> None:
    """`leaks`: 9 of 9 tickets, with one of doubt 9/10; `boiler`: 9 of 10, 9/11; `the` points nowhere."""
    learned = learn_phrases(TEXTS, SKILLS, share=0.8, tickets=5)
    assert learned["leaks"] == ("heating", 0.9)
    assert learned["boiler"] == ("heating", 0.818)
    assert learned["tap"] == ("plumbing", 0.833)
    assert "the" not in learned
    assert "boiler leaks" not in learned  # says no more than `leaks`


def test_rare_phrases_are_not_learned() -> None:
    assert learn_phrases(["odd word"] * 4, ["a"] * 4, tickets=5) == {}


def test_phrases_do_not_run_over_numbers_and_sentences() -> None:
    assert phrases_in("Daily check 7. Release v2 now", 2) == {
        *("daily", "check", "daily check", "release", "v", "release v", "now"),
    }


def test_the_file_holds_what_was_learned(tmp_path: Path) -> None:
    learned = learn_phrases(TEXTS, SKILLS)
    path = tmp_path / "phrases.toml"
    path.write_text(phrases_text(learned))
    assert read_phrases(path) == learned


@pytest.mark.parametrize("text", ["[a", 'a = "b"', "[a]\nb = 2.0", '[a]\nb = "x"', "[a]\nb = true"])
def test_files_of_another_kind_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "phrases.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        read_phrases(path)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_phrases(tmp_path / "none.toml")
