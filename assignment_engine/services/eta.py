"""How long work is expected to take, said from what is in memory: a trained model, or the plain rule without one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from time import monotonic

import numpy as np

from assignment_engine.domain.assignments import Expected
from assignment_engine.domain.constraints import Constraints
from assignment_engine.domain.errors import BundleError
from assignment_engine.domain.records import StoredEmployee, StoredTask
from assignment_engine.domain.types import TaskStatus, whole_seconds
from assignment_engine.features.arrays import floats
from assignment_engine.features.definition import FEATURE_NAMES, feature_matrix
from assignment_engine.learning.eta import KIND, EtaModel
from assignment_engine.learning.keeping import MANIFEST
from assignment_engine.learning.seats import Seat, Stamp
from assignment_engine.learning.shape import LOG_NORMAL, LONGEST_HOURS, Shape
from assignment_engine.learning.usual import Quantiles, UsualHours
from assignment_engine.scoring.served import LOOK_SECONDS
from assignment_engine.services.core import DecisionCore
from assignment_engine.store.database import Database
from assignment_engine.store.unit import UnitOfWork

_log = logging.getLogger(__name__)

RULE = "rule"
USUAL_SECONDS = 60.0
MOST_FINISHED = 5000


@dataclass(frozen=True)
class Asked:
    """An assignment that is about to be made; `features` are those of its pair, where they are known.

    `ahead_hours` is other work that its person has in hand.
    """

    employee_id: str
    category: str | None
    estimated_hours: float | None
    features: Mapping[str, float | None] | None = None
    ahead_hours: float = 0.0


@dataclass(frozen=True)
class _Model:
    """The model in use, if any, and why there is none although one was promoted."""

    name: str = RULE
    model: EtaModel | None = None
    warning: str | None = None


class EtaPredictor:
    """Threads may share it. Says nothing that it would have to read first: `follow` reads, outside of transactions.

    Parameters
    ----------
    model_dir : where a promoted ETA model lies beside the other models; None: the plain rule.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        *,
        seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._seat = None if model_dir is None else Seat(model_dir, KIND)
        self._seconds, self._clock = seconds, clock
        self._lock = Lock()
        self._used, self._usual = _Model(), UsualHours()
        self._stamp: Stamp | None = None
        self._looked_at = self._read_at = -np.inf

    @property
    def source(self) -> str:
        """The name of the model in use, or `rule`."""
        return self._used.name

    @property
    def warning(self) -> str | None:
        """Why the promoted model is not the one in use, if so."""
        return self._used.warning

    @property
    def shape(self) -> Shape:
        """How hours scatter around p50 and p90."""
        return self._used.model.shape if self._used.model else LOG_NORMAL

    def usual(self, category: str | None = None) -> Quantiles | None:
        """What work of a category took lately; None where too little was finished."""
        return self._usual.kind(category)

    def follow(self, database: Database) -> None:
        """Look for another promoted model every few seconds, and at what was finished lately every minute.

        While one thread does so, the others go on with what there is.
        """
        if self._lock.acquire(blocking=False):
            try:
                self._look()
                self._read(database)
            finally:
                self._lock.release()

    def expect(self, asked: Sequence[Asked]) -> list[Expected | None]:
        """How long each takes; None where neither an estimate nor finished work says anything."""
        found = [self._usual.hours(a.employee_id, a.category, a.estimated_hours, a.ahead_hours) for a in asked]
        model = self._used.model
        if model is not None:
            rows = [(row, a.features) for row, a in enumerate(asked) if a.features is not None]
            matrix = floats([[features.get(name) for name in model.names] for _, features in rows])
            hours = model.hours(matrix.reshape(len(rows), len(model.names)))
            for (row, _), p50, p90 in zip(rows, *(part.tolist() for part in hours), strict=True):
                found[row] = Quantiles(p50, p90)
        return [None if hours is None else _seconds(hours) for hours in found]

    def _look(self) -> None:
        if self._seat is None or self._clock() - self._looked_at < self._seconds:
            return
        self._looked_at = self._clock()
        stamp = self._seat.stamp(MANIFEST)
        if stamp != self._stamp:
            self._stamp = stamp
            self._used = self._load(self._seat)

    def _load(self, seat: Seat) -> _Model:
        try:
            name = seat.holder()
            if name is None:
                return _Model()
            model = EtaModel.load(seat.model_dir / name)
        except BundleError as exc:
            _log.warning("the promoted ETA model cannot be used, %s goes on: %s", self._used.name, exc)
            return _Model(self._used.name, self._used.model, str(exc))
        _log.info("times to completion are those of %s", name)
        return _Model(name, model)

    def _read(self, database: Database) -> None:
        if self._clock() - self._read_at < USUAL_SECONDS:
            return
        self._read_at = self._clock()
        with database.read() as unit:
            finished = unit.going.finished(MOST_FINISHED)
        self._usual = UsualHours.of(finished)


def expect_pair(
    unit: UnitOfWork,
    core: DecisionCore,
    eta: EtaPredictor,
    task: StoredTask,
    person: StoredEmployee,
    now: datetime,
) -> Expected | None:
    """How long a pending task will take a person who is given it by hand; reads what its features need."""
    if task.status is not TaskStatus.PENDING:
        return None
    problem = core.problem(unit, [task], [person], Constraints(), now)
    zero = np.zeros(1, dtype=np.int64)
    row = feature_matrix(problem.pairs, problem.pairs.initial, zero, zero, FEATURE_NAMES)[0].tolist()
    features = dict(zip(FEATURE_NAMES, row, strict=True))
    asked = Asked(person.employee_id, task.category, task.estimated_hours, features, person.current_workload)
    return eta.expect([asked])[0]


def _seconds(hours: Quantiles) -> Expected:
    p50, p90 = (max(1, whole_seconds(min(value, LONGEST_HOURS))) for value in hours)
    return Expected(p50, max(p50, p90))
