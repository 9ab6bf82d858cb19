"""When two skills are the same, and when they are nearly the same."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.features.definition import feature_matrix
from assignment_engine.features.pairs import build_pairs
from assignment_engine.features.skills import SMALL_TABLE, SkillMatcher, read_aliases
from tests.builders import ALIASES, NOW, employee, reason_codes, task, world


def match(held, required, matcher: SkillMatcher | None = None) -> float:
    """The feature skill_match of one person who holds, and one task that requires."""
    matcher = matcher or SkillMatcher(ALIASES)
    pairs = build_pairs([task(required_skills=required)], [employee(skills=held)], NOW, matcher=matcher)
    row = np.array([0])
    return float(feature_matrix(pairs, pairs.initial, row, row, names=["skill_match"])[0, 0])


@pytest.mark.parametrize(
    ("held", "required"), [("k8s", "kubernetes"), ("kubernetes", "k8s"), ("kube", "k8s"), ("K8S", "Kube")]
)
def test_aliases_hold_in_both_directions(held, required):
    assert match([held], [required]) == 1.0
    assert world(task(minimum_levels=[required]), employee(skills=[held])).plan().unassigned == ()


def test_of_two_names_for_one_skill_the_higher_level_counts():
    assert match({"k8s": 0.3, "kubernetes": 0.6}, {"kube": 0.6}) == 1.0
    assert match({"k8s": 0.3}, {"kube": 0.6, "kubernetes": 0.2}) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("held", "required", "expected"),
    [
        ({"python": 0.4}, {"python": 0.8}, 0.5),
        ({"python": 1.0}, {"python": 0.5}, 1.0),
        ({"python": 1.0}, {"python": 1.0, "sql": 1.0}, 0.5),
        ({"python": 0.2, "sql": 0.5}, {"python": 0.8, "sql": 0.5}, 0.625),
        ({}, {"python": 1.0}, 0.0),
        ({}, {}, 1.0),
        (None, {}, 1.0),
    ],
)
def test_skill_match_is_the_mean_share_of_the_levels(held, required, expected):
    assert match(held, required) == pytest.approx(expected)


@pytest.mark.parametrize(("held", "required"), [(None, ["python"]), (["python"], None), (None, None)])
def test_what_is_not_known_is_not_a_number(held, required):
    assert np.isnan(match(held, required))


@pytest.mark.parametrize(
    ("held", "required"),
    [
        ("java", "javascript"),
        ("javascript", "java"),
        ("ruby", "rubys on"),
        ("ui", "gui"),
        ("c++", "c#"),
        ("go lang development", "go lang developments"),
        ("sap administration", "sas administration"),
        ("network administration", "database administration"),
    ],
)
def test_unlike_or_short_words_are_never_similar(held, required):
    """Tokens of under four letters are compared as they are, however long the rest is."""
    assert match([held], [required]) == 0.0


def test_similar_words_count_by_their_similarity():
    similar = match(["network administrator"], ["network administrators"])
    assert 0.8 <= similar < 1.0
    assert match({"network administrator": 0.5}, ["network administrators"]) == pytest.approx(0.5 * similar)


def test_who_else_is_there_does_not_change_a_similarity():
    """Somebody who holds the very skill takes nothing from somebody who holds a similar one."""
    exact, near = employee("bo", skills=["network administrators"]), employee("ana", skills=["network administrator"])
    work = task(required_skills=["network administrators"])
    pairs = build_pairs([work], [exact, near], NOW, matcher=SkillMatcher(ALIASES))
    both = feature_matrix(pairs, pairs.initial, np.array([0, 0]), np.array([0, 1]), names=["skill_match"])
    assert both[1, 0] == match(["network administrator"], ["network administrators"]) > 0.8


def test_similarity_never_opens_a_hard_door():
    near = employee(skills=["network administrator"])
    assert reason_codes(world(task(minimum_levels=["network administrators"]), near).plan(), "t1") == {"minimum_level"}
    strict = world(task(), near).with_constraints(minimum_levels=["network administrators"])
    assert reason_codes(strict.plan(), "t1") == {"minimum_level"}


@pytest.mark.parametrize(("one", "other"), [("k8s", "kubernetes"), ("js", "javascript"), ("postgres", "PostgreSQL")])
def test_shipped_aliases(one, other):
    assert SkillMatcher().canonical(one) == SkillMatcher().canonical(other)


def test_java_is_no_alias_of_javascript():
    assert SkillMatcher().canonical("java") != SkillMatcher().canonical("javascript")


@pytest.mark.parametrize(
    "line", ['postgres = ["pg"]', 'pg = ["postgres"]', 'postgresql = ["pg"]', 'pg = ["PostgreSQL"]']
)
def test_a_file_of_aliases_extends_the_shipped_ones(tmp_path, line):
    """Also where it names a skill by one of its aliases, and whichever side that stands on."""
    path = tmp_path / "aliases.toml"
    path.write_text(f'{line}\n"own skill" = ["os"]\n', "utf-8")
    matcher = SkillMatcher(read_aliases(path))
    assert len({matcher.canonical(name) for name in ("pg", "postgres", "psql", "postgresql")}) == 1
    assert matcher.canonical("OS") == "own skill"
    assert matcher.canonical("k8s") == "kubernetes"


@pytest.mark.parametrize("text", ["not toml", "python = 3", 'python = "py"', "python = [3]"])
def test_a_bad_file_of_aliases_is_named(tmp_path, text):
    path = tmp_path / "aliases.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match="aliases"):
        read_aliases(path)


def test_a_missing_file_of_aliases_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_aliases(tmp_path / "nowhere.toml")


def test_tables_of_any_size_hold_the_same_numbers():
    """A person's score does not depend on how many others are scored with them."""
    parts = ("network", "database", "security", "storage", "payment", "printer", "sap", "go")
    names = [f"{one} {other}{end}" for one in parts for other in parts for end in ("", "s", " support")]
    matcher = SkillMatcher()
    whole = matcher.similarity(names, names)
    assert len(names) ** 2 > 10 * SMALL_TABLE
    rows = [matcher.similarity([name], names) for name in names]
    np.testing.assert_array_equal(whole, np.vstack(rows))
    assert ((whole > 0) & (whole < 1)).any()
    assert matcher.similarity([], names).shape == (0, len(names))
    assert matcher.similarity(names, []).shape == (len(names), 0)
