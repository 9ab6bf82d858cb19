"""The security page names tests that there are, and limits as they are."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
LIMITS = re.findall(r"^\| ([^|]+) \| ([\d,]+)(?: \w+)? \| `([\w.]+)` \|$", PAGE, re.MULTILINE)


def value_of(name: str) -> object:
    """A module's constant, a class's attribute, or a setting's default."""
    owner, _, last = name.rpartition(".")
    try:
        return getattr(import_module(owner), last)
    except ModuleNotFoundError:
        module, _, kind = owner.rpartition(".")
        found = getattr(import_module(module), kind)
        return found.model_fields[last].default if issubclass(found, BaseModel) else getattr(found, last)


@pytest.mark.parametrize(("what", "limit", "name"), LIMITS, ids=[name for _, _, name in LIMITS])
def test_limits_are_those_of_the_code(what: str, limit: str, name: str) -> None:
    assert value_of(name) == int(limit.replace(",", "")), what


def test_no_limit_is_left_unread() -> None:
    table = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    assert len(LIMITS) == sum(line.startswith("|") for line in table.splitlines()) - 2 > 15


def test_every_defence_names_a_test_that_there_is() -> None:
    rows = PAGE.partition("## What is defended")[2].partition("\n## ")[0].splitlines()
    for row in [row for row in rows if row.startswith("| ")][1:]:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}" in (ROOT / file).read_text(), (file, test)


def test_the_policy_leads_to_the_page() -> None:
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text()
