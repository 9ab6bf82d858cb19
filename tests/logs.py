"""Small logs of both kinds for tests of learning from logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from assignment_engine.learning.logs.adapter import Adapter

TASKS: dict[str, Any] = {
    "name": "small",
    "kind": "tasks",
    "half_life_days": 30,
    "case": {"id": "id"},
    "decision": {"at": "given"},
    "fields": {
        "person": "who",
        "department": "team",
        "category": "kind",
        "subcategory": ["kind", "part"],
        "estimated_hours": "estimate",
    },
    "context": {"raised_by": "customer"},
    "left": "done",
    "hours": {"column": "hours"},
    "outcome": {"good": [{"column": "hours", "at_most": {"column": "estimate"}}]},
    "candidates": {"days": 20},
}


def adapter(**changes: Any) -> Adapter:
    return Adapter(**{**TASKS, **changes})


def small_log(seed: int, count: int = 200, people: int = 5) -> pd.DataFrame:
    """A team in which everybody has a favourite kind of work, done better and given to them more often."""
    rng = np.random.default_rng(seed)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    rows = []
    for number in range(count):
        kind = int(rng.integers(people))
        who = kind if rng.random() < 0.6 else int(rng.integers(people))
        given = start + timedelta(hours=int(rng.integers(1, 5)) + 6 * number)
        estimate = float(rng.integers(1, 9))
        hours = round(estimate * float(rng.lognormal(-0.5 if who == kind else 0.4, 0.4)), 2)
        rows.append(
            {
                "id": f"t{number}",
                "given": given.strftime("%Y-%m-%d %H:%M:%S"),
                "who": f"person {who}",
                "team": f"team {who % 2}",
                "kind": f"kind {kind}",
                "part": f"part {int(rng.integers(2))}",
                "estimate": str(estimate),
                "hours": str(hours),
                "customer": f"customer {int(rng.integers(4))}",
                "done": (given + timedelta(hours=4 * hours)).strftime("%Y-%m-%d %H:%M:%S"),
            }
        )
    return pd.DataFrame(rows)
