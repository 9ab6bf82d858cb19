"""Files of bad will: every reader answers or refuses with the engine's own error, and quotes little of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment_engine.cli import main
from assignment_engine.domain.errors import ConfigurationError, EngineError, InvalidInputError
from assignment_engine.domain.records import Employee, Record, Task
from assignment_engine.features.skills import read_aliases
from assignment_engine.learning.logs.adapter import read_adapter
from assignment_engine.quality.options import QualityOptions, ReadLimits
from assignment_engine.quality.reading import read_stream
from assignment_engine.services.imports import RECORD_KINDS, ImportKind, csv_content
from assignment_engine.services.triage.learned import read_phrases
from tests.property.hostile import EXAMPLES, PIECES, mutated

LONGEST_MESSAGE = 4000
LIMITS = QualityOptions(limits=ReadLimits(file_bytes=1 << 20, line_bytes=1 << 14, rows=1000, columns=100))
CSV = {
    ImportKind.EMPLOYEES: "employee_id,name,skills,queues,max_workload\nana,Ana,python:0.9;sql,first;second,40\n",
    ImportKind.TASKS: 'task_id,title,required_skills,deadline,context\nt1,"a, ""b""",sql:2,2026-01-01,"{""a"": 1}"\n',
    ImportKind.HISTORY: "employee_id,task_id,success,hours,completed_at\nana,t1,true,3,2026-01-01T00:00:00Z\n",
}
ADAPTERS = Path(__file__).parents[2] / "assignment_engine" / "learning" / "logs" / "adapters"
ADAPTER = "".join(
    line for line in (ADAPTERS / "sip-task-effort.toml").read_text().splitlines(keepends=True) if line[0] != "#"
)
ALIASES = 'python = ["py", "python3"]\n"c++" = ["cpp"]\n'
PHRASES = '["python"]\n"a script" = 0.9\n'


@pytest.mark.parametrize("kind", ImportKind)
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_csv_becomes_records_or_says_what_is_wrong(kind: ImportKind, data: st.DataObject) -> None:
    text = data.draw(mutated(CSV[kind]) | st.text())
    try:
        content = csv_content(kind, io.StringIO(text, newline=""))
    except InvalidInputError as exc:
        assert len(str(exc)) < LONGEST_MESSAGE  # noqa: PT017  (most examples raise nothing)
    else:
        assert all(isinstance(record, RECORD_KINDS[kind]) for record in content.records)
        assert all(bad.line > 1 and len(bad.detail) < LONGEST_MESSAGE for bad in content.rejected)


@pytest.mark.parametrize(
    "cell", ["[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, "9" * 999_999, "{", '{"a": "' + "x" * 900_000 + '"}']
)
@pytest.mark.parametrize("column", ["context", "units", "estimated_hours", "required_skills", "deadline", "task_id"])
def test_a_cell_of_anything_costs_its_row_alone(cell: str, column: str) -> None:
    """And its message stays short."""
    quoted = '"' + cell.replace('"', '""') + '"'
    head, row = ("task_id", quoted) if column == "task_id" else (f"task_id,{column}", f"a,{quoted}")
    content = csv_content(ImportKind.TASKS, io.StringIO(f"{head}\n{row}\n{'b,' if ',' in head else 'b'}\n"))
    assert [record.task_id for record in content.records][-1] == "b"
    assert all(len(bad.detail) < LONGEST_MESSAGE and bad.line == 2 for bad in content.rejected)


@pytest.mark.parametrize("header", ["task_id," + "x" * 1_000_001, "x" * 900_000, ",".join(map(str, range(100_000)))])
def test_a_header_of_anything_is_refused_shortly(header: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        csv_content(ImportKind.TASKS, io.StringIO(f"{header}\na\n"))
    assert len(str(caught.value)) < LONGEST_MESSAGE


@given(content=st.binary(max_size=300) | mutated(*CSV.values()).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=EXAMPLES)
def test_a_file_of_any_origin_becomes_a_table_or_is_refused(content: bytes) -> None:
    try:
        read = read_stream(io.BytesIO(content), LIMITS)
    except EngineError as exc:
        assert len(str(exc)) < LONGEST_MESSAGE  # noqa: PT017  (most examples raise nothing)
    else:
        assert read.table.rows <= content.count(b"\n") + content.count(b"\r") + 1


READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "adapter": (read_adapter, ADAPTER),
    "aliases": (read_aliases, ALIASES),
    "phrases": (read_phrases, PHRASES),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_toml_is_read_or_refused(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    read, seed = READERS[name]
    path = tmp_path_factory.getbasetemp() / f"{name}.toml"
    path.write_bytes(
        data.draw(st.one_of(st.binary(max_size=50), mutated(seed).map(lambda t: t.encode("utf-8", "replace"))))
    )
    try:
        read(path)
    except (InvalidInputError, ConfigurationError) as exc:
        assert len(str(exc)) < 10 * LONGEST_MESSAGE  # noqa: PT017  (some examples raise nothing)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", [b"\xff", b"a = " + b"[" * 5000, b"a" + b".a" * 5000 + b" = 1", b"a = {" * 2000])
def test_toml_that_is_none_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises((InvalidInputError, ConfigurationError)):
        READERS[name][0](tmp_path / "x.toml")


@given(text=mutated("python:0.9; sql:3 ;c++", "Python, SQL") | st.text(), level=st.text(max_size=5))
@settings(max_examples=EXAMPLES)
@pytest.mark.parametrize(
    ("kind", "field", "id_name"), [(Employee, "skills", "employee_id"), (Task, "required_skills", "task_id")]
)
def test_skills_as_text_are_read_or_refused(
    kind: type[Record], field: str, id_name: str, text: str, level: str
) -> None:
    for given_skills in (text, [text], {text: level}, {text: 0.5}):
        try:
            record = kind(**{id_name: "x", field: given_skills})
        except InvalidInputError as exc:
            assert all(error.pointer.startswith(f"/{field}") for error in exc.errors)  # noqa: PT017  (not all raise)
        else:
            assert all(name.strip() for name in getattr(record, field) or ())


@given(
    text=st.text(alphabet="=+-@\t\r|%'\"", min_size=1, max_size=1).flatmap(lambda first: st.text().map(first.__add__))
)
@settings(max_examples=EXAMPLES)
def test_no_id_can_be_a_formula(text: str) -> None:
    """Ids stand in files that spreadsheets open."""
    with pytest.raises(InvalidInputError, match="/employee_id"):
        Employee(employee_id=text)


@given(PIECES)
@settings(max_examples=EXAMPLES)
def test_a_name_of_anything_is_no_path(text: str) -> None:
    with pytest.raises(InvalidInputError):
        read_adapter(f"/nonexistent/{text}")


def test_a_terminal_obeys_nothing_that_a_file_says(tmp_path: Path) -> None:
    """Names in files may hold the control characters of terminals."""
    tasks, people = tmp_path / "tasks.csv", tmp_path / "people.csv"
    tasks.write_text("task_id,title,\x1b[2Jodd\nt1,\x1b]0;evil\x07,x\n")
    people.write_text("employee_id\nana\n")
    planning = ["plan", "--tasks", str(tasks), "--employees", str(people)]
    done = CliRunner().invoke(main, planning)
    assert (done.exit_code, "t1" in done.stdout) == (0, True)
    people.write_text("\x1b[2Jname\nana\n")
    refused = CliRunner().invoke(main, planning)
    assert refused.exit_code == 2
    assert not {"\x1b", "\x07"} & set(done.output + refused.output)
