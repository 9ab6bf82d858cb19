"""What clients were told, and how much got done: the other side of the books that the checks compare."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Accepted:
    """A request that was answered with success; `at` is the time of this machine, as the database's."""

    at: float
    what: str
    subject: str
    answer: Any


class Ledger:
    """Kept by all clients at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted: list[Accepted] = []
        self._signs: dict[str, list[float]] = {}
        self.refused: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()
        self._wrong: list[str] = []

    def accept(self, what: str, subject: str, answer: Any) -> None:
        """The installation said that this was done."""
        with self._lock:
            self._accepted.append(Accepted(time.time(), what, subject, answer))

    def refuse(self, what: str, status: int) -> None:
        with self._lock:
            self.refused[f"{what} {status}"] += 1

    def retry(self, why: str) -> None:
        """A request had no definite answer and is sent again."""
        with self._lock:
            self.retried[why] += 1

    def wrong(self, *findings: str) -> None:
        """Something that must never happen."""
        with self._lock:
            self._wrong.extend(findings)

    def sign(self, session: str, sent_at: float) -> None:
        """A sign of life of this session, sent at that time, was taken."""
        with self._lock:
            self._signs.setdefault(session, []).append(sent_at)

    def signs_of(self, session: str) -> list[float]:
        with self._lock:
            return list(self._signs.get(session, ()))

    @property
    def findings(self) -> list[str]:
        with self._lock:
            return list(self._wrong)

    def accepted(self, *kinds: str) -> list[Accepted]:
        """What was accepted, of these kinds or all, in the order of the answers."""
        with self._lock:
            return [entry for entry in self._accepted if not kinds or entry.what in kinds]

    def counts(self) -> Counter[str]:
        return Counter(entry.what for entry in self.accepted())


@dataclass
class Meter:
    """How many acts of clients were answered, second by second."""

    _moments: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> None:
        with self._lock:
            self._moments.append(time.monotonic())

    def rate(self, start: float, end: float) -> float:
        """Acts a second between two moments of the monotonic clock."""
        with self._lock:
            count = sum(start <= moment < end for moment in reversed(self._moments))
        return count / max(1e-9, end - start)

    def recovered_at(self, since: float, aim: float, window: float, now: float) -> float | None:
        """When the first `window` with at least `aim` acts a second begins, from `since` on; None: not yet."""
        with self._lock:
            moments = [moment for moment in self._moments if moment >= since]
        starts = (since + n * window / 8 for n in range(max(0, int((now - window - since) / window * 8) + 1)))
        return next((start for start in starts if _within(moments, start, window) >= aim * window), None)


def _within(moments: Iterable[float], start: float, window: float) -> int:
    return sum(start <= moment < start + window for moment in moments)
