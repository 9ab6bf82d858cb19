"""From troubles to alerts: each is raised once and cleared once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assignment_engine.domain.live import AlertSubject
from assignment_engine.domain.troubles import Trouble, TroubleKind
from assignment_engine.services.detector.rules import LOADED_KEPT
from assignment_engine.store.unit import UnitOfWork

MOST_RAISED = 100
OTHERS = "others"
ABOUT = {
    TroubleKind.LATE: AlertSubject.TASK,
    TroubleKind.STUCK: AlertSubject.TASK,
    TroubleKind.OVERLOAD: AlertSubject.EMPLOYEE,
    TroubleKind.STARVING: AlertSubject.TASK,
    TroubleKind.ACCEPTANCE: AlertSubject.OTHER,
}
_OVER = {
    TroubleKind.LATE: "it has ended, or is likely to be in time",
    TroubleKind.STUCK: "it has ended, or there was a sign of progress",
    TroubleKind.OVERLOAD: f"the load is at most {LOADED_KEPT} % of the capacity",
    TroubleKind.STARVING: "somebody has it, or there is time enough",
    TroubleKind.ACCEPTANCE: "offers are accepted about as often as before",
}


@dataclass(frozen=True)
class Change:
    """What is to be done about the alerts of one kind."""

    kind: TroubleKind
    raised: Sequence[Trouble] = ()
    cleared: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.raised or self.cleared)


def change_of(kind: TroubleKind, found: Iterable[Trouble], standing: Collection[str]) -> Change:
    """The most urgent 100 of what was found are raised, and one alert stands for the others; what stands and was found
    again stays, even where it would be no reason to raise it any more."""
    troubles = {trouble.subject: trouble for trouble in sorted(found, key=lambda t: (t.holds, -t.urgency))}
    raised = sorted((t for t in troubles.values() if t.holds), key=lambda t: (t.urgency, t.subject))
    wanted = {trouble.subject: trouble for trouble in raised[:MOST_RAISED]}
    if len(raised) > MOST_RAISED:
        wanted[OTHERS] = _others(kind)
    kept = troubles.keys() | ({OTHERS} if len(troubles) > MOST_RAISED else set())
    return Change(
        kind,
        tuple(trouble for subject, trouble in wanted.items() if subject not in standing),
        frozenset(standing) - kept,
    )


def apply(unit: UnitOfWork, changes: Iterable[Change], now: datetime) -> None:
    """Raise and clear; work that has ended meanwhile is no trouble any more."""
    for change in changes:
        for subjects, about in ((change.cleared - {OTHERS}, ABOUT[change.kind]), ({OTHERS}, AlertSubject.OTHER)):
            unit.alerts.clear(change.kind, subjects & change.cleared, now, _OVER[change.kind], about)
        named = [trouble.assignment_id for trouble in change.raised if trouble.assignment_id is not None]
        going = unit.going.still_active(named)
        for trouble in change.raised:
            if trouble.assignment_id is None or trouble.assignment_id in going:
                unit.alerts.raise_(change.kind, trouble.subject, trouble.reason, now, trouble.severity, trouble.about)


def changes_of(found: Mapping[TroubleKind, Iterable[Trouble]], unit: UnitOfWork) -> list[Change]:
    """What is to be done about each kind that was looked at."""
    changes = (change_of(kind, troubles, unit.alerts.standing(kind)) for kind, troubles in found.items())
    return [change for change in changes if change]


def _others(kind: TroubleKind) -> Trouble:
    reason = f"more than {MOST_RAISED} at once; the most urgent have alerts of their own"
    return Trouble(kind, OTHERS, AlertSubject.OTHER, reason)
