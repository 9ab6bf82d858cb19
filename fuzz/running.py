"""Runs one target: seeds are written by code, and it ends after a minute unless told otherwise."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

USUAL = {
    "-max_total_time": "60",
    "-timeout": "20",
    "-rss_limit_mb": "4096",
    "-max_len": "20000",
    "-len_control": "0",
    "-verbosity": "1",
}


def run(read: Callable[[bytes], None], seeds: Sequence[bytes], arguments: Sequence[str]) -> None:
    """Call `read` with more and more mutated seeds; the process ends with an error at the first finding."""
    given = {argument.partition("=")[0] for argument in arguments}
    usual = [f"{name}={value}" for name, value in USUAL.items() if name not in given]
    with tempfile.TemporaryDirectory(prefix="assignment-engine-seeds-") as directory:
        for number, seed in enumerate(seeds):
            Path(directory, f"{number:02d}").write_bytes(seed)
        atheris.Setup([*arguments, *usual, directory], read)
        atheris.Fuzz()
