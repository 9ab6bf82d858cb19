"""Drawing lots among candidates of nearly the same score, so that a log can say what another choice would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from assignment_engine.services.dispatch.candidates import Candidate

NEARLY = 0.02


@dataclass(frozen=True)
class Exploration:
    """In a share `rate` of the decisions the best `nearly` ties have equal chances; otherwise the best one is taken.

    Everyone who can be drawn may be chosen by every rule, and is worth at most `nearly` less than the best.
    """

    rate: float = 0.0
    nearly: float = NEARLY

    def drawn(self, by_merit: Sequence[Candidate], seed: str) -> list[Candidate]:
        """The candidates with the one to try first in front; the ties know how likely they were to be that one.

        Parameters
        ----------
        by_merit : the best one first.
        seed : the same seed draws the same lot.
        """
        if not self.rate or not by_merit:
            return list(by_merit)
        lowest = by_merit[0].score - self.nearly
        ties = sum(candidate.score >= lowest for candidate in by_merit)
        even = self.rate / ties
        known = [
            candidate._replace(propensity=even + (0.0 if place else 1.0 - self.rate))
            for place, candidate in enumerate(by_merit[:ties])
        ]
        lots = Random(seed)  # noqa: S311  (a draw that can be repeated, not a secret)
        first = lots.randrange(ties) if lots.random() < self.rate else 0
        return [known[first], *known[:first], *known[first + 1 :], *by_merit[ties:]]


NEVER = Exploration()
