"""From file to file."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assignment_engine.domain.errors import InvalidInputError, UnreadableFileError
from assignment_engine.domain.files import FileProcessingMetrics
from assignment_engine.quality import QualityOptions, UseCase, check_file, clean_file, deduplicate_file, process_file
from assignment_engine.quality.report import ChangedAssignment, FileKindOfResult, Impact, ImpactResult, JobResults
from assignment_engine.quality.writing import escaped, is_formula, safe_stem, unescaped

HEAD = "task_id,title,priority,estimated_hours,category"
DOORS = ("red", "blue", "green", "brown", "black", "white", "grey", "glass")
PLACES = ("hall", "office", "store", "gate", "roof", "lift", "yard", "cellar")


def lines(count: int = 60) -> list[str]:
    rows = [
        f"t{n},Look after the {PLACES[n % 8]} near the {DOORS[(n // 8) % 8]} door,{('high', 'low')[n % 2]},"
        f"{'' if n % 10 == 0 else 2 + n % 2},{('bug', 'call')[n % 2]}"
        for n in range(count)
    ]
    return [HEAD, *rows]


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Sixty tasks, six without an estimate, and a copy of the fourth under another id."""
    path = tmp_path / "tasks.csv"
    path.write_text("\n".join([*lines(), "copy" + lines()[4][2:]]) + "\n")
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def names(results: JobResults) -> dict[str, FileKindOfResult]:
    return {file.name: file.kind for file in results.files}


def test_the_chain_fills_merges_and_names_every_file(tasks, tmp_path):
    out = tmp_path / "out"
    before = tasks.read_bytes()
    done = process_file(tasks, out)
    assert names(done.results) == {
        "tasks.cleaned.csv": "cleaned",
        "tasks.deduplicated.csv": "deduplicated",
        "tasks.id-map.csv": "report",
        "tasks.review.csv": "report",
        "tasks.final.csv": "final",
        "tasks.report.html": "report",
        "tasks.report.json": "report",
    }
    assert {path.name for path in out.iterdir()} == names(done.results).keys()
    assert tasks.read_bytes() == before
    assert len(read(out / "tasks.cleaned.csv")) == 61
    final = read(out / "tasks.final.csv")
    assert (len(final), read(out / "tasks.deduplicated.csv")) == (60, final)
    assert all(row["estimated_hours"] for row in final)
    assert [row["task_id"] for row in final if row["filled_columns"]] == [f"t{n}" for n in range(0, 60, 10)]
    assert {row["filled_columns"] for row in final} == {"", "estimated_hours"}
    (moved,) = read(out / "tasks.id-map.csv")
    assert (moved["removed_id"], moved["surviving_id"], moved["removed_line"]) == ("copy", "t3", "62")


def test_results_and_metrics_have_the_documented_shape(tasks, tmp_path):
    done = process_file(tasks, tmp_path / "out")
    results = done.results.model_dump(mode="json")
    assert results.keys() == {"files", "uc1", "uc4", "impact"}
    assert results["impact"] is None  # nobody who could plan was there
    assert results["uc1"]["filled"] == {"estimated_hours": 6}
    assert results["uc1"]["score"] < results["uc1"]["score_after"]
    assert results["uc1"]["completeness"] == pytest.approx(1 - 6 / (61 * 5), abs=1e-4)
    assert (results["uc4"]["duplicates_removed"], results["uc4"]["clusters"]) == (1, 1)
    assert done.metrics == FileProcessingMetrics(
        file_size_bytes=tasks.stat().st_size,
        rows=61,
        issues_found=done.metrics.issues_found,
        processing_time_seconds=done.metrics.processing_time_seconds,
    )
    assert done.metrics.issues_found >= 1
    assert done.metrics.processing_time_seconds > 0


def impact_of(kind, table, suspect) -> Impact:
    """As if every suspect task were left to nobody."""
    changes = [
        ChangedAssignment(
            task_id=f"={table.by_name['task_id'].text(row)}",
            suspect=True,
            employee_with="ana",
            employee_without=None,
            score_with=0.5,
            score_without=None,
        )
        for row in suspect.nonzero()[0].tolist()
    ]
    return Impact(
        method="greedy",
        scorer="none 1",
        suspect_tasks=len(changes),
        suspect_employees=0,
        assigned_with=len(changes),
        assigned_without=0,
        total_score_with=0.5 * len(changes),
        total_score_without=0.0,
        at_stake=0.5 * len(changes),
        share_at_stake=1.0,
        changed=len(changes),
        changes=tuple(changes),
    )


def test_what_it_means_for_a_plan_is_told_in_short_and_in_full(tmp_path):
    """Thirty of ninety rows cannot be trusted: twenty are in the results, all in the file, formulas disarmed."""
    path = tmp_path / "tasks.csv"
    path.write_text("\n".join([*lines(60), *(f"t{n + 100},Paint it,urgent,2,bug" for n in range(30))]) + "\n")
    done = process_file(path, tmp_path / "out", (UseCase.UC1,), judge=impact_of)
    found = done.results.impact
    assert isinstance(found, ImpactResult)
    assert (found.computed, found.changed, len(found.changes), found.at_stake) == (True, 30, 20, 15.0)
    assert names(done.results)[found.file] == "report"
    full = read(tmp_path / "out" / found.file)
    assert [row["task_id"] for row in full] == [f"'=t{n + 100}" for n in range(30)]
    assert (full[0]["employee_with"], full[0]["employee_without"], full[0]["score_without"]) == ("ana", "", "")
    assert "30 assignments change" in (tmp_path / "out" / "tasks.report.html").read_text()


