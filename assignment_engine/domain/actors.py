"""Who does something to an assignment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """`subject` is what the audit log names. With `employee_id` only that person's own work can be reached.

    `session` is the session that the caller believes to be open; None stands for whichever is.
    """

    subject: str
    employee_id: str | None = None
    session: str | None = None


ENGINE = Actor("engine")
