"""What a running engine tells whoever watches it."""

from __future__ import annotations

from typing import Protocol


class Observed(Protocol):
    """Somebody who watches; calls are quick, come from any thread and never raise."""

    def dispatched(self, queue: str, seconds: float) -> None:
        """Work found its person: `seconds` from the moment when both were there until it was written."""

    def dispatch_failed(self, queue: str) -> None:
        """A dispatch broke off by an error; the loop takes over."""


class Unobserved:
    """Nobody watches."""

    def dispatched(self, queue: str, seconds: float) -> None:
        pass

    def dispatch_failed(self, queue: str) -> None:
        pass
