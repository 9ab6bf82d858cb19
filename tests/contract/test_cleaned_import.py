"""The result of a cleaning comes into every database with one call."""

from __future__ import annotations

from pathlib import Path

from assignment_engine.quality import process_file
from assignment_engine.quality.report import FileKindOfResult
from assignment_engine.services.cleaned import import_final
from assignment_engine.services.imports import ImportKind, ImportMode
from assignment_engine.store.database import Database


def test_the_final_file_is_imported_with_one_call(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    rows = [f"t{n},Look after door {n} of the old house,{('high', 'low')[n % 2]},{n % 7 + 1}" for n in range(40)]
    rows += ["t3,Look after door 3 of the old house,low,4", "u1,=SUM(A1),high,"]
    path.write_text("\n".join(["task_id,title,priority,estimated_hours", *rows]) + "\n")
    done = process_file(path, tmp_path / "out")
    final = done.path_of(FileKindOfResult.FINAL, tmp_path / "out")
    assert "'=SUM(A1)" in final.read_text()
    with database.unit() as unit:
        result = import_final(unit, ImportKind.TASKS, ImportMode.ALL, final)
        unit.commit()
    assert (result.created, result.updated, result.rejected) == (41, 0, ())
    with database.read() as unit:
        stored = unit.tasks.get("u1")
    assert stored.title == "=SUM(A1)"
    assert stored.estimated_hours is not None
