"""A model of two small trees and the manifests around it, so that a mutated byte often hits something that counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import lightgbm
import numpy as np

from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.readers import NUMBER, TRUSTED
from assignment_engine.learning.shape import LOG_NORMAL
from assignment_engine.scoring.bundle import load_bundle
from assignment_engine.scoring.registry import shipped_models


def _text(objective: str, names: Sequence[str]) -> str:
    rng = np.random.default_rng(1)
    features = rng.random((200, len(names)))
    parameters = {"objective": objective, "num_leaves": 3, "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(features, features[:, 0], feature_name=list(names))
    return str(lightgbm.train(parameters, data, 2).model_to_string())


TEXT = _text("quantile", FEATURE_NAMES)
WORDS_TEXT = _text(str(NUMBER["objective"]), ["Column_0"])
MANIFEST = {
    **load_bundle(shipped_models() / "default").manifest.model_dump(mode="json"),
    "objective": "quantile",
    "metrics": {},
    "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
}
ETA = {
    "features": list(FEATURE_NAMES),
    "offsets": [0.0, 1.0],
    "shape": LOG_NORMAL.knots.round(3).tolist(),
    "longest_hours": 100.0,
    "measured": {},
    "about": {},
}
_ABOUT = {
    "version": "words",
    "created_at": "2026-01-01T00:00:00Z",
    "training": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z", "rows": 1, "seed": 1, "data": "x"},
    "fields": ["hours"],
    "usual": {"hours": 1.0},
    "measured": {},
    "libraries": {},
}
_READER = {"linear": [[0.1, 0.2]], "share": 0.5, "log_counts": None, "trust": [0.1] * TRUSTED}
_WORDS = {"terms": ["a"], "idf": [1.0], "common": [0], "categories": [], "readers": {"hours": _READER}}
TRIAGE = f"{json.dumps(_ABOUT)}\n{json.dumps(_WORDS)}"
