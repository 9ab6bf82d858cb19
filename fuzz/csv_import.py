"""Feeds mutated CSV to everything that reads CSV from outside; any error but the engine's own is a finding."""

from __future__ import annotations

import io
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["assignment_engine"]):
    from assignment_engine.domain.errors import EngineError
    from assignment_engine.quality.options import QualityOptions, ReadLimits
    from assignment_engine.quality.reading import read_stream
    from assignment_engine.services.imports import ImportKind, csv_content

from fuzz.running import run

SEEDS = (
    "employee_id,name,skills,queues,max_workload,context\nana,Ana,python:0.9;sql,first,40,\n",
    'task_id,title,required_skills,deadline,context\nt1,"a, ""b""",python:2;c++,2026-01-01,"{""language"": ""de""}"\n',
    "task_id;title;estimated_hours;units;dependencies\nt1;x;1,5;2;t2,t3\n\n",
    "employee_id\ttask_id\tsuccess\thours\tcompleted_at\nana\tt1\ttrue\t3\t2026-01-01T00:00:00Z\n",
    '\ufefftask_id,title\n"open,quote\nnext,row\n',
)
LIMITS = QualityOptions(limits=ReadLimits(file_bytes=1 << 20, line_bytes=1 << 16, rows=1000, columns=100))


def read(data: bytes) -> None:
    """The first byte chooses the reader."""
    if not data:
        return
    kinds = list(ImportKind)
    choice = data[0] % (len(kinds) + 1)
    with suppress(EngineError):
        if choice == len(kinds):
            read_stream(io.BytesIO(data[1:]), LIMITS)
        else:
            csv_content(kinds[choice], io.StringIO(data[1:].decode("utf-8", "replace"), newline=""))


if __name__ == "__main__":
    run(read, [bytes([kind]) + seed.encode() for seed in SEEDS for kind in range(4)], sys.argv)
