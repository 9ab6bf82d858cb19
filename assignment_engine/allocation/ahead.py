"""Compile ahead of time what the first large plan of an installation would compile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from assignment_engine.allocation.optimal import warmup
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.pairs import build_pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.protocol import Scorer


def compile_ahead(scorer: Scorer, now: datetime) -> Iterator[str]:
    """Compile for this machine and keep it on disk, part by part; yields what each part is for.

    Parts that are on disk already are only read. Where no directory can be written, nothing is kept.
    """
    if isinstance(scorer, LightGbmScorer) and scorer.not_covered is None:
        from assignment_engine.scoring.forest.rows import ForestRows  # noqa: PLC0415  (loads numba)

        pairs = build_pairs([Task(task_id="t", title="Work")], [Employee(employee_id="e")], now, matcher=SkillMatcher())
        ForestRows.of(scorer.forest, pairs, pairs.initial.copy())
        yield f"scoring with {scorer.name} {scorer.version}"
    warmup.compile_all()
    yield "the search of the optimal method"
