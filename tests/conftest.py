"""Fixtures that every test can use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assignment_engine.store.database import Database
from tests.databases import KINDS, Servers, opened
from tests.redis_server import redis_server, shared_redis

__all__ = ["redis_server", "shared_redis"]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    # A server's socket lies in its directory, and the path of a socket may only have about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="assignment-engine-") as directory:
        servers = Servers(Path(directory))
        try:
            yield servers
        finally:
            servers.stop()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Database]:
    """A migrated, empty database of each kind."""
    with servers[request.param].migrated() as url, opened(url) as database:
        yield database


@pytest.fixture
def sqlite_database(servers: Servers) -> Iterator[Database]:
    """A migrated, empty SQLite database, for what does not depend on the kind."""
    with servers["sqlite"].migrated() as url, opened(url) as database:
        yield database


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, servers: Servers) -> Iterator[str]:
    """The address of a database without tables, of each kind."""
    with servers[request.param].empty() as url:
        yield url
