"""Which tasks a control policy decides about, so that what the engine is worth can be measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from assignment_engine.domain.types import Arm

_WHOLE = 2**64


@dataclass(frozen=True)
class Holdout:
    """A share of all tasks, by a hash of their ids: a task has one arm, wherever and however often it is decided about.

    Another `salt` draws other tasks.
    """

    share: float = 0.0
    salt: str = ""

    def arm(self, task_id: str) -> Arm | None:
        """The arm of a task; None where nothing is held out."""
        if not self.share:
            return None
        digest = hashlib.sha256(f"{self.salt}\0{task_id}".encode()).digest()
        return Arm.CONTROL if int.from_bytes(digest[:8]) < self.share * _WHOLE else Arm.ENGINE


NOTHING_HELD_OUT = Holdout()
