"""`assignment-engine replay`, from a log on disk to a table, JSON and a plot."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from assignment_engine.cli import main
from tests.replaying import newest_first

ADAPTER = """
name = "office"
kind = "events"
[case]
id = "case"
at = "at"
[fields]
person = "who"
category = "kind"
[work]
arrives = [{ column = "step", equals = "come" }]
begins = [{ column = "step", equals = "begin" }]
ends = [{ column = "step", equals = "end" }]
"""


@pytest.fixture
def files(tmp_path):
    newest_first().frame().to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "office.toml").write_text(ADAPTER)
    return [str(tmp_path / "log.csv"), "--adapter", str(tmp_path / "office.toml"), "--least", "1", "--processes", "1"]


def run(*arguments):
    return CliRunner().invoke(main, ["replay", *arguments])


def test_the_table_and_what_it_cannot_say(files, tmp_path):
    """Each policy has a row; the caveats are printed with the numbers; the plot is an SVG file."""
    done = run(*files, "--plot", str(tmp_path / "plot.svg"))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == ["as it happened", "fifo", "score"]
    assert "Nobody was really asked" in done.output
    assert (tmp_path / "plot.svg").read_text().lstrip().startswith("<?xml")


def test_json_has_every_number(files):
    """Waits of the log: 150, 80 and 40 minutes; first come, first served: 60, 80 and 130."""
    done = run(*files, "--policy", "fifo", "--json")
    content = json.loads(done.stdout)
    happened, fifo = content["policies"]
    assert happened["waits"]["longest"] == pytest.approx(2.5)
    assert fifo["waits"] == pytest.approx({"mean": 1.5, "median": 4 / 3, "p90": 2.0, "longest": 13 / 6})
    assert fifo["mean_wait_by_kind"] == pytest.approx({"call": 1.5})
    assert (fifo["finished"], fifo["broken_invariants"], fifo["failed_decisions"]) == (3, [], 0)
    assert (content["tasks"], content["people"], content["shifts"]) == (3, 1, 1)
    assert len(content["caveats"]) == 8


def test_a_part_of_the_log(files):
    """The table says that it is one."""
    done = run(*files, "--policy", "fifo", "--from", "2025-03-03T08:05:00", "--json")
    content = json.loads(done.stdout)
    assert content["tasks"] == 2
    assert "Only tasks that arrived in the chosen time" in content["caveats"][-1]


def test_a_plot_without_matplotlib_is_refused_before_the_replay(files, tmp_path, monkeypatch):
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run(*files, "--plot", str(tmp_path / "plot.svg"))
    assert done.exit_code == 2
    assert "assignment-engine[reports]" in done.stderr


def test_an_unknown_adapter_is_refused(files):
    """Those that come with the engine are named."""
    done = run(files[0], "--adapter", "no-such")
    assert done.exit_code == 2
    assert "bpic2012-loan" in done.stderr
