"""Trees fitted by `lightgbm.dask`, from the start again whenever a worker is lost."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from time import monotonic, sleep
from typing import Any, NamedTuple

import numpy as np

from assignment_engine.domain.errors import ClusterError
from assignment_engine.features.arrays import Floats
from assignment_engine.features.definition import feature_names
from assignment_engine.learning.recipes import Recipe
from assignment_engine.learning.training import SUCCESS, Training

LOOK_SECONDS = 0.5
GRACE_SECONDS = 5.0
RETURN_SECONDS = 30.0
CONNECT_MINUTES = 1
_OF_THE_NETWORK = re.compile(r"^\[(machines|local_listen_port|num_machines|time_out): [^\]\n]*\]\n", re.MULTILINE)
_OF_ESTIMATORS = {
    "min_data_in_leaf": "min_child_samples",
    "feature_fraction": "colsample_bytree",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "lambda_l2": "reg_lambda",
    "seed": "random_state",
}


class Rows(NamedTuple):
    """A future of features (k, f) and outcomes (k,) on the cluster, and k."""

    future: Any
    size: int


def fitted(client: Any, rows: Sequence[Rows], training: Training, attempts: int) -> str:
    """The text of a model of these rows, without the addresses of those who learned it.

    Raises
    ------
    ClusterError
        If workers were lost in every attempt.
    """
    from distributed import wait as settled  # noqa: PLC0415  (an extra)

    for _ in range(attempts):
        settled([part.future for part in rows])
        for part in rows:
            if part.future.status == "error":
                part.future.result()
        text = attempted(client, lambda own: _fit(own, rows, training))
        if text is not None:
            return _OF_THE_NETWORK.sub("", text)
    raise ClusterError(f"workers were lost in each of {attempts} attempts to train")


def attempted(client: Any, fit: Callable[[Any], str]) -> str | None:
    """The result of `fit`, which gets a client of its own; None where a worker was lost meanwhile.

    LightGBM's workers notice that one is gone, unless they are only just looking for each other: then they wait, and
    are started again. Dask waits as well, without end, for a task that only the dead worker may do, until the client
    is closed.
    """
    import distributed  # noqa: PLC0415  (an extra)

    before = set(client.nthreads())
    own: Any = distributed.Client
    own = own(client.scheduler.address, security=client.security, set_as_default=False)
    with ThreadPoolExecutor(1, "training") as pool, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored", UserWarning)
        fitting, lost = pool.submit(fit, own), False
        while not lost and not wait([fitting], LOOK_SECONDS).done:
            lost = not before <= set(client.nthreads())
        if lost and not wait([fitting], GRACE_SECONDS).done:
            _free(client)
        own.close()
    error = fitting.exception()
    if error is None:
        return fitting.result()
    if not lost and not _is_lost(client, before):
        raise error
    _wait_for(client, len(before))
    return None


def _free(client: Any) -> None:
    """Start the workers again that wait inside LightGBM for one that is gone."""
    waiting = [worker for worker, keys in client.processing().items() if any("_train_part" in key for key in keys)]
    if waiting:
        client.restart_workers(waiting, timeout=RETURN_SECONDS, raise_for_error=False)


def _is_lost(client: Any, before: set[str]) -> bool:
    """Whether one of these workers is gone; the scheduler may notice it later than the other workers."""
    until = monotonic() + GRACE_SECONDS
    while before <= set(client.nthreads()):
        if monotonic() > until:
            return False
        sleep(LOOK_SECONDS)
    return True


def _wait_for(client: Any, workers: int) -> None:
    """Give a worker that is started again the time to come back; without it there are fewer."""
    until = monotonic() + RETURN_SECONDS
    while len(client.nthreads()) < workers and monotonic() < until:
        sleep(LOOK_SECONDS)


def _fit(client: Any, rows: Sequence[Rows], training: Training) -> str:
    import lightgbm  # noqa: PLC0415  (takes seconds to import)
    from dask import array  # noqa: PLC0415  (an extra)
    from dask.delayed import delayed  # noqa: PLC0415
    from distributed import Future  # noqa: PLC0415

    names = feature_names(training.sets)
    held: Any = Future
    parts = [delayed(part) for part in _dealt(client, [held(part.future.key, client) for part in rows])]
    features = [
        array.from_delayed(delayed(_features)(part), (count, len(names)), np.float64)
        for part, (_, count) in zip(parts, rows, strict=True)
    ]
    target = [
        array.from_delayed(delayed(_target)(part), (count,), np.float64)
        for part, (_, count) in zip(parts, rows, strict=True)
    ]
    # A regressor takes 0 and 1 as they are; a classifier would number the classes that each worker happens to have.
    model = lightgbm.DaskLGBMRegressor(client=client, **parameters(training, names))
    model.fit(array.concatenate(features), array.concatenate(target), feature_name=list(names))
    return str(model.booster_.model_to_string())


def _dealt(client: Any, futures: Sequence[Any]) -> list[Any]:
    """The same, one after the other on the next worker, so that each learns from its share."""
    from distributed import wait as settled  # noqa: PLC0415  (an extra)

    workers = sorted(client.nthreads())
    dealt = [
        client.submit(_same, future, workers=workers[number % len(workers)], allow_other_workers=True, pure=False)
        for number, future in enumerate(futures)
    ]
    settled(dealt)
    return dealt


def parameters(training: Training, names: Sequence[str]) -> dict[str, Any]:
    """Those of the recipe, under the names of LightGBM's estimators where they have their own."""
    recipe: Recipe = training.recipe or SUCCESS
    known = recipe.parameters(names, training.seed)
    del known["num_threads"]  # each worker takes the threads that it has
    own = {_OF_ESTIMATORS.get(name, name): value for name, value in known.items()}
    return {**own, "n_estimators": recipe.rounds, "time_out": CONNECT_MINUTES}


def _same(rows: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    return rows


def _features(rows: tuple[Floats, Floats]) -> Floats:
    return rows[0]


def _target(rows: tuple[Floats, Floats]) -> Floats:
    return rows[1]
