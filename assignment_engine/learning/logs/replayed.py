"""The pairs of a replayed log."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from assignment_engine.features.arrays import Bools, Floats, Ints
from assignment_engine.learning.logs.cases import Cases


@dataclass(frozen=True)
class Replayed:
    """k pairs of n decisions, those of one decision together.

    `decision` (k,) is the row of each pair in `cases`; `features` (k, f) has the columns `names`; `candidate` is False
    for a person who was chosen without being among the candidates; `frequency` counts how much work of the category
    a person was given lately, `last_in_category` when the last of it was (NaN: never).
    """

    cases: Cases
    names: tuple[str, ...]
    decision: Ints
    person: Ints
    chosen: Bools
    candidate: Bools
    features: Floats = field(repr=False)
    frequency: Floats = field(repr=False)
    last_in_category: Floats = field(repr=False)

    def columns(self, names: tuple[str, ...]) -> Floats:
        """Some of the features, shape (k, len(names))."""
        if names == self.names[: len(names)]:
            return self.features[:, : len(names)]
        return self.features[:, [self.names.index(name) for name in names]]

    @property
    def actual(self) -> Replayed:
        """One pair for each decision: the one that was made."""
        return self.take(self.chosen)

    def take(self, rows: Bools) -> Replayed:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        own = {n: v[rows] for n, v in values.items() if n not in {"cases", "names"}}
        return Replayed(cases=self.cases, names=self.names, **own)
