"""What the realtime detector would have seen of the last decisions of a log: expected ends, late and stuck work.

Everything is learned from decisions before the test slice and from what was known when it began; unfinished work
counts as lasting at least as long as so far. A piece of work is then watched from its assignment to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from assignment_engine.domain.errors import TrainingError
from assignment_engine.domain.going import FinishedWork
from assignment_engine.features.arrays import Bools, Floats, Ints, floats
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.eta import Work, coverage_of, train_eta
from assignment_engine.learning.logs.replayed import Replayed
from assignment_engine.learning.logs.slices import Slices
from assignment_engine.learning.quantiles import pinball
from assignment_engine.learning.shape import HALF, LOG_NORMAL, MOST, Shape, Two
from assignment_engine.learning.usual import UsualHours

LATE, STUCK = 2 / 3, 1.25
LOOKS = 50
AGREED, SLOWEST = 0.75, 0.95
FEWEST, FEWEST_IN_KIND, FEWEST_FOUND = 50, 30, 10
_SECONDS_PER_HOUR = 3600.0
_SMALLEST = 1e-6
Row = dict[str, float]
Rows = dict[str, Row]


@dataclass(frozen=True)
class Watch:
    """Assignments of a log on one clock: hours since the assignment, or hours worked where the log has only those.

    `known` is what each had taken, and `ended` whether it was finished, when the test began; `hours` and `done` say so
    for the end of the log. `deadline` is in hours from the assignment, NaN where none can be told.
    """

    features: Floats
    hours: Floats
    done: Bools
    known: Floats
    ended: Bools
    kind: Ints
    person: Ints
    estimate: Floats
    deadline: Floats
    train: Bools
    test: Bools


@dataclass(frozen=True)
class _Said:
    """What one way of telling says of the test slice: p50 and p90 at the assignment, and how hours scatter."""

    p50: Floats
    p90: Floats
    shape: Shape


def watching_tables(replayed: Replayed, slices: Slices, *, seeds: Sequence[int]) -> dict[str, dict[str, object]]:
    """Three tables: how often p50 and p90 are enough as work goes on, and what alarms of both kinds are worth."""
    watch = watch_of(replayed, slices)
    if min(int(watch.test.sum()), int(watch.ended.sum())) < FEWEST:
        return {"expected": {"n": int(watch.test.sum()), "rows": {}}}
    rule = _by_rule(watch)
    try:
        said = [_learned(watch, seed) for seed in seeds]
    except TrainingError:
        said = []
    return {
        "expected": _expected(watch, rule, said),
        "late": _late(watch, rule, said),
        "stuck": _stuck(watch, rule, said),
    }


def watch_of(replayed: Replayed, slices: Slices) -> Watch:
    """The pairs that were made, as they could be watched."""
    made, cases = replayed.actual, replayed.cases
    rows = made.decision
    decided, hours, known_at = cases.decided_at[rows], cases.hours[rows], cases.hours_known_at[rows]
    there = np.isfinite(hours)
    wall = bool(np.allclose((known_at - decided)[there], hours[there] * _SECONDS_PER_HOUR, atol=1.0))
    end = float(max(decided.max(), known_at[np.isfinite(known_at)].max(initial=0.0)))
    since = (np.array([[slices.test_start], [end]]) - decided) / _SECONDS_PER_HOUR
    ended = there & (known_at < slices.test_start)
    before = (slices.train | slices.stop)[rows]
    estimate, kind = cases.estimated_hours[rows], cases.category[rows]
    known = np.where(ended, hours, np.maximum(since[0], 0.0))
    train = before & (ended | wall)
    agreed = _agreed(known, train & ended, cases.priority[rows].astype(np.int64))
    given = (cases.deadline[rows] - decided) / _SECONDS_PER_HOUR
    return Watch(
        features=made.columns(FEATURE_NAMES),
        hours=np.where(there, hours, np.maximum(since[1], 0.0)),
        done=there,
        known=known,
        ended=train & ended,
        kind=kind,
        person=cases.person[rows],
        estimate=estimate,
        deadline=np.where(np.isfinite(given), given, np.where(np.isfinite(estimate), estimate, agreed)),
        train=train,
        test=slices.test[rows] & (there | wall),
    )


def _agreed(hours: Floats, rows: Bools, priority: Ints) -> Floats:
    """What might have been agreed: the time in which 75 % of the finished work of a priority was done."""
    return _of_group(hours, rows, priority, AGREED) if rows.any() else np.full(len(hours), np.nan)


def _of_group(hours: Floats, rows: Bools, group: Ints, level: float) -> Floats:
    """A quantile of the hours of `rows` of each group, of all where the group is rare."""
    found = np.full(len(hours), np.quantile(hours[rows], level))
    for code in np.unique(group):
        mine = rows & (group == code)
        if mine.sum() >= FEWEST_IN_KIND:
            found[group == code] = np.quantile(hours[mine], level)
    return found


def _by_rule(watch: Watch) -> _Said:
    """The plain rule of serving, from what was finished when the test began."""
    pieces = [
        FinishedWork(hours, str(person), str(kind), None if np.isnan(estimate) else estimate)
        for hours, person, kind, estimate in zip(
            watch.known.tolist(), watch.person.tolist(), watch.kind.tolist(), watch.estimate.tolist(), strict=True
        )
    ]
    usual = UsualHours.of([piece for piece, ended in zip(pieces, watch.ended.tolist(), strict=True) if ended])
    tested = [piece for piece, is_test in zip(pieces, watch.test.tolist(), strict=True) if is_test]
    found = floats([usual.hours(p.employee_id, p.category, p.estimated_hours) for p in tested])
    return _Said(found[:, 0], found[:, 1], LOG_NORMAL)


def _learned(watch: Watch, seed: int) -> _Said:
    rows = watch.train
    work = Work(watch.features[rows], watch.known[rows], watch.ended[rows], watch.kind[rows])
    model = train_eta(work, seed=seed)
    return _Said(*model.hours(watch.features[watch.test]), model.shape)


def _mean(said: Sequence[_Said], measure: Callable[[_Said], Row]) -> Row:
    rows = [measure(each) for each in said]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _expected(watch: Watch, rule: _Said, said: Sequence[_Said]) -> dict[str, object]:
    rows: Rows = {}
    for name, ways in (("plain rule", [rule]), ("ETA", said)):
        for passed, words in ((0.0, "at the assignment"), (0.5, "p50 / 2 has passed"), (1.0, "p50 has passed"),
                              (2.0, "2 · p50 has passed")):  # fmt: skip
            if ways:
                rows[f"{name}, {words}"] = _mean(ways, partial(_covered, watch, passed))
    return {"n": int(watch.test.sum()), "rows": rows}


def _covered(watch: Watch, passed: float, said: _Said) -> Row:
    """How often p50 and p90 are enough for work that has lasted `passed` times its p50; unfinished work counts."""
    hours, done = watch.hours[watch.test], watch.done[watch.test]
    elapsed = passed * said.p50
    going = (hours > elapsed) if passed else np.ones(len(hours), dtype=np.bool_)
    p50, p90 = said.p50[going], said.p90[going]
    if passed:
        p50, p90 = said.shape.hours(p50, p90, elapsed[going])
    work = Work(np.empty((int(going.sum()), 0)), hours[going], done[going], watch.kind[watch.test][going])
    kept = work.ended
    return {
        "share": float(going.mean()),
        "coverage_p50": coverage_of(work, np.maximum(p50, _SMALLEST)),
        "coverage_p90": coverage_of(work, np.maximum(p90, _SMALLEST)),
        "pinball_p50": float(pinball(work.hours[kept], p50[kept], HALF).mean()),
        "pinball_p90": float(pinball(work.hours[kept], p90[kept], MOST).mean()),
    }


def _late(watch: Watch, rule: _Said, said: Sequence[_Said]) -> dict[str, object]:
    hours, deadline, done = watch.hours[watch.test], watch.deadline[watch.test], watch.done[watch.test]
    judged = (deadline > 0.0) & (done | (hours > deadline))
    late = (hours > deadline)[judged]
    if late.sum() < FEWEST_FOUND:
        return {"n": int(judged.sum()), "share_late": float(late.mean()) if len(late) else 0.0, "rows": {}}
    case = _Late(hours[judged], deadline[judged], late)
    rows: Rows = {}
    for share in (0.5, 0.75, 0.9):
        rows[f"{share:.0%} of the time has passed"] = case.measured(case.passed(share))
    rows["plain rule, chance 1/3"] = case.measured(case.unlikely(_take(rule, judged)))
    if said:
        learned = _mean(said, lambda way: case.measured(case.unlikely(_take(way, judged))))
        rows["ETA, chance 1/3"] = learned
        rows["passed time, as precise as that"] = case.as_precise(learned["precision"])
    return {"n": int(judged.sum()), "share_late": float(late.mean()), "rows": rows}


@dataclass(frozen=True)
class _Late:
    """Work with deadlines; an alarm is the hour at which it is raised, infinite where it never is."""

    hours: Floats
    deadline: Floats
    late: Bools

    def passed(self, share: float) -> Floats:
        """When so much of the time to the deadline has passed."""
        at = share * self.deadline
        return np.where(self.hours > at, at, np.inf)

    def unlikely(self, said: _Said) -> Floats:
        """When the chance to be in time falls to a third, looked at 50 times before the deadline."""
        raised = np.full(len(self.hours), np.inf)
        for look in reversed(range(LOOKS)):
            at = self.deadline * look / LOOKS
            chance = said.shape.chance_beyond(said.p50, said.p90, at, self.deadline)
            now = (chance >= LATE) & (self.hours > at)
            raised[now] = at[now]
        return raised

    def as_precise(self, precision: float) -> Row:
        """The earliest share of passed time whose alarms are as often right, chosen on the test itself."""
        rows = (self.measured(self.passed(share)) for share in np.linspace(0.0, 0.98, LOOKS).tolist())
        return next((row for row in rows if row["precision"] >= precision), self.measured(self.passed(0.98)))

    def measured(self, raised: Floats) -> Row:
        """`lead` is the share of the time to the deadline that was left at the alarm: the mean over all late work."""
        alarm = np.isfinite(raised)
        right = alarm & self.late
        left = np.where(right, (self.deadline - np.where(alarm, raised, 0.0)), 0.0)
        return {
            "alarms": float(alarm.mean()),
            "precision": _share(right.sum(), alarm.sum()),
            "recall": _share(right.sum(), self.late.sum()),
            "lead": float((left / self.deadline)[self.late].mean()),
            "lead_hours": float(np.median(left[right])) if right.any() else 0.0,
        }


def _stuck(watch: Watch, rule: _Said, said: Sequence[_Said]) -> dict[str, object]:
    """Alarms about work that lasts too long; stuck is what in the end is among the slowest 5 % of its kind."""
    hours, done = watch.hours[watch.test], watch.done[watch.test]
    group = {
        level: _of_group(watch.known, watch.ended, watch.kind, level)[watch.test] for level in (HALF, MOST, SLOWEST)
    }
    judged = done | (hours > group[SLOWEST])
    stuck = hours > group[SLOWEST]
    if (stuck & judged).sum() < FEWEST_FOUND:
        return {"n": int(judged.sum()), "share_stuck": float(stuck[judged].mean()), "rows": {}}
    usual = np.full(len(hours), np.median(watch.known[watch.ended]))
    limits: Mapping[str, Floats] = {
        "2 × median of all work": 2.0 * usual,
        "2 × median of its kind": 2.0 * group[HALF],
    }
    rows: Rows = {name: _alarm(hours, limit, stuck, judged) for name, limit in limits.items()}
    for name, ways in (("plain rule", [rule]), ("ETA", said)):
        if ways:
            rows[f"{name}: 1.25 × its own p90"] = _mean(ways, lambda way: _alarm(hours, STUCK * way.p90, stuck, judged))
            rows[f"{name}: detector"] = _mean(
                ways, lambda way: _alarm(hours, np.maximum(STUCK * group[MOST], way.p90 / 2.0), stuck, judged)
            )
    return {"n": int(judged.sum()), "share_stuck": float(stuck[judged].mean()), "rows": rows}


def _alarm(hours: Floats, limit: Floats, stuck: Bools, judged: Bools) -> Row:
    """`rest_hours` is how much longer the work that was rightly noticed went on, in the median."""
    alarm = (hours > limit) & judged
    right = alarm & stuck
    return {
        "alarms": _share(alarm.sum(), judged.sum()),
        "precision": _share(right.sum(), alarm.sum()),
        "recall": _share(right.sum(), (stuck & judged).sum()),
        "rest_hours": float(np.median((hours - limit)[right])) if right.any() else 0.0,
    }


def _take(said: _Said, rows: Bools) -> _Said:
    two: Two = (said.p50[rows], said.p90[rows])
    return _Said(*two, said.shape)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
