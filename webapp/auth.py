"""Who is asking: bearer tokens, and the roles an endpoint is for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from webapp.key_sets import Keys, SecretKey

LONGEST_SUBJECT = 255
_SECONDS_PER_HOUR = 3600
_LAST_SECOND = 253_402_300_799  # of the year 9999, beyond which there are no dates

View = TypeVar("View", bound=Callable[..., Any])


class Role(StrEnum):
    TECHNICIAN = "technician"
    PLANNER = "planner"
    ADMIN = "admin"


@dataclass(frozen=True)
class Identity:
    """Who a token speaks for; a technician's subject is their employee id."""

    subject: str
    role: Role
    expires_at: datetime

    def may_see_person(self, employee_id: str | None) -> bool:
        """Technicians see what is their own, the others see everybody."""
        return self.role is not Role.TECHNICIAN or self.subject == employee_id


@dataclass(frozen=True)
class Access:
    """Whom an endpoint is for."""

    roles: frozenset[Role] = frozenset()
    is_open: bool = False


def allow(*roles: Role) -> Callable[[View], View]:
    """Declare the roles an endpoint is for."""
    return _declare(Access(frozenset(roles)))


def open_to_all(view: View) -> View:
    """Declare an endpoint that needs no token."""
    return _declare(Access(is_open=True))(view)


def _declare(access: Access) -> Callable[[View], View]:
    def declare(view: View) -> View:
        vars(view)["access"] = access
        return view

    return declare


def access_of(view: Callable[..., Any]) -> Access:
    """What the endpoint declared; without a declaration nobody may use it."""
    declared: Access = vars(view).get("access", Access())
    return declared


class Tokens:
    """Reads bearer tokens. The algorithm is that of the keys, whatever a token's header says."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._headers = JWSRegistry(algorithms=[keys.algorithm], strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(exp={"essential": True})

    def identify(self, authorization: Authorization | None) -> Identity:
        """Who the header speaks for.

        Raises
        ------
        werkzeug.exceptions.Unauthorized
        KeySetError
            If there are no keys yet to check it with.
        """
        if authorization is None or authorization.type != "bearer" or not authorization.token:
            raise _unauthorized("a bearer token is required")
        return self.read(authorization.token)

    def read(self, text: str) -> Identity:
        """Who the token speaks for.

        Raises
        ------
        werkzeug.exceptions.Unauthorized
        KeySetError
            If there are no keys yet to check it with.
        """
        try:
            token = jwt.decode(text, self._key, algorithms=[self._keys.algorithm], registry=self._headers)
            self._claims.validate(token.claims)
        except (JoseError, ValueError, TypeError, RecursionError) as exc:  # the last two: headers of an odd shape
            raise _unauthorized("the token is not valid or has expired") from exc
        return _identity(token.claims)

    @property
    def makes_tokens(self) -> bool:
        """Whether the keys that sign are ours."""
        return isinstance(self._keys, SecretKey)

    def make(self, role: Role, subject: str, hours: float) -> str | None:
        """A token of our own; None where others hold the keys that sign."""
        return _signed(self._keys, role, subject, hours) if isinstance(self._keys, SecretKey) else None

    def _key(self, token: Any) -> OctKey | RSAKey:
        kid = token.headers().get("kid")
        key = self._keys.find(kid) if kid is None or isinstance(kid, str) else None
        if key is None:
            raise _unauthorized("the token was signed with a key that is not known here")
        return key


def _identity(claims: dict[str, Any]) -> Identity:
    role, subject = claims.get("role"), claims.get("sub")
    if role not in list(Role):
        raise _unauthorized("the token has no role that is known here")
    if subject is None and role != Role.TECHNICIAN:
        subject = role
    if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise _unauthorized("the token has no subject that can be used")
    return Identity(subject, Role(role), datetime.fromtimestamp(min(claims["exp"], _LAST_SECOND), UTC))


def _unauthorized(detail: str) -> Unauthorized:
    return Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer"))


def check_role(identity: Identity, access: Access) -> None:
    """Refuse everybody the endpoint is not for."""
    if identity.role not in access.roles:
        raise Forbidden(f"this is not for the role {identity.role}")


def make_token(secret: str, role: str, subject: str, hours: float) -> str:
    """A token for `subject` that expires after `hours`.

    Raises
    ------
    ConfigurationError
        If the secret is too short.
    """
    return _signed(SecretKey(secret), Role(role), subject, hours)


def _signed(secret: SecretKey, role: Role, subject: str, hours: float) -> str:
    now = int(time.time())
    claims = {"sub": subject, "role": role.value, "iat": now, "exp": now + round(hours * _SECONDS_PER_HOUR)}
    return jwt.encode({"alg": SecretKey.algorithm}, claims, secret.key)
