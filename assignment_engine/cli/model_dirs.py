"""Which directory of models a command means: that of the server, unless another one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

C = TypeVar("C", bound=Callable[..., object])


def _shipped() -> Path:
    from assignment_engine.scoring.registry import shipped_models

    return shipped_models()


def _option(*, exists: bool, **more: Any) -> Callable[[C], C]:
    kind = click.Path(exists=exists, file_okay=False, path_type=Path)
    return click.option("--model-dir", type=kind, envvar="MODEL_DIR", show_envvar=True, **more)


READ = _option(exists=True, default=_shipped, show_default="the shipped models")
READ_IF_NAMED = _option(exists=True, help="Models other than the shipped.")
# The models that come with the engine are not changed, so there is no default.
CHANGED = _option(exists=False, required=True)
