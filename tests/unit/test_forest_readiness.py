"""When the compiled forest is used, and how its code gets to disk and back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assignment_engine.scoring.forest import kernels as compiled
from assignment_engine.scoring.forest.kernels import kernels
from assignment_engine.scoring.forest.readiness import PAIRS_WORTH_PREPARING, pays
from assignment_engine.scoring.forest.rows import ForestRows
from assignment_engine.scoring.forest.tables import compile_forest
from assignment_engine.scoring.tree_text import Tree

PLAN = """
import sys
import numpy as np
from assignment_engine.scoring.forest.readiness import pays
from assignment_engine.scoring.forest.rows import ForestRows
from tests.unit.test_forest_readiness import small_forest, small_problem

forest, pairs = small_forest(), small_problem()
print([pays(forest, pairs) for pairs in (1_999, 199_999, 200_000, 1_999_999, 2_000_000)])
if sys.argv[1:]:
    ForestRows.of(forest, pairs, pairs.initial)
    print([pays(forest, pairs) for pairs in (1_999, 2_000)])
"""


def small_forest():
    """One tree of two leaves: experience_years ≤ 1 goes left."""
    ints, floats = np.array, np.array
    return compile_forest(
        [Tree(ints([0]), floats([1.0]), ints([0]), ints([2]), ints([-1]), ints([-2]), floats([1.0, 2.0]))]
    )


def small_problem():
    from tests.property.forests import problem  # noqa: PLC0415  (imports LightGBM, which most do not need)

    return problem(np.random.default_rng(0), 1, 3)


def in_new_process(*arguments: str, **environment: str) -> list[str]:
    command = [sys.executable, "-c", PLAN, *arguments]
    environment = {**os.environ, **environment}
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=Path.cwd())
    return answer.stdout.splitlines()


@pytest.mark.slow
def test_a_problem_waits_for_loading_or_compiling_only_when_that_is_quicker(tmp_path):
    """Code that one process has compiled is found by others, which use it for smaller problems."""
    assert in_new_process(NUMBA_CACHE_DIR=str(tmp_path)) == ["[False, False, False, False, True]"]
    pairs = small_problem()
    ForestRows.of(small_forest(), pairs, pairs.initial)
    assert in_new_process("loads") == ["[False, False, True, True, True]", "[False, True]"]


def test_loaded_code_is_used_from_2000_pairs():
    pairs = small_problem()
    ForestRows.of(small_forest(), pairs, pairs.initial.copy())
    assert not pays(small_forest(), PAIRS_WORTH_PREPARING - 1)
    assert pays(small_forest(), PAIRS_WORTH_PREPARING)


def test_other_shapes_and_layouts_are_not_compiled_anew():
    """A plan must not stop for a compiler because an array is not contiguous or cannot be written."""
    pairs = small_problem()
    ForestRows.of(small_forest(), pairs, pairs.initial.copy())
    before = len(kernels(32).score.signatures), len(kernels(32).refresh.signatures)
    repeated = pairs.of_employees(np.array([0, 1, 2, 1, 0]))
    for array in (repeated.employees.held, repeated.employees.max_hours, repeated.tasks.complexity):
        array.flags.writeable = False
    rows = ForestRows.of(small_forest(), repeated, repeated.initial.copy())
    rows.raw(0, np.arange(5)[::-2])
    rows.employee_changed(np.int64(2))
    assert (len(kernels(32).score.signatures), len(kernels(32).refresh.signatures)) == before == (1, 1)


def test_compiled_code_goes_stale_with_the_formulas(monkeypatch):
    """numba looks at the file of a kernel only; the formulas are in another one."""
    before = kernels(32).stamp
    monkeypatch.setattr(compiled, "dependencies", lambda: "other formulas")
    assert before is not None
    assert kernels(32).stamp != before
    fresh = compiled.kernels.__wrapped__(32)
    assert fresh.score.py_func.__closure__[0].cell_contents == "32 other formulas"


def test_without_a_directory_to_write_code_is_compiled_all_the_same(monkeypatch):
    def no_directory(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiled.numba, "njit", no_directory)
    alone = compiled.kernels.__wrapped__(32)
    assert callable(alone.score)


def test_the_engine_is_imported_without_a_compiler():
    code = "import sys, assignment_engine.scoring.registry; print('numba' in sys.modules, 'lightgbm' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False"]
