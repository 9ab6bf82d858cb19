"""Why a database cannot be reached, in fixed words: what a driver says may hold the address."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy.engine import URL

# What a server answered comes before what kept another address of the same host from answering.
_REASONS = (
    ("password authentication failed|Access denied for user .*using password", "wrong user or password"),
    ("no password supplied", "a password is needed"),
    ('role ".*" does not exist', "the user is not known there"),
    ("no pg_hba.conf entry|Access denied for user .* to database", "the server refuses this user or this machine"),
    ('database ".*" does not exist|Unknown database', "the server has no database of that name"),
    ("too many clients|remaining connection slots|Too many connections", "the server has too many connections"),
    ("Connection refused", "connection refused, no server listens there"),
    (r"(failed:|Errno 2\]) No such file or directory", "no server listens at that socket"),
    ("could not translate host name|Name or service not known|name resolution", "the name of the host is not known"),
    ("No route to host|Network is unreachable", "no network leads to the host"),
    (r"timeout expired|Connection timed out|\(timed out\)", "the host did not answer in time"),
    ("unable to open database file", "the file cannot be opened"),
    ("file is not a database", "the file is no SQLite database"),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL), reason) for pattern, reason in _REASONS)


def reason(error: Exception, url: URL | None) -> str | None:
    """What is known of the reason; `url` is the address that was tried."""
    said = str(error)
    if "unable to open database file" in said and _lacks_directory(url):
        return "the directory of the file does not exist"
    return next((reason for pattern, reason in _KNOWN if pattern.search(said)), None)


def _lacks_directory(url: URL | None) -> bool:
    name = url.database if url else None
    return name is not None and not name.startswith("file:") and not Path(name).parent.is_dir()
