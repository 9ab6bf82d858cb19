"""Plans from the relaxation and from task prices, improved until the budget ends or nothing better exists."""

from __future__ import annotations

import numpy as np

from assignment_engine.allocation.optimal import exact, moves
from assignment_engine.allocation.optimal.dual import TaskPrices
from assignment_engine.allocation.optimal.model import Budget, Incumbent, Model
from assignment_engine.allocation.optimal.problem import NOBODY
from assignment_engine.allocation.optimal.relaxation import Relaxation
from assignment_engine.allocation.optimal.search import Search

MEMORY = 0.8
SHARE_OF_PRICES = 0.3
SHARE_BEFORE_EXACT = 0.2
SHARE_OF_EXACT = 0.6
LEAST_REACH = 1e-3
SEARCHABLE, MOST_PAIRS = 20_000, 1_500
STEPS_PER_TASK = 200
STEPS_AT_ONCE = 2_000
HOT, COLD = (3.0, 1.0, 10.0, 1.0), 0.1
FRESH_EVERY = 3
BLUR = 0.3
TINY = 1e-9
UNIT = 0.7
IDLE_CYCLES = 1_000


class Improvement:
    """The state of improving one problem."""

    def __init__(self, model: Model, relaxation: Relaxation, incumbent: Incumbent, budget: Budget, seed: int) -> None:
        n, m = model.shape
        self._model, self._relaxation = model, relaxation
        self._incumbent, self._budget = incumbent, budget
        self._random = np.random.default_rng(seed)
        self._search = Search(model, relaxation, budget, seed)
        self._prices = TaskPrices(model, relaxation)
        self._past = np.zeros((m, n), dtype=np.float32)
        self._past[relaxation.columns.people, relaxation.columns.tasks] = relaxation.shares
        self._wishes, self._strength = np.zeros(n, dtype=np.int64), np.zeros(n)
        self._best_loss, self._best_at = np.inf, self._search.at
        self._scale = _scale(relaxation, self._search)
        # Where sizes are coarse, room is lost and won in whole units, and a chain must be able to pay for one.
        self._hot = max(self._scale, UNIT * float(np.median(relaxation.prices.second)))

    def run(self) -> int:
        """Improve the incumbent and its bound while there is time; returns the rounds made."""
        self._from_incumbent()
        rounds = self._settle_prices()
        if self._model.value.size <= SEARCHABLE:
            rounds += self._anneal(self._budget.part(SHARE_BEFORE_EXACT))
            if self._open and self._exact():
                return rounds
            self._from_incumbent()
        return rounds + self._anneal(self._budget)

    def _from_incumbent(self) -> None:
        """The best plan known, improved by chains."""
        given = self._incumbent.assigned
        people = np.where(given == NOBODY, self._model.shape[1], given)
        self._keep(self._search.build(self._search.chosen(people), self._random.permutation(given.size)))

    def rehearse(self) -> None:
        """Touch every compiled loop."""
        self._keep(self._search.build(self._wishes, self._random.permutation(self._wishes.size)))
        self._round()
        self._search.load(self._best_at)
        self._search.anneal(1, 1.0)
        self._prices.forced_changes()

    @property
    def _open(self) -> bool:
        return self._budget.left > 0.0 and not self._incumbent.closed

    def _keep(self, loss: float) -> bool:
        if loss >= self._best_loss - self._search.worth:
            return False
        self._best_loss, self._best_at = loss, self._search.at
        self._incumbent.offer(self._search.assigned)
        return True

    def _settle_prices(self) -> int:
        """Move the task prices until they stand still; each round makes a plan from the best sets."""
        rounds, budget = 0, self._budget.part(SHARE_OF_PRICES)
        while budget.left and self._open and self._prices.reach > LEAST_REACH:
            self._round()
            rounds += 1
        return rounds

    def _round(self) -> None:
        self._incumbent.tighten(self._prices.step(self._incumbent.value))
        self._build_from_sets()

    def _build_from_sets(self) -> None:
        """A plan from the present sets, and how often earlier ones asked for the same."""
        moves.wishes_of(self._prices.sets, self._past, MEMORY, self._search.choices, self._wishes, self._strength)
        self._keep(self._search.build(self._wishes, np.argsort(-self._strength, kind="stable")))

    def _exact(self) -> bool:
        """Search the pairs that are left, where they are few; returns whether nothing better exists."""
        pairs = exact.useful_at_prices(self._model, self._incumbent, self._relaxation)
        pairs &= exact.useful(self._model, self._incumbent, self._prices.bound, self._prices.forced_changes())
        if np.count_nonzero(pairs) > MOST_PAIRS:
            return False
        return exact.finish(self._model, self._incumbent, pairs, self._budget.part(SHARE_OF_EXACT))

    def _anneal(self, budget: Budget) -> int:
        """Cycles of random chains, until many in a row bring nothing: most from the best plan, some from a new one."""
        cycles = idle = 0
        while budget.left and self._open and idle < IDLE_CYCLES:
            if cycles % FRESH_EVERY == FRESH_EVERY - 1:
                self._fresh()
            else:
                self._search.load(self._best_at)
            improved = self._cycle(budget, STEPS_PER_TASK * self._best_at.size, HOT[cycles % len(HOT)] * self._hot)
            idle = 0 if improved else idle + 1
            cycles += 1
        return cycles

    def _fresh(self) -> None:
        """A plan from the best sets at prices near the best ones."""
        noise = self._random.standard_normal(self._wishes.size)
        self._prices.evaluate(self._prices.best + BLUR * self._scale * noise)
        self._build_from_sets()

    def _cycle(self, budget: Budget, steps: int, hot: float) -> bool:
        """One cooling, faster where the budget would not last for all steps; returns whether it found a better plan."""
        budget, done, part = budget.part(1.0), 0, 0.0
        while part < 1.0 and budget.left and self._open:
            self._search.anneal(STEPS_AT_ONCE, hot * (COLD * self._scale / hot) ** part)
            done += STEPS_AT_ONCE
            part = max(done / steps, budget.spent / max(budget.seconds, TINY))
        return self._keep(self._search.back_to_best())


def _scale(relaxation: Relaxation, search: Search) -> float:
    """A loss that matters little: the regret of a second choice, or a thousandth of a task where all are equal."""
    second = search.choices.cost[:, min(2, search.choices.cost.shape[1] - 1)]
    median = float(np.median(second[np.isfinite(second)]))
    return max(median, 1e-3 * float(np.abs(relaxation.worth).mean()), search.worth)
