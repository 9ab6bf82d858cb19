"""What the application holds for its lifetime, and what a request knows about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from flask import Flask, current_app, g

from assignment_engine.jobs.worker import instance_id as new_instance_id
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.wiring import Engine
from webapp.auth import Identity, Tokens
from webapp.board.codes import SignInCodes
from webapp.metrics import Metrics
from webapp.streams import Streams

_EXTENSION = "assignment_engine"


@dataclass(frozen=True)
class State:
    engine: Engine
    tokens: Tokens
    metrics: Metrics
    instance_id: str = field(default_factory=new_instance_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    streams: Streams = field(default_factory=Streams)
    codes: SignInCodes = field(default_factory=SignInCodes)


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


def ready_dispatcher() -> Dispatcher:
    """What gives out work, ready to do so."""
    found = engine().dispatcher
    found.warm_up()
    return found
