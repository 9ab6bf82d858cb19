"""Finds what is sparse, wrong or double in a table before it decides anything.

Frames in and reports out (`check`, `clean`, `deduplicate`), or file to file (`check_file`, `clean_file`,
`deduplicate_file`, `process_file`). Names are imported when they are first used: pandas and the like load late.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assignment_engine.domain.files import UseCase
    from assignment_engine.quality.files import check_file, clean_file, deduplicate_file, process_file
    from assignment_engine.quality.frames import check, clean, deduplicate
    from assignment_engine.quality.options import (
        FillMethod,
        FillOptions,
        MatchOptions,
        QualityOptions,
        ReadLimits,
        Role,
    )

_HOMES = {
    "FillMethod": "options",
    "FillOptions": "options",
    "MatchOptions": "options",
    "QualityOptions": "options",
    "ReadLimits": "options",
    "Role": "options",
    "UseCase": "files",
    "check": "frames",
    "check_file": "files",
    "clean": "frames",
    "clean_file": "files",
    "deduplicate": "frames",
    "deduplicate_file": "files",
    "process_file": "files",
}

__all__ = [
    "FillMethod",
    "FillOptions",
    "MatchOptions",
    "QualityOptions",
    "ReadLimits",
    "Role",
    "UseCase",
    "check",
    "check_file",
    "clean",
    "clean_file",
    "deduplicate",
    "deduplicate_file",
    "process_file",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
