"""A request that is sent again has its effect once and gets the first answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assignment_engine.domain.errors import EngineError, InvalidInputError
from assignment_engine.domain.stored import StoredResponse
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork


@dataclass(frozen=True)
class Answer:
    """An answer as it is sent; `replayed` if it was given before."""

    status: int
    body: bytes
    replayed: bool = False


UseCase = Callable[[UnitOfWork], Answer]
Keep = Callable[[UnitOfWork, Answer], None]


class Once:
    """The answer to the request with this key of this subject. Without a key every sending counts.

    Parameters
    ----------
    fingerprint : what tells the request from another one with the same key.
    """

    def __init__(self, database: Database, subject: str, key: str | None, fingerprint: str) -> None:
        self._database, self._subject, self._key, self._fingerprint = database, subject, key, fingerprint

    def run(self, use_case: UseCase) -> Answer:
        """What `use_case` answers, in one transaction with keeping it."""
        return self.answer(lambda keep: self._database.run(keeping(use_case, keep)))

    def answer(self, work: Callable[[Keep], Answer]) -> Answer:
        """What `work` answers; it calls `keep` in the transaction that has the effect.

        When a request with the same key was faster, its commit makes this one fail (the key is taken, or what it
        wants to add is there), and its answer is the right one.

        Raises
        ------
        InvalidInputError
            If the key came with another request before.
        """
        first = self._find()
        if first is not None:
            return first
        try:
            return work(self._keep)
        except EngineError:
            first = self._find()
            if first is None:
                raise
            return first

    def _find(self) -> Answer | None:
        if self._key is None:
            return None
        with self._database.read() as unit:
            stored = unit.responses.find(self._subject, self._key)
        if stored is None:
            return None
        if stored.request_hash != self._fingerprint:
            raise InvalidInputError.at("/Idempotency-Key", "this key came with another request before")
        return Answer(stored.status, stored.body, replayed=True)

    def _keep(self, unit: UnitOfWork, answer: Answer) -> None:
        if self._key is not None:
            stored = StoredResponse(self._fingerprint, answer.status, answer.body)
            now = unit.now()
            unit.responses.purge(now)
            unit.responses.add(self._subject, self._key, stored, now)


def keeping(use_case: UseCase, keep: Keep) -> UseCase:
    """`use_case`, keeping its answer in the same transaction."""

    def run(unit: UnitOfWork) -> Answer:
        answer = use_case(unit)
        keep(unit, answer)
        return answer

    return run
