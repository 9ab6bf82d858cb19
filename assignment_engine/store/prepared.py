"""Statements that PostgreSQL plans once for a while: for those of live dispatch planning takes longer than doing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine

PREPARED = "prepared"
"""The execution option of statements that are planned once for a while."""

LIFETIME_SECONDS = 10.0  # a table may grow from nothing to millions of rows meanwhile, and the plan does not know
MOST_PREPARED = 200
_KNOWN = "prepared_statements"


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
    if call is None and len(known) >= MOST_PREPARED:
        return statement
    if call is None or now > call.until:
        name = call.name if call else f"engine_{len(known)}"
        numbered = {parameter: f"${number}" for number, parameter in enumerate(names, start=1)}
        forgotten = f"DEALLOCATE {name};" if call else ""
        cursor.execute(f"{forgotten}PREPARE {name} AS {statement % numbered}")
        known[statement] = call = _Call(name, _called(name, names), now + LIFETIME_SECONDS)
    return call.text


def _called(name: str, names: Iterable[str]) -> str:
    values = ", ".join(f"%({parameter})s" for parameter in names)
    return f"EXECUTE {name} ({values})" if values else f"EXECUTE {name}"
