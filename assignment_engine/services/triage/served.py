"""What the words of finished tasks have taught, as a reader of tickets that follows the promoted model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from assignment_engine.domain.conversations import TicketFinding, TriagedField
from assignment_engine.domain.errors import BundleError
from assignment_engine.learning.keeping import MANIFEST
from assignment_engine.learning.seats import Seat, Stamp
from assignment_engine.learning.triage import Guesses
from assignment_engine.learning.triage_bundle import KIND, SURE, TriageBundle, load_triage
from assignment_engine.scoring.served import LOOK_SECONDS
from assignment_engine.services.triage.tickets import Ticket

_log = logging.getLogger(__name__)
_FIELDS = {
    "category": TriagedField.CATEGORY,
    "complexity": TriagedField.COMPLEXITY,
    "hours": TriagedField.HOURS,
}
_SHORTEST_HOURS, _LONGEST_HOURS = 0.05, 2000.0


class ServedTriage:
    """The triage model that was promoted last; looks for another at most every `seconds`.

    One that cannot be used leaves the present one in its place, with a warning in the log. For one thread.
    """

    def __init__(
        self, model_dir: Path, *, seconds: float = LOOK_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._seat, self._seconds, self._clock = Seat(model_dir, KIND), seconds, clock
        self._looked_at: float | None = None
        self._stamp: Stamp | None = None
        self._bundle: TriageBundle | None = None

    def now(self) -> TriageBundle | None:
        """The model to read with; None while none was promoted."""
        if self._looked_at is None or self._clock() - self._looked_at >= self._seconds:
            self._looked_at = self._clock()
            self._look()
        return self._bundle

    def _look(self) -> None:
        stamp = self._seat.stamp(MANIFEST)
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._bundle = load_triage(self._seat.model_dir / stamp[0])
        except BundleError as exc:
            _log.warning("the promoted triage model cannot be used, the one before stays: %s", exc)
            return
        _log.info("tickets are read by the triage model %s", self._bundle.manifest.version)


@dataclass(frozen=True)
class LearnedReader:
    """Reads category, complexity and hours by the promoted model; says nothing of which it is not `sure` enough."""

    served: ServedTriage
    sure: float = field(default=SURE)

    def read(self, tickets: Sequence[Ticket]) -> Sequence[tuple[TicketFinding, ...]]:
        bundle = self.served.now()
        if bundle is None:
            return [() for _ in tickets]
        source = f"{KIND} {bundle.manifest.version}"
        guesses = bundle.model.guess([ticket.text for ticket in tickets], self.sure)
        return [self._findings(found, source) for found in guesses]

    def _findings(self, found: Guesses, source: str) -> tuple[TicketFinding, ...]:
        return tuple(
            TicketFinding(
                field=_FIELDS[name],
                value=guess.value if isinstance(guess.value, str) else _rounded(name, guess.value),
                confidence=round(guess.confidence, 3),
                words=guess.words,
                source=source,
            )
            for name, guess in found.items()
            if guess.words
        )


def _rounded(name: str, value: float) -> float:
    """Hours to a twentieth, which are never none."""
    if name == "complexity":
        return round(value, 2)
    return min(max(round(value * 20) / 20, _SHORTEST_HOURS), _LONGEST_HOURS)
