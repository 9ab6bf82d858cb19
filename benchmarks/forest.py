"""Scores per second of the compiled forest, LightGBM and other libraries on the same pairs.

    python -m benchmarks.forest [--model MODEL.txt] [--pairs 1000000] [--lleaves-python PYTHON] [--json]

The forest makes its features itself, as it does in a plan; all others are handed the finished feature vectors, whose
making is not counted. The comparators are in `benchmarks/requirements.lock`; lleaves needs an older llvmlite than
numba and thus an environment of its own (`benchmarks/requirements-lleaves.lock`), whose interpreter is given.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from assignment_engine.features.arrays import Floats
from assignment_engine.features.definition import feature_matrix
from assignment_engine.features.pairs import Pairs, build_pairs
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.scoring.forest.rows import ForestRows
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from benchmarks.problems import NOW, people, scorer_of, work
from benchmarks.timing import Row, best_seconds, show

EMPLOYEES = 10_000
SAMPLE = 100_000
ROUNDS = 4
LLEAVES = """
import sys, time, numpy, lleaves
model = lleaves.Model(model_file=sys.argv[1])
model.compile(raw_score=True)
features = numpy.load(sys.argv[2])
best = float("inf")
for _ in range(5):
    start = time.perf_counter()
    found = model.predict(features, n_jobs=int(sys.argv[4]))
    best = min(best, time.perf_counter() - start)
numpy.save(sys.argv[3], found)
print(best)
"""


class Measured(NamedTuple):
    """Pairs per second, and the raw scores of the sample."""

    rate: float
    raw: Floats


class Setting(NamedTuple):
    """What everybody is measured on; `features` are the first `SAMPLE` pairs, row by row."""

    scorer: LightGbmScorer
    pairs: Pairs
    features: Floats
    lleaves_python: str | None


Measure = Callable[[Setting, int], Measured]


def by_forest(setting: Setting, threads: int) -> Measured:
    pairs, everyone = setting.pairs, np.arange(setting.pairs.shape[1])
    rows = ForestRows.of(setting.scorer.forest, pairs, pairs.initial.copy(), threads)
    tasks = range(pairs.shape[0])
    seconds = best_seconds(lambda: [rows.raw(task, everyone) for task in tasks], seconds=1.0)
    sample = math.ceil(len(setting.features) / everyone.size)
    raw = np.concatenate([rows.raw(task, everyone) for task in tasks[:sample]])
    return Measured(len(tasks) * everyone.size / seconds, raw[: len(setting.features)])


def by_booster(setting: Setting, threads: int) -> Measured:
    predictor = setting.scorer.bundle.predictor
    return _measured(lambda features: predictor.raw(features, threads), setting.features)


def by_treelite(setting: Setting, threads: int) -> Measured:
    import treelite  # noqa: PLC0415  (may not be installed)

    model = treelite.frontend.from_lightgbm(setting.scorer.bundle.predictor.booster)
    return _measured(
        lambda features: treelite.gtil.predict(model, features, nthread=threads, pred_margin=True).ravel(),
        setting.features,
    )


def by_onnxruntime(setting: Setting, threads: int) -> Measured:
    import onnxruntime  # noqa: PLC0415  (may not be installed)
    from onnxmltools import convert_lightgbm  # noqa: PLC0415
    from onnxmltools.convert.common.data_types import FloatTensorType  # noqa: PLC0415

    shape = FloatTensorType([None, setting.features.shape[1]])
    booster = setting.scorer.bundle.predictor.booster
    model = convert_lightgbm(booster, initial_types=[("input", shape)], zipmap=False, target_opset=15)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    single = setting.features.astype(np.float32)
    measured = _measured(lambda _: session.run(["probabilities"], {"input": single})[0][:, 1], setting.features)
    return measured._replace(raw=_log_odds(measured.raw))


def by_lleaves(setting: Setting, threads: int) -> Measured:
    if setting.lleaves_python is None:
        raise ModuleNotFoundError("no interpreter given")
    with tempfile.TemporaryDirectory() as scratch:
        model, features, found = (Path(scratch, name) for name in ("model.txt", "features.npy", "found.npy"))
        model.write_text(setting.scorer.bundle.model_text)
        np.save(features, setting.features)
        command = [setting.lleaves_python, "-c", LLEAVES, *map(str, (model, features, found, threads))]
        seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return Measured(len(setting.features) / seconds, np.load(found))


def _log_odds(probability: Floats) -> Floats:
    probability = np.asarray(probability, dtype=np.float64)
    return np.log(probability / (1.0 - probability))


def _measured(predict: Callable[[Floats], Floats], features: Floats) -> Measured:
    return Measured(len(features) / best_seconds(lambda: predict(features), seconds=1.0), np.asarray(predict(features)))


MEASURES: dict[str, Measure] = {
    "compiled forest": by_forest,
    "Booster.predict": by_booster,
    "treelite gtil": by_treelite,
    "onnxruntime": by_onnxruntime,
    "lleaves": by_lleaves,
}


def setting_of(model: Path | None, pairs: int, lleaves_python: str | None) -> Setting:
    """At least one task and as many more as make up the number of pairs."""
    rng = np.random.default_rng(1)
    employees = people(min(EMPLOYEES, pairs), rng)
    tasks = work(math.ceil(pairs / len(employees)), len(employees), rng)
    built = build_pairs(tasks, employees, NOW, matcher=SkillMatcher())
    sample = np.arange(min(SAMPLE, built.shape[0] * built.shape[1]))
    features = feature_matrix(built, built.initial, *np.divmod(sample, built.shape[1]))
    return Setting(scorer_of(model), built, features, lleaves_python)


def best_of_rounds(setting: Setting, threads: int) -> dict[str, Measured | str]:
    """The best of several rounds over all libraries in turn, so that a busy machine slows none of them alone."""
    found: dict[str, Measured | str] = {}
    for _ in range(ROUNDS):
        for name, measure in MEASURES.items():
            try:
                fresh, before = measure(setting, threads), found.get(name)
                found[name] = before if isinstance(before, Measured) and before.rate > fresh.rate else fresh
            except ModuleNotFoundError as exc:
                found[name] = f"missing: {exc}"
    return found


def measurements(setting: Setting, threads: tuple[int, ...]) -> Iterator[Row]:
    """One row for each library and number of threads; those that are not installed say so."""
    for count in threads:
        found = best_of_rounds(setting, count)
        reference = found["Booster.predict"]
        for name, measured in found.items():
            if isinstance(measured, str) or isinstance(reference, str):
                rate, times, difference, note = None, None, None, str(measured)
            else:
                rate, times, note = measured.rate, measured.rate / reference.rate, ""
                difference = float(np.abs(measured.raw - reference.raw).max())
            yield {
                "library": name,
                "threads": count,
                "pairs/s": rate,
                "x Booster": times,
                "difference": difference,
                "note": note,
            }


@click.command(help=__doc__)
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), help="LightGBM text; default: the shipped bundle"
)
@click.option("--pairs", default=1_000_000, show_default=True)
@click.option("--threads", "threads", multiple=True, default=(1, 2), show_default=True)
@click.option("--lleaves-python", help="interpreter of the environment that has lleaves")
@click.option("--json", "as_json", is_flag=True)
def main(
    model: Path | None, pairs: int, threads: tuple[int, ...], lleaves_python: str | None, *, as_json: bool
) -> None:
    show(list(measurements(setting_of(model, pairs, lleaves_python), threads)), as_json=as_json)


if __name__ == "__main__":
    main()
