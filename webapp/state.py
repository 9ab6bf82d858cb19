"""What the application holds for its lifetime, and what a request knows about itself."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, g

from assignment_engine.wiring import Engine
from webapp.auth import Identity, Tokens

_EXTENSION = "assignment_engine"


@dataclass(frozen=True)
class State:
    engine: Engine
    tokens: Tokens


def attach(app: Flask, state: State) -> None:
    app.extensions[_EXTENSION] = state


def state() -> State:
    held: State = current_app.extensions[_EXTENSION]
    return held


def engine() -> Engine:
    """The engine with its tables up to date, so that an application can start before its database."""
    parts = state().engine
    parts.database.upgrade()
    return parts


def identity() -> Identity:
    """Who is asking; only endpoints that are open to all have nobody."""
    known: Identity = g.identity
    return known
