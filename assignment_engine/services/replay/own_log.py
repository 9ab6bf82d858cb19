"""The finished work of the organisation itself as a log that can be worked off again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.domain.stored import DoneWork
from assignment_engine.services.replay.log import SECONDS_PER_HOUR, Item, Stretch, WorkLog
from assignment_engine.store.unit import UnitOfWork

MOST_TASKS = 2000
LONGEST_HOURS = 12.0
NAME = "the organisation's own log"


def own_work_log(unit: UnitOfWork, *, most: int = MOST_TASKS, longest_hours: float = LONGEST_HOURS) -> WorkLog:
    """The newest `most` finished tasks: when each came, and who was at it from when to when.

    Parameters
    ----------
    longest_hours : nobody is at one task for longer without a break; what is left is waiting for something else.

    Raises
    ------
    InvalidInputError
        If nobody has finished anything yet.
    """
    by_task: dict[str, list[_Piece]] = {}
    found = unit.finished.work(most)
    for work in found:
        piece = _Piece.of(work, longest_hours * SECONDS_PER_HOUR)
        if piece.ended > piece.began:
            by_task.setdefault(work.task_id, []).append(piece)
    if not by_task:
        raise InvalidInputError.at("", "nobody has finished any task that is stored, or none of them took any time")
    tasks = sorted((sorted(pieces, key=_begin) for pieces in by_task.values()), key=lambda pieces: pieces[0].order)
    people = _names(piece.work.employee_id for pieces in tasks for piece in pieces)
    kinds = _names(pieces[0].kind for pieces in tasks)
    stretches = [
        Stretch(number, people[piece.work.employee_id], piece.began, piece.ended, is_first=piece is pieces[0])
        for number, pieces in enumerate(tasks)
        for piece in pieces
    ]
    items = tuple(
        pieces[0].item(number, people[pieces[0].work.employee_id], kinds[pieces[0].kind])
        for number, pieces in enumerate(tasks)
    )
    without = len(found) - len(stretches)
    left_out = {"pieces of work that took no time": without} if without else {}
    stretches.sort(key=lambda s: (s.began, s.item))
    return WorkLog(NAME, items, tuple(stretches), tuple(people), len(people), tuple(kinds), left_out)


@dataclass(frozen=True)
class _Piece:
    """One person's work on one task; seconds since 1970 UTC."""

    work: DoneWork
    began: float
    ended: float

    @classmethod
    def of(cls, work: DoneWork, longest: float) -> _Piece:
        began = max(work.began_at, work.created_at).timestamp()
        seconds = longest if work.worked_seconds is None else min(longest, float(work.worked_seconds))
        return cls(work, began, min(work.ended_at.timestamp(), began + seconds))

    @property
    def kind(self) -> str:
        return self.work.category or "any"

    @property
    def order(self) -> tuple[datetime, str]:
        return self.work.created_at, self.work.task_id

    def item(self, number: int, person: int, kind: int) -> Item:
        deadline = None if self.work.deadline is None else self.work.deadline.timestamp()
        return Item(
            number=number,
            arrived=self.work.created_at.timestamp(),
            kind=kind,
            person=person,
            seconds=self.ended - self.began,
            priority=self.work.priority,
            deadline=deadline,
        )


def _begin(piece: _Piece) -> float:
    return piece.began


def _names(words: Iterable[str]) -> dict[str, int]:
    """Each word once, with its number."""
    return {word: number for number, word in enumerate(sorted(set(words)))}
