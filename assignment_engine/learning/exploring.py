"""Decisions and bundles as frames to look at, as the notebooks show them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from assignment_engine.domain.errors import InvalidInputError
from assignment_engine.learning.dataset import Dataset
from assignment_engine.learning.judging import Unseen, probability
from assignment_engine.learning.offpolicy import estimate_policy
from assignment_engine.scoring.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

BINS = 8


def by_week(data: Dataset) -> pd.DataFrame:
    """For each week decisions were made in (its Monday): how many, how many of them have an outcome, and the share of
    good ones."""
    import pandas as pd  # noqa: PLC0415  (takes a second to import)

    chosen = data.take(data.chosen)
    days = chosen.decided_at.astype("datetime64[D]")
    weeks = days - (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    frame = pd.DataFrame({"week": weeks, "good": chosen.good}).groupby("week")["good"]
    return pd.DataFrame({"decisions": frame.size(), "with_outcome": frame.count(), "share_good": frame.mean()})


def by_feature(data: Dataset, name: str, bins: int = BINS) -> pd.DataFrame:
    """The share of good outcomes where a feature has about the same value: `bins` ranges with as many decisions each,
    and one for those where it is missing."""
    import pandas as pd  # noqa: PLC0415

    judged = data.judged
    values = judged.columns([name])[:, 0]
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, bins + 1)[1:-1])) if len(known) else np.empty(0)
    place = np.where(np.isnan(values), np.inf, np.searchsorted(edges, values, side="right"))
    frame = pd.DataFrame({"place": place, "value": values, "good": judged.good}).groupby("place")
    return pd.DataFrame(
        {
            "from": frame["value"].min(),
            "to": frame["value"].max(),
            "decisions": frame.size(),
            "share_good": frame["good"].mean(),
        }
    ).reset_index(drop=True)


def features_of(data: Dataset) -> pd.DataFrame:
    """Each feature of the pairs that were chosen: the share that is missing, and what the others are like."""
    import pandas as pd  # noqa: PLC0415

    chosen = data.take(data.chosen)
    frame = pd.DataFrame(chosen.features, columns=list(chosen.names))
    told = {"missing": frame.isna().mean(), "mean": frame.mean(), "least": frame.min(), "most": frame.max()}
    return pd.DataFrame(told)


def reliability(bundle: Bundle, data: Dataset, bins: int = BINS) -> pd.DataFrame:
    """Probabilities of decisions that the bundle has not learned from, in ranges of as many each, beside what came of
    them: where both agree, they can be taken at their word.

    Raises
    ------
    TrainingError
        If too few such decisions have an outcome.
    """
    import pandas as pd  # noqa: PLC0415

    unseen = Unseen.of(data, bundle)
    found = probability(bundle, unseen.rows)
    place = np.minimum(np.argsort(np.argsort(found, kind="stable")) * bins // len(found), bins - 1)
    frame = pd.DataFrame({"place": place, "found": found, "good": unseen.good}).groupby("place")
    share, count = frame["good"].mean(), frame.size()
    return pd.DataFrame(
        {
            "probability": frame["found"].mean(),
            "share_good": share,
            "standard_error": np.sqrt(share * (1.0 - share) / count),
            "decisions": count,
        }
    ).reset_index(drop=True)


def policy_value(bundle: Bundle, data: Dataset) -> pd.DataFrame:
    """What choosing by the bundle among the logged candidates would have been worth, each estimate with its interval;
    where the log cannot say it, one row with the reason."""
    import pandas as pd  # noqa: PLC0415

    score = partial(probability, bundle)
    try:
        found = estimate_policy(data, score, expected=score)
    except InvalidInputError as exc:
        return pd.DataFrame({"refused": [str(exc)]})
    estimates = {name: getattr(found, name) for name in ("logged", "ips", "snips", "doubly_robust")}
    frame = pd.DataFrame({name: value.model_dump() for name, value in estimates.items() if value is not None}).T
    return frame.assign(decisions=found.decisions, effective=found.effective)
