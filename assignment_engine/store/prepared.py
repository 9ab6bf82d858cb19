"""Statements that PostgreSQL plans once for a while: for those of live dispatch planning takes longer than doing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine

PREPARED = "prepared"
"""The execution option of statements that are planned once for a while."""

LIFETIME_SECONDS = 10.0  # a table may grow from nothing to millions of rows meanwhile, and the plan does not know
MOST_PREPARED = 200
_KNOWN = "prepared_statements"
_NUMBERS = "prepared_numbers"


class _Call(NamedTuple):
    name: str
    text: str
    until: float


def prepare_statements_of(engine: Engine) -> None:
    """From now on statements with the option `PREPARED` are planned once for a while by each connection of `engine`."""
    if engine.dialect.name == "postgresql":
        event.listen(engine, "do_execute", _execute_prepared)


def _execute_prepared(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    if not context.execution_options.get(PREPARED) or not isinstance(parameters, dict):
        return False
    cursor.execute(prepared_call(cursor, context.root_connection.info, statement, tuple(parameters)), parameters)
    return True


def prepared_call(cursor: Any, info: dict[Any, Any], statement: str, names: tuple[str, ...]) -> str:
    """What to execute instead of `statement`, with the same parameters; itself where too many are prepared already.

    Parameters
    ----------
    info : what is noted with the connection as long as it lasts.
    names : of all parameters.
    """
    known: dict[str, _Call] = info.setdefault(_KNOWN, {})
    call, now = known.get(statement), time.monotonic()
    if call is not None and now <= call.until:
        return call.text
    if call is None and len(known) >= MOST_PREPARED:
        return statement
    known.pop(statement, None)  # whatever becomes of what follows, it is not called by the old name again
    name = f"engine_{next(info.setdefault(_NUMBERS, count()))}"
    cursor.execute(_preparing(name, statement, names, forgotten=call))
    known[statement] = _Call(name, _calling(name, names), now + LIFETIME_SECONDS)
    return known[statement].text


def _preparing(name: str, statement: str, names: Iterable[str], forgotten: _Call | None) -> str:
    numbered = {parameter: f"${number}" for number, parameter in enumerate(names, start=1)}
    prepare = f"PREPARE {name} AS {statement % numbered}"
    return f"DEALLOCATE {forgotten.name}; {prepare}" if forgotten else prepare


def _calling(name: str, names: Iterable[str]) -> str:
    values = ", ".join(f"%({parameter})s" for parameter in names)
    return f"EXECUTE {name} ({values})" if values else f"EXECUTE {name}"