def test_duplicates_are_suspect_where_they_were_looked_for(tasks, tmp_path):
    def suspects(use_case: UseCase) -> int:
        found = process_file(tasks, tmp_path / use_case, (use_case,), judge=impact_of).results.impact
        assert isinstance(found, ImpactResult)
        return found.suspect_tasks

    assert (suspects(UseCase.UC1), suspects(UseCase.UC4)) == (0, 1)


def test_files_that_no_plan_is_made_of_are_not_judged(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n1,2\n")
    assert process_file(tmp_path / "a.csv", tmp_path / "out", judge=impact_of).results.impact is None


def test_each_agent_alone(tasks, tmp_path):
    cleaned = clean_file(tasks, tmp_path / "a").results
    assert cleaned.uc4 is None
    assert FileKindOfResult.DEDUPLICATED not in names(cleaned).values()
    assert len(read(tmp_path / "a" / "tasks.final.csv")) == 61
    unique = deduplicate_file(tasks, tmp_path / "b").results
    assert unique.uc1 is None
    assert "filled_columns" not in read(tmp_path / "b" / "tasks.final.csv")[0]
    with pytest.raises(InvalidInputError, match="expected UC1"):
        process_file(tasks, tmp_path, ())


def test_a_second_run_writes_the_same(tasks, tmp_path):
    def run() -> dict[str, bytes]:
        process_file(tasks, tmp_path / "out")
        return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    assert run() == run()


def test_progress_only_grows_and_ends_at_one(tasks, tmp_path):
    told: list[tuple[str, float]] = []
    process_file(tasks, tmp_path / "out", progress=lambda stage, share: told.append((stage, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


def test_the_report_for_programs_says_everything(tasks, tmp_path):
    done = process_file(tasks, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "tasks.report.json").read_text())
    assert told["report"] == done.report.model_dump(mode="json")
    assert told["duplicates"]["clusters"] == 1
    assert [fill["filled"] for fill in told["fills"] if fill["column"] == "estimated_hours"] == [6]


def test_a_reference_is_compared(tasks, tmp_path):
    reference = tmp_path / "reference.csv"
    reference.write_text("\n".join(lines()).replace("category", "task_category") + "\n")
    report = check_file(tasks, reference).report
    assert (report.file, report.reference) == ("tasks.csv", "reference.csv")
    assert [entry.found for entry in report.schema_comparison.renamed] == ["category"]
    done = process_file(tasks, tmp_path / "out", (UseCase.UC1,), reference)
    assert done.results.uc1.reference == "reference.csv"


def test_a_bad_reference_is_named(tasks, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UnreadableFileError, match=r"reference 'empty\.csv'"):
        check_file(tasks, tmp_path / "empty.csv")


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    (tmp_path / "bad.csv").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(UnreadableFileError):
        process_file(tmp_path / "bad.csv", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_empty_table_goes_through(tmp_path):
    (tmp_path / "head.csv").write_text(HEAD + "\n")
    done = process_file(tmp_path / "head.csv", tmp_path / "out")
    assert (done.metrics.rows, read(tmp_path / "out" / "head.final.csv")) == (0, [])
    found = done.results.uc1.model_dump(include={"score", "score_after", "completeness", "completeness_after"})
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("tasks.csv", "tasks"),
        ("tasks.csv.gz", "tasks"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        (".hidden.csv", "hidden"),
        ("a b;c&d.csv", "a_b_c_d"),
        ("x" * 300, "x" * 80),
    ],
)
def test_names_of_outputs_stay_in_their_directory(name, stem):
    assert safe_stem(name) == stem


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "＝1+1", "-", "=x"])
def test_formulas_are_disarmed(text):
    assert is_formula(text)
    assert escaped(text) == f"'{text}"
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("text", ["", "-5", "+3.5", "-1e3", "a=b", "it's", "'quoted", "2026-01-01"])
def test_what_is_no_formula_stays(text):
    assert escaped(text) == unescaped(text) == text


def test_formulas_in_cells_and_names_are_disarmed_in_outputs(tmp_path):
    (tmp_path / "f.csv").write_text('id,=evil(),note\n1,-5,"=HYPERLINK(""http://x"")"\n2,3,fine\n')
    process_file(tmp_path / "f.csv", tmp_path / "out")
    first, second = read(tmp_path / "out" / "f.final.csv")
    assert first["'=evil()"] == "-5"
    assert first["note"].startswith("'=HYPERLINK")
    assert second["note"] == "fine"
    process_file(tmp_path / "f.csv", tmp_path / "raw", options=QualityOptions(escape_formulas=False))
    assert read(tmp_path / "raw" / "f.final.csv")[0]["note"].startswith("=HYPERLINK")


class _Loads(HTMLParser):
    """Collects every tag and attribute by which a page could load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_report_loads_nothing_and_runs_nothing(tmp_path):
    evil = "<script>alert(1)</script><img src=http://x onerror=alert(1)>"
    path = tmp_path / "e.csv"
    path.write_text(f'task_id,priority,"{evil}"\n' + "".join(f'{n},{evil},"{evil}"\n' for n in range(60)))
    process_file(path, tmp_path / "out")
    page = (tmp_path / "out" / "e.report.html").read_text()
    parser = _Loads()
    parser.feed(page)
    assert not parser.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    assert not parser.attributes & {"src", "href", "onerror", "action"}
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "&lt;script&gt;" in page


def test_the_package_loads_late():
    """Neither pandas nor scikit-learn is loaded by importing the package and reading a file."""
    code = (
        "import io, sys; from assignment_engine.quality.reading import read_stream; import assignment_engine.quality;"
        "read_stream(io.BytesIO(b'a,b\\n1,2\\n'));"
        "print([m for m in ('pandas', 'sklearn', 'lightgbm', 'rapidfuzz', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert re.fullmatch(r"\[\]\s*", done.stdout)
