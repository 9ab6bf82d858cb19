"""A comparison as a table, as JSON, and what must be said with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assignment_engine.features.arrays import Floats
from assignment_engine.services.replay.compare import HAPPENED, Comparison, Replayed
from assignment_engine.services.replay.log import SECONDS_PER_HOUR

_HEAD = ("policy", "wait h: mean", "median", "p90", "longest", "not begun", "busy", "Gini hours", "Gini busy",
         "same person", "late")  # fmt: skip


def content_of(found: Comparison) -> dict[str, Any]:
    """Everything, to be written as JSON."""
    return {
        "log": found.log.name,
        "tasks": len(found.log.items),
        "people": len({shift.person for shift in found.shifts}),
        "shifts": len(found.shifts),
        "hours_present": _hours_present(found),
        "left_out": found.log.left_out,
        "assumptions": found.assumptions.model_dump(),
        "policies": [_content_of_row(row, found.log.kinds) for row in found.rows],
        "caveats": list(caveats(found)),
    }


def _content_of_row(row: Replayed, kinds: Sequence[str]) -> dict[str, Any]:
    content: dict[str, Any] = {"policy": row.policy, **row.measures.model_dump()}
    by_kind = row.outcome.waits_by_kind()
    content["mean_wait_by_kind"] = {kinds[kind]: float(waits.mean()) for kind, waits in by_kind.items()}
    if row.course is not None:
        content["handed_on"] = row.course.handed_on
        content["finished"] = len(row.course.finished)
        content["given_by_the_loop"] = row.course.rescued
        content["failed_decisions"] = row.course.failed
        content["broken_invariants"] = list(row.course.findings)
    return content


def text_of(found: Comparison) -> str:
    """The table, and under it what it was made of and what it cannot say."""
    table = _aligned([_HEAD, *(_cells(row) for row in found.rows)])
    about = [_about(found), *(_engine(row) for row in found.rows if row.course is not None)]
    notes = [f"{number}. {text}" for number, text in enumerate(caveats(found), start=1)]
    return "\n".join([table, "", _kinds(found), "", *about, "", "What these numbers cannot say:", *notes])


def _about(found: Comparison) -> str:
    """What was replayed, and what was not."""
    log, people = found.log, len({shift.person for shift in found.shifts})
    counts = f"{len(log.items):,} tasks, {people} people in {len(found.shifts):,} shifts"
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in log.left_out.items())
    return f"{log.name}: {counts} of together {_hours_present(found):,.0f} hours; left out: {left_out or 'nothing'}"


def _kinds(found: Comparison) -> str:
    """Mean and median waits for each kind of work."""
    kinds = sorted({item.kind for item in found.log.items})
    head = ("wait h: mean / median", "tasks", *(row.policy for row in found.rows))
    waits = [row.outcome.waits_by_kind() for row in found.rows]
    return _aligned(
        [head, *(_kind_cells(found.log.kinds[kind], [by_kind[kind] for by_kind in waits]) for kind in kinds)]
    )


def _kind_cells(name: str, waits: list[Floats]) -> tuple[str, ...]:
    return name, f"{waits[0].size:,}", *(f"{hours.mean():.1f} / {np.median(hours):.1f}" for hours in waits)


def _hours_present(found: Comparison) -> float:
    return sum(shift.end - shift.start for shift in found.shifts) / SECONDS_PER_HOUR


def _cells(row: Replayed) -> tuple[str, ...]:
    m = row.measures
    waits = (f"{hours:.1f}" for hours in (m.waits.mean, m.waits.median, m.waits.p90, m.waits.longest))
    late = "–" if m.late is None else f"{m.late:.0%}, {m.mean_hours_late or 0.0:.1f} h"
    shares = (_percent(m.utilisation), f"{m.gini_hours:.3f}", _three(m.gini_utilisation))
    same = "–" if row.policy == HAPPENED else _percent(m.same_person)
    return (row.policy, *waits, f"{m.not_begun:,}", *shares, same, late)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _engine(row: Replayed) -> str:
    """How the engine itself fared under a policy."""
    course = row.course
    if course is None:
        return ""
    broken = f", BROKEN INVARIANTS: {', '.join(course.findings)}" if course.findings else ", no broken invariant"
    return (
        f"{row.policy}: {len(course.finished):,} tasks finished, {course.handed_on:,} handed on at the end of a shift, "
        f"{course.rescued} given out by the loop alone, {course.failed} failed decisions{broken}"
    )


def caveats(found: Comparison) -> tuple[str, ...]:
    """What a replay assumes or cannot know; to be read with every number of it."""
    taken = found.assumptions
    texts = _CAVEATS if not found.is_part else (*_CAVEATS, _OF_PART)
    facts = {"gap": f"{taken.gap_minutes:g}", "least": taken.least, "nameless": f"{found.nameless:.0%}"}
    return tuple(" ".join(text.split()).format(**facts) for text in texts)


_CAVEATS = (
    """Nobody was really asked: a log cannot say whether somebody else would have done a task as well, or at all.
    Waits, hours and loads follow from the assumptions below; the quality of the work does not.""",
    """People are there from the begin of work to the end of the last work that follows within {gap} minutes. Who
    was there with nothing to do is not seen, and who was busy with something else counts as there: how busy
    people really were is not known.""",
    """A task takes whoever did it as long as it took; somebody else as much longer as their mean at this kind of
    work is longer. Those means are of tasks that were chosen for people, and of the whole log.""",
    """Who did a kind of work {least} times can do it, from the first day on; nobody else can.""",
    """Only the first work on a task is given out anew. Later work on it is done when and by whom it was done, even
    where the first is still to come in the replay. A task arrives when it arrived, whatever became of its
    cause.""",
    """Where people put tasks off on purpose, as calls to customers who need a few days, the wait in the log is
    none that a policy should shorten.""",
    """{nameless} of the work has no name in the log; it is taken to be that of as few nameless people as could
    have done it.""",
    """Doing as the past did and sharing work evenly are opposing goals: "same person" says how alike, not how
    good.""",
)
_OF_PART = """Only tasks that arrived in the chosen time wait in the queue, which begins empty and did not in the log;
    work on others is done when and by whom it was done."""
