"""Whether off-policy estimates contain the truth as often as they claim, where every outcome is known.

In a crossed log everybody did every task, so the value of any policy can be read off. A log is drawn from it by a
known random policy, the estimates see only that log, and their intervals are compared with the truth, many times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assignment_engine.domain.records import Record
from assignment_engine.features.arrays import Floats
from assignment_engine.learning.offpolicy import Estimate, Logged, estimate

ESTIMATES = ("ips", "snips", "doubly_robust")
SEEN_SHARE = 0.5
SHARPNESS = 6.0


class Coverage(Record):
    """Over many logs: how often the interval held the truth, the mean error, and the mean width of the interval."""

    estimate: str
    coverage: float
    bias: float
    mean_width: float


class CrossedReport(Record):
    """The true values of the policies, and each estimate of the target's."""

    logs: int
    decisions: int
    logging_value: float
    target_value: float
    rows: tuple[Coverage, ...]


def coverage_of(
    outcomes: Floats, *, logs: int = 1000, decisions: int = 400, exploration: float = 0.3, seed: int = 1
) -> CrossedReport:
    """Draw `logs` logs of `decisions` decisions and estimate the value of another policy from each.

    Parameters
    ----------
    outcomes : shape (people, tasks), 1 good and 0 bad, complete.
    exploration : the share of decisions that the logging policy makes by lot; the rest prefers people who did well.

    Notes
    -----
    What the policies and the model of rewards know of people comes from half of the tasks, decisions from the others.
    The target prefers the same people more sharply. Tasks are drawn with replacement, so the truth is the mean over
    them, and 95 of 100 intervals should hold it.
    """
    rng = np.random.default_rng(seed)
    people, tasks = outcomes.shape
    order = rng.permutation(tasks)
    seen, unseen = np.split(order, [int(SEEN_SHARE * tasks)])
    quality = outcomes[:, seen].mean(axis=1)
    logging = exploration / people + (1.0 - exploration) * _softmax(SHARPNESS * quality)
    target = _softmax(4.0 * SHARPNESS * quality)
    value = outcomes[:, unseen].mean(axis=1)
    truth = float(target @ value)
    found: dict[str, list[Estimate]] = {name: [] for name in ESTIMATES}
    for _ in range(logs):
        task = rng.choice(unseen, decisions)
        person = rng.choice(people, decisions, p=logging)
        estimates = estimate(
            Logged(
                reward=outcomes[person, task],
                propensity=logging[person],
                target=target[person],
                expected=quality[person],
                expected_target=np.full(decisions, float(target @ quality)),
            )
        )
        for name in ESTIMATES:
            found[name].append(getattr(estimates, name))
    return CrossedReport(
        logs=logs,
        decisions=decisions,
        logging_value=float(logging @ value),
        target_value=truth,
        rows=tuple(_coverage(name, found[name], truth) for name in ESTIMATES),
    )


def _softmax(values: Floats) -> Floats:
    weight = np.exp(values - values.max())
    return np.asarray(weight / weight.sum())


def _coverage(name: str, found: Sequence[Estimate], truth: float) -> Coverage:
    return Coverage(
        estimate=name,
        coverage=float(np.mean([e.low <= truth <= e.high for e in found])),
        bias=float(np.mean([e.value for e in found])) - truth,
        mean_width=float(np.mean([e.high - e.low for e in found])),
    )
