"""What the rules of triage read out of tickets, and what they leave alone."""

from __future__ import annotations

import pytest

from assignment_engine.domain.conversations import TicketFinding, TriagedField
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.triage.rules import CategoryReader, ComplexityReader, HoursReader
from assignment_engine.services.triage.skills import SkillReader
from assignment_engine.services.triage.tickets import BestOf, Ticket, Vocabulary, surest

SKILLS = frozenset({"Python", "k8s", "C", "C++", "c#", "golang", "access", "machine learning", "IT", "node.js", "SQL"})


def skills_in(text: str, skills: frozenset[str] = SKILLS) -> set[str]:
    (findings,) = SkillReader(Vocabulary(skills), SkillMatcher()).read([Ticket("t", description=text)])
    return set(findings[0].value) if findings else set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The python job and the SQL report", {"python", "sql"}),
        ("PYTHON", {"python"}),
        ("k8s pods restart", {"kubernetes"}),
        ("Kubernetes pods restart", {"kubernetes"}),
        ("a machine-learning model", {"machine learning"}),
        ("Rewrite it in C++ please", {"c++"}),
        ("Rewrite it in C# please", {"c#"}),
        ("Rewrite it in C please", {"c"}),
        ("The csharp client", {"c#"}),
        ("nodejs and node.js", {"node.js"}),
        ("Runs on python.", {"python"}),
        ("The Go service crashes", set()),
        ("Please go to the office", set()),
        ("It does not work", set()),
        ("The c drive", set()),
        ("pythonic", set()),
        ("write to help@python.org or see https://python.org/sql", set()),
        ("not a python problem", set()),
        ("This is no python thing. SQL is", {"sql"}),
        ("", set()),
    ],
)
def test_skills(text: str, expected: set[str]) -> None:
    """Names and aliases as whole words; little words, other words' parts, links and denials are none."""
    assert skills_in(text) == expected


def test_a_skill_that_nobody_has_is_not_found() -> None:
    assert skills_in("python and cobol", frozenset({"cobol"})) == {"cobol"}


def test_skills_carry_level_one_their_words_and_a_confidence() -> None:
    (findings,) = SkillReader(Vocabulary(SKILLS), SkillMatcher()).read([Ticket("t", "K8S access", "Python", ("SQL",))])
    (finding,) = findings
    assert finding.value == {"access": 1.0, "kubernetes": 1.0, "python": 1.0, "sql": 1.0}
    assert finding.words == ("access", "K8S", "Python", "SQL")
    assert finding.confidence == 0.6  # of the least sure: access is an ordinary word


def test_learned_phrases_have_the_confidence_they_were_learned_with() -> None:
    vocabulary = Vocabulary(frozenset({"sql"}), phrases={"slow report": ("sql", 0.8), "boiler": ("heating", 0.9)})
    (findings,) = SkillReader(vocabulary, SkillMatcher()).read([Ticket("t", "The slow report, and the boiler")])
    assert [(f.value, f.confidence, f.words) for f in findings] == [({"sql": 1.0}, 0.8, ("slow report",))]


def test_a_skill_that_is_named_wins_over_phrases_and_the_surest_phrase_over_others() -> None:
    phrases = {"slow report": ("sql", 0.8), "pod": ("kubernetes", 0.7)}
    reader = SkillReader(Vocabulary(frozenset({"sql", "k8s", "python"}), phrases=phrases), SkillMatcher())
    named, pointed = reader.read([Ticket("a", "Slow report in python"), Ticket("b", "The pod of the slow report")])
    assert [f.value for f in named] == [{"python": 1.0}]
    assert [(f.value, f.confidence) for f in pointed] == [({"sql": 1.0}, 0.8)]


def test_aliases_of_the_organisation_count() -> None:
    matcher = SkillMatcher({"heating": ["boiler repair"]})
    (findings,) = SkillReader(Vocabulary(frozenset({"heating"})), matcher).read([Ticket("t", "Boiler repair, room 5")])
    assert [f.value for f in findings] == [{"heating": 1.0}]


def category_of(text: str, *known: str) -> tuple[str, float] | None:
    (findings,) = CategoryReader(Vocabulary(categories=frozenset(known))).read([Ticket("t", text)])
    return (findings[0].value, findings[0].confidence) if findings else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The app crashes with an error", ("bug", 0.667)),
        ("I forgot my password", ("access", 0.5)),
        ("The app crashes, and I forgot my password", None),
        ("The app crashes with an exception after the password change", ("bug", 0.444)),
        ("Hello", None),
    ],
)
def test_category_by_words(text: str, expected: tuple[str, float] | None) -> None:
    """m of n words for one category give (m / n) · m / (m + 1); equal numbers are no answer."""
    assert category_of(text) == expected


def test_a_category_of_the_organisation_that_is_named_wins_and_keeps_its_spelling() -> None:
    assert category_of("Plumbing: the tap crashes", "Plumbing", "Electrics") == ("Plumbing", 0.7)
    assert category_of("It crashes with an error", "Bug") == ("Bug", 0.667)
    assert category_of("Plumbing or electrics?", "Plumbing", "Electrics") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fix a typo", (0.05, 0.5)),
        ("Migrate and rewrite the export", (0.75, 0.667)),
        ("Fix the export", None),
    ],
)
def test_complexity(text: str, expected: tuple[float, float] | None) -> None:
    """The mean of what the words stand for; n of them give the confidence n / (n + 1)."""
    (findings,) = ComplexityReader().read([Ticket("t", text)])
    assert ((findings[0].value, findings[0].confidence) if findings else None) == expected


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Estimate: 3.5h", 3.5),
        ("estimated effort is about 2 hours", 2.0),
        ("This should take 30 minutes", 0.5),
        ("It takes 1-2 hours", 1.5),
        ("2 days of work", 16.0),
        ("needs half a day", 4.0),
        ("Effort 2,5 h", 2.5),
        ("The server was down for 2 hours", None),
        ("Please answer within 24 hours", None),
        ("Opening hours are 9 to 5", None),
        ("needs 2 days notice", None),
        ("Estimate: 0 h", None),
        ("Fix it", None),
    ],
)
def test_hours(text: str, hours: float | None) -> None:
    """Only a stated effort is an estimate; how long something lasts or waits is none."""
    (findings,) = HoursReader().read([Ticket("t", text)])
    assert [f.value for f in findings] == ([] if hours is None else [hours])


def test_the_latest_estimate_counts() -> None:
    ticket = Ticket("t", "Export", "Estimate: 2h", ("Rather an effort of 5 hours", "Thanks"))
    assert [f.value for f in HoursReader().read([ticket])[0]] == [5.0]


def test_the_surest_finding_of_each_field_counts() -> None:
    def finding(value: str, confidence: float) -> TicketFinding:
        return TicketFinding(field=TriagedField.CATEGORY, value=value, confidence=confidence, source="test")

    assert [f.value for f in surest([finding("a", 0.5), finding("b", 0.9), finding("c", 0.9)])] == ["b"]
    readers = BestOf((CategoryReader(Vocabulary()), HoursReader()))
    (found,) = readers.read([Ticket("t", "The printer takes 2 hours of work")])
    assert {f.field for f in found} == {"category", "estimated_hours"}


def test_a_title_taken_from_the_description_is_not_read_twice() -> None:
    assert Ticket("t", "It crash", "It crashes").texts == ("It crashes",)
    assert Ticket("t", "Other", "It crashes").texts == ("Other", "It crashes")
