"""Drawing lots among nearly equal candidates: who can be drawn, how likely that is, and that it is logged so."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.services.dispatch.candidates import Candidate, by_merit
from assignment_engine.services.dispatch.exploration import NEVER, Exploration

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TASK = StoredTask(task_id="t", created_at=AT, updated_at=AT)
SCORES = st.lists(st.floats(0, 1).map(lambda score: round(score, 3)), min_size=1, max_size=12)


def candidates(scores: list[float]) -> list[Candidate]:
    """One for each person, the best first."""
    people = [StoredEmployee(employee_id=f"p{n}", created_at=AT, updated_at=AT) for n in range(len(scores))]
    made = [Candidate(TASK, who, score, score, 0.0, 60, ()) for who, score in zip(people, scores, strict=True)]
    return sorted(made, key=by_merit)


def who(found: list[Candidate]) -> list[str]:
    return [candidate.employee.employee_id for candidate in found]


@given(SCORES, st.text(max_size=8))
def test_by_default_nothing_is_drawn_and_no_propensity_is_made_up(scores: list[float], seed: str) -> None:
    ordered = candidates(scores)
    assert NEVER.drawn(ordered, seed) == ordered
    assert all(candidate.propensity is None for candidate in ordered)


@given(SCORES, st.floats(0.01, 0.5), st.floats(0, 0.2), st.text(max_size=8))
def test_only_who_is_nearly_the_best_can_be_drawn(scores: list[float], rate: float, nearly: float, seed: str) -> None:
    """The draw changes the order only; the chances of all who can be drawn add up to one."""
    ordered = candidates(scores)
    found = Exploration(rate, nearly).drawn(ordered, seed)
    assert sorted(who(found)) == sorted(who(ordered))
    assert found[0].score >= ordered[0].score - nearly
    chances = {c.employee.employee_id: c.propensity for c in found if c.propensity is not None}
    assert set(chances) == {c.employee.employee_id for c in ordered if c.score >= ordered[0].score - nearly}
    assert sum(chances.values()) == pytest.approx(1.0)
    assert chances[ordered[0].employee.employee_id] == max(chances.values())
    assert who(found)[1:] == [name for name in who(ordered) if name != found[0].employee.employee_id]


@given(SCORES, st.text(max_size=8))
def test_the_same_seed_draws_the_same(scores: list[float], seed: str) -> None:
    explore = Exploration(0.5, 0.1)
    assert explore.drawn(candidates(scores), seed) == explore.drawn(candidates(scores), seed)


def test_candidates_are_drawn_as_often_as_their_propensity_says() -> None:
    """Over 4,000 draws, within four standard errors."""
    ordered, draws = candidates([0.9, 0.895, 0.89, 0.5]), 4000
    explore = Exploration(0.3, 0.02)
    drawn = [explore.drawn(ordered, f"{n}")[0] for n in range(draws)]
    counts = Counter(candidate.employee.employee_id for candidate in drawn)
    chances = {c.employee.employee_id: c.propensity for c in explore.drawn(ordered, "any")}
    assert chances == {"p0": pytest.approx(0.8), "p1": pytest.approx(0.1), "p2": pytest.approx(0.1), "p3": None}
    for name, chance in chances.items():
        expected = chance or 0.0
        error = (expected * (1 - expected) / draws) ** 0.5
        assert abs(counts[name] / draws - expected) <= 4 * error
