"""Everything that can be learned from a log, measured on its last decisions, in three tables and a leak test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment_engine.learning.logs.adapter import Adapter
from assignment_engine.learning.logs.cases import Cases, unknown_at
from assignment_engine.learning.logs.choice import choice_table
from assignment_engine.learning.logs.duration import duration_table
from assignment_engine.learning.logs.read import read_log
from assignment_engine.learning.logs.replay import replay
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.logs.success import success_table
from assignment_engine.learning.logs.watching import watching_tables
from assignment_engine.learning.logs.words import triage_tables

if TYPE_CHECKING:
    import pandas as pd

SEEDS = (1, 2, 3)
CAVEATS = (
    "Nothing in an ordinary log is randomised: measured is what happened, not what another policy would have done.",
    "Choice asks who was chosen. Imitating the past and balancing the load are opposing goals.",
    "Read top-k together with coverage and the size of the candidate sets.",
)
_TABLES = {"choice": choice_table, "success": success_table, "hours": duration_table}
_TITLES = {
    "choice": "Choice: who was chosen",
    "success": "Success of the pair that was chosen",
    "hours": "Time to completion, hours",
    "triage": "Triage from the words of the title",
    "expected": "Expected ends as work goes on: how often p50 and p90 are enough",
    "late": "Alarms about work that will miss its deadline",
    "stuck": "Alarms about work among the slowest 5 % of its kind",
    "triage_sure": "Triage: answers of at least some confidence",
}
TABLES = (*_TABLES, "triage")
WATCHING = "detector"
"""Tables that are made only when somebody asks for them."""


@dataclass(frozen=True)
class LogReport:
    """What was measured; `content` is plain data for JSON."""

    content: Mapping[str, Any]

    @property
    def leaks(self) -> bool:
        return bool(self.content["leak_test"]["changed_pairs"])


def evaluate_log(
    log: Path | pd.DataFrame,
    adapter: Adapter,
    *,
    seeds: Sequence[int] = SEEDS,
    tables: Sequence[str] = TABLES,
) -> LogReport:
    """Replay a log, learn from its first decisions and measure on its last 20 %.

    Parameters
    ----------
    log : a CSV file (`.gz` too), or a frame with the same columns.
    adapter : what the columns mean; see `read_adapter`.
    seeds : learned rows are means over them.
    tables : any of choice, success, hours, triage (where the log has titles); `detector` only when it is asked for.

    Raises
    ------
    InvalidInputError
        If the log does not fit the adapter, or holds too few decisions.
    """
    cases, notes = read_log(log, adapter)
    slices = Slices.of(cases)
    replayed = replay(cases, adapter)
    return LogReport(
        {
            "adapter": adapter.name,
            "read": notes.model_dump(),
            "decisions": int(cases.is_decision.sum()),
            "pairs": len(replayed.decision),
            "people": len(cases.names["person"]),
            "split": {
                "validation_start": _text(slices.stop_start),
                "test_start": _text(slices.test_start),
                "seeds": list(seeds),
            },
            "leak_test": leak_test(cases, adapter, replayed, slices.test_start),
            **{name: table(replayed, slices, seeds=seeds) for name, table in _TABLES.items() if name in tables},
            **(watching_tables(replayed, slices, seeds=seeds) if WATCHING in tables else {}),
            **(triage_tables(cases, slices) if "triage" in tables and adapter.fields.title else {}),
            "caveats": list(CAVEATS),
        }
    )


def leak_test(cases: Cases, adapter: Adapter, replayed: Replayed, moment: float, seed: int = 1) -> dict[str, object]:
    """Whether anything that was not known at `moment` changes candidates or features before it.

    The log is replayed again with every later decision deleted, and with the outcomes, hours and ends that were not
    known yet exchanged among the cases and outcomes turned round. Both replays must agree bit by bit.
    """
    known = unknown_at(cases, moment, seed)
    again = replay(known, adapter)
    before = replayed.take(cases.decided_at[replayed.decision] < moment)
    same = len(again.decision) == len(before.decision)
    changed = len(before.decision)
    if same:
        equal = (before.person == again.person) & (before.candidate == again.candidate)
        equal &= (before.features.view(np.int64) == again.features.view(np.int64)).all(axis=1)
        changed = int((~equal).sum())
    return {
        "moment": _text(moment),
        "pairs": len(before.decision),
        "deleted_decisions": int((cases.decided_at >= moment).sum()),
        "exchanged_outcomes": int((known.outcome_known_at >= moment).sum()),
        "changed_pairs": changed,
    }


def tables_of(report: LogReport) -> str:
    """The report for people to read."""
    content = report.content
    leak = content["leak_test"]
    lines = [
        "{adapter}: {decisions:,} decisions, {pairs:,} pairs, {people:,} people".format(**content),
        f"the test begins at {content['split']['test_start']}",
        f"leak test at {leak['moment']}: {leak['changed_pairs']} of {leak['pairs']:,} earlier pairs changed",
    ]
    for name, title in _TITLES.items():
        if name in content:
            lines += ["", *_table(title, content[name])]
    return "\n".join([*lines, "", *content["caveats"]])


def _table(title: str, table: Mapping[str, Any]) -> list[str]:
    facts = ", ".join(f"{key} {_number(value)}" for key, value in table.items() if key != "rows")
    rows = table["rows"]
    if not rows:
        return [f"{title} ({facts}): too little to measure"]
    names = list(next(iter(rows.values())))
    width = max(map(len, rows))
    head = f"{'':{width}}  " + "  ".join(f"{name:>12}" for name in names)
    body = [f"{row:{width}}  " + "  ".join(f"{_number(values[n]):>12}" for n in names) for row, values in rows.items()]
    return [f"{title} ({facts})", head, *body]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else (f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}")


def _text(moment: float) -> str:
    return f"{np.datetime64(int(moment), 's')}Z"
