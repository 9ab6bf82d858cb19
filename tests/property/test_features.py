"""The array features are the features of the table, for every pair of every organisation."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assignment_engine.domain.records import Priors
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.features.pairs import Pairs, build_pairs
from assignment_engine.features.skills import SkillMatcher
from tests.builders import World
from tests.property.strategies import worlds
from tests.reference.allocators import Counters, everyone
from tests.reference.features import NAMES, features


def build(world: World, priors: Priors | None = None) -> Pairs:
    return build_pairs(
        world.tasks,
        world.employees,
        world.now,
        matcher=SkillMatcher(world.aliases),
        priors=priors or world.priors,
        completed=world.completed,
    )


def every_pair(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    n, m = pairs.shape
    return np.repeat(np.arange(n), m), np.tile(np.arange(m), n)


def matrix(pairs: Pairs) -> np.ndarray:
    return feature_matrix(pairs, pairs.initial, *every_pair(pairs))


def expected(world: World, people=None) -> np.ndarray:
    rows = [
        list(features(e, t, world.now, everyone=everyone(world), done=world.done, aliases=world.aliases).values())
        for t in world.tasks
        for e in people or world.employees
    ]
    return np.array(rows).reshape(-1, len(NAMES))


def test_the_order_is_that_of_the_table():
    assert FEATURE_NAMES == NAMES


@given(worlds())
def test_features_equal_the_scalar_reference(world):
    """Missing values included: NaN stands exactly where the table says *not known*."""
    np.testing.assert_allclose(matrix(build(world)), expected(world), rtol=1e-12, atol=1e-12)


@given(worlds())
def test_a_pair_alone_has_the_features_it_has_among_others(world):
    """What else is in the batch changes nothing, to the last bit."""
    priors = Priors(everyone=everyone(world))
    together = matrix(build(world, priors))
    alone = [
        matrix(
            build_pairs([t], [e], world.now, matcher=SkillMatcher(world.aliases), priors=priors, completed=world.done)
        )
        for t in world.tasks
        for e in world.employees
    ]
    np.testing.assert_array_equal(together, np.array(alone).reshape(together.shape))


@given(worlds(), st.data())
def test_features_follow_the_load(world, data):
    """Taking work on gives the features of a person who came with that work."""
    pairs, counters = build(world), Counters.of(world)
    loads = pairs.initial.copy()
    for position, person in enumerate(world.employees):
        seconds = data.draw(st.lists(st.integers(1, 40 * 3600), max_size=2))
        for taken in seconds:
            loads.add(position, taken)
            counters.give(person.employee_id, taken)
    then = expected(world, [counters.people[e.employee_id] for e in world.employees])
    np.testing.assert_allclose(feature_matrix(pairs, loads, *every_pair(pairs)), then, rtol=1e-9, atol=1e-12)


@given(worlds())
def test_features_stay_in_their_ranges(world):
    """Any selection of columns, in any order, is that of the whole matrix."""
    pairs = build(world)
    values = matrix(pairs)
    unbounded = {"experience_years", "active_tasks", "avg_completion_hours", "estimated_hours", "dependencies"}
    for name, column in zip(FEATURE_NAMES, values.T, strict=True):
        known = column[~np.isnan(column)]
        highest = {"priority": 4.0, "experience_complexity_ratio": 10.0}.get(name, 1.0)
        if name != "task_age_hours":
            assert (known >= 0.0).all(), name
            assert name in unbounded or (known <= highest).all(), name
    names = FEATURE_NAMES[::-3]
    some = feature_matrix(pairs, pairs.initial, *every_pair(pairs), names=names)
    np.testing.assert_array_equal(some, values[:, [FEATURE_NAMES.index(name) for name in names]])
