"""Published instances, where their files are at hand (EVALUATION_DATA)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import assignment, gap

DATA = Path(os.environ.get("EVALUATION_DATA", "/nonexistent"))
SMALL = sorted((DATA / "gap-benchmark" / "instances").glob("c0[58][0-9][0-9]_*.txt"))
CLASSICAL = sorted((DATA / "orlib-assignment").glob("assign*.txt"))

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="EVALUATION_DATA names no directory")


@pytest.mark.parametrize("sense", gap.SENSES)
@pytest.mark.parametrize("path", SMALL, ids=gap.instance_name)
def test_small_instances_are_solved_to_their_optimum(path, sense):
    line = gap.measure(path, sense, 10.0)
    assert line["feasible"]
    assert line["value"] == line["bound"] == line["published"][0]


@pytest.mark.parametrize("path", CLASSICAL, ids=gap.instance_name)
def test_classical_assignment_problems_are_solved_to_their_optimum(path):
    line = assignment.measure(path, 10.0)
    assert line["feasible"]
    assert line["value"] == line["bound"] == line["published"]
