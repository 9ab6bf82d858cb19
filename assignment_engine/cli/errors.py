"""How errors end a command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec, Protocol, TypeVar
from unicodedata import category

import click

from assignment_engine.domain.errors import EngineError

P = ParamSpec("P")
T = TypeVar("T")
BAD_INPUT = 2
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class BadValue(Protocol):
    """One bad value of a file."""

    @property
    def line(self) -> int: ...
    @property
    def field(self) -> str: ...
    @property
    def detail(self) -> str: ...


def errors_shown(command: Callable[P, T]) -> Callable[P, T]:
    """The engine's errors end a command with their message and exit code 2, without a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except EngineError as exc:
            refuse(f"error: {exc}")

    return run


def refuse(message: str) -> NoReturn:
    """End the command because of its input."""
    click.echo("\n".join(map(plain, message.split("\n"))), err=True)
    sys.exit(BAD_INPUT)


def show_bad_values(path: Path, bad_values: Iterable[BadValue]) -> None:
    """One line each: file, line, column, and what was expected instead of what."""
    for bad in bad_values:
        column = f", column {bad.field}" if bad.field else ""
        click.echo(plain(f"{path}: line {bad.line}{column}: {bad.detail}"), err=True)


def plain(text: str) -> str:
    """One line of what a terminal shows and does not obey: names in files may hold its control characters."""
    return "".join("�" if category(sign).startswith("C") else sign for sign in text)
