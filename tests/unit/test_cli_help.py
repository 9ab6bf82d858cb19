"""The help of every command has an example, and the command takes it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from assignment_engine.cli import main
from assignment_engine.cli.planning import METHODS
from assignment_engine.domain.types import Method


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of this command and of all below it."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def example_of(path: tuple[str, ...]) -> list[str]:
    """The words behind the program's name, as help shows them at the usual width."""
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    shown = command.get_help(click.Context(command, info_name="assignment-engine"))
    (line,) = re.findall(r"^ *Example: (?:[A-Z_]+=\S+ )*assignment-engine (.+)$", shown, flags=re.MULTILINE)
    return shlex.split(line)


@pytest.mark.parametrize("path", [*commands(main)], ids=" ".join)
def test_the_example_in_help_is_a_call_of_the_command(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = example_of(path)
    assert tuple(words[: len(path)]) == path
    monkeypatch.chdir(tmp_path)
    for word in words:
        if word.endswith((".csv", ".csv.gz")):
            Path(word).write_text("")
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    with command.make_context("assignment-engine", words) as context:
        assert context.args == []


def test_plan_offers_every_method() -> None:
    assert list(METHODS) == [method.value for method in Method]
