"""Skills compared by kept vectors: only what is near counts, and letters count as before."""

from __future__ import annotations

import numpy as np
import pytest

from assignment_engine.features.embeddings import EmbeddingMatcher
from assignment_engine.features.skills import SkillMatcher

VECTORS = {"plumbing": [2.0, 0.0], "Pipe  Fitting": [0.9, 0.435], "poetry": [0.0, 1.0], "nothing": [0.0, 0.0]}


def test_near_vectors_are_similar_and_far_ones_are_not() -> None:
    """Cosine of plumbing and pipe fitting: 0.9 / √(0.9² + 0.435²); below 0.8 is nothing."""
    matcher = EmbeddingMatcher(VECTORS)
    similarity = matcher.similarity(["plumbing", "poetry"], ["pipe fitting", "plumbing", "nothing"])
    near = 0.9 / np.hypot(0.9, 0.435)
    assert similarity == pytest.approx(np.array([[near, 1.0, 0.0], [0.0, 0.0, 0.0]]))


def test_names_without_vectors_are_compared_as_always() -> None:
    names = ["javascript", "plumbing", "data engineering"], ["javascripts", "data engineer", "java"]
    assert EmbeddingMatcher({}).similarity(*names) == pytest.approx(SkillMatcher().similarity(*names))
    assert EmbeddingMatcher(VECTORS).similarity(*names) == pytest.approx(SkillMatcher().similarity(*names))


def test_aliases_are_kept() -> None:
    assert EmbeddingMatcher({}, {"kubernetes": ["k8s"]}).canonical("K8S") == "kubernetes"


def test_what_vectors_say_stays_with_them() -> None:
    """Letters alone give the same answer before and after somebody asked with vectors."""
    names = ["plumbing", "poetry"], ["pipe fitting", "plumbing", "nothing"]
    before = SkillMatcher().similarity(*names)
    EmbeddingMatcher(VECTORS).similarity(*names)
    assert SkillMatcher().similarity(*names) == pytest.approx(before)
