"""Who asks: a token's bearer, a user whom a trusted gateway names, or whoever reaches a loopback port that wants no tokens."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web
from pydantic import SecretStr

from validator.api.base.limits import Rate
from validator.api.base.problem import Kind, Problem
from validator.config import Api
from validator.config.base import is_loopback_name
from validator.credential import OSMOS_OWN
from validator.ledger.tokens import EVERYBODY, Scope, Token, Tokens

REMEMBERED_S: Final = 5.0
"""How long a token that was found is not looked up again: a revoked one dies so much later."""
_REMEMBERED: Final = 1000
_FAILURES: Final = (0.5, 30)
"""Wrong tokens of one address: so many a second at length, so many at once."""

_OF_USERS: Final = frozenset({Scope.CHECK, Scope.PREFLIGHT, Scope.READ})
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="validator"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever asks. `key` is for limits and logs; `user` is the one that they may ask about, or `*`."""

    key: str
    user: str
    scopes: frozenset[Scope]

    def may(self, *scopes: Scope) -> bool:
        """True if any of these is allowed; `admin` includes `read`."""
        held = self.scopes | {Scope.READ} if Scope.ADMIN in self.scopes else self.scopes
        return bool(held & set(scopes))

    def sees(self, user: str) -> bool:
        """True if `user` is theirs to ask about."""
        return self.user in (EVERYBODY, user)

    @property
    def only(self) -> str | None:
        """The one user that they may ask about; None: every one."""
        return None if self.user == EVERYBODY else self.user


def bearer_of(token: Token) -> Caller:
    """The caller that a token's bearer is."""
    return Caller(key=f"token {token.name}", user=token.user, scopes=token.scopes)


def networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses of the settings, to be looked through."""
    return tuple(ip_network(text) for text in texts)


def is_among(address: str | None, listed: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """True if the peer `address` lies in one of these; an IPv4 inside an IPv6 is judged as itself."""
    if not address or not listed:
        return False
    found = ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in listed)


@dataclass(slots=True)
class Gate:
    """Tells who asks. Nothing of a request but its peer address, its token and, where trusted, its user header is believed."""

    said: Api
    tokens: Tokens
    monotonic: Callable[[], float]
    _found: OrderedDict[bytes, tuple[Token, float]] = field(default_factory=OrderedDict)
    _failures: Rate = field(init=False)
    _trusted: tuple[IPv4Network | IPv6Network, ...] = field(init=False)
    _admission: tuple[IPv4Network | IPv6Network, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._failures = Rate(*_FAILURES, self.monotonic)
        self._trusted = networks(self.said.trusted_addresses) if self.said.trust_user_header else ()
        self._admission = networks(self.said.admission.addresses)

    async def caller(self, request: web.Request) -> Caller:
        """Who sent `request`. Raises 401, 403 and 429."""
        text = self._text(request)
        named = request.headers.getall("x-osmo-user", []) if is_among(request.remote, self._trusted) else []
        if len(named) > 1 or any(not one.isprintable() for one in named):
            raise Problem(Kind.BAD_REQUEST, "The gateway names no user, or several.")
        if named == [OSMOS_OWN]:
            raise Problem(Kind.FORBIDDEN, "No user has this name: OSMO's own credential is its operator's.")
        user = named[0] if named and named[0] not in ("", EVERYBODY) else None
        if text is not None:
            token = await self._token(text, request)
            return _narrowed(bearer_of(token), user)
        if user is not None:
            return Caller(key=f"user {user}", user=user, scopes=_OF_USERS)
        if not self.said.tokens_required:
            return self._local(request)
        raise Problem(Kind.UNAUTHORIZED, "Send a token: Authorization: Bearer TOKEN (validator token create).", headers=_CHALLENGE)

    def admits(self, request: web.Request) -> Caller | None:
        """The caller of an admission that comes from an address which needs no token."""
        if not is_among(request.remote, self._admission):
            return None
        return Caller(key=f"address {request.remote}", user=EVERYBODY, scopes=frozenset({Scope.PREFLIGHT}))

    async def find(self, text: SecretStr, address: str | None) -> Token | None:
        """The token whose text this is. Raises 429 for an address that brought too many wrong ones."""
        now = self.monotonic()
        mark = hashlib.sha256(text.get_secret_value().encode("utf-8", "surrogatepass")).digest()
        known = self._found.get(mark)
        if known is not None and now - known[1] < REMEMBERED_S:
            return known[0]
        self._found.pop(mark, None)
        token = await self.tokens.find(text)
        if token is None:
            self._failures.take(address or "")
            return None
        self._found[mark] = (token, now)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return token

    async def _token(self, text: SecretStr, request: web.Request) -> Token:
        token = await self.find(text, request.remote)
        if token is None:
            raise Problem(Kind.UNAUTHORIZED, "The token is none of this service's, or was revoked.", headers=_CHALLENGE)
        return token

    def _text(self, request: web.Request) -> SecretStr | None:
        sent = request.headers.getall("Authorization", [])
        if not sent:
            return None
        scheme, _, text = sent[0].partition(" ")
        if len(sent) > 1 or scheme.lower() != "bearer" or not text.strip():
            raise Problem(Kind.UNAUTHORIZED, "The Authorization field is not one Bearer token.", headers=_CHALLENGE)
        return SecretStr(text.strip())

    def _local(self, request: web.Request) -> Caller:
        """Without tokens a page in a browser of this machine could ask, too, by a name of its own that leads here."""
        name = request.host.rpartition(":")[0] if request.host.rpartition("]")[2].count(":") else request.host
        if not is_loopback_name(name):
            raise Problem(Kind.FORBIDDEN, "Without tokens the service answers to its loopback address and to localhost alone.")
        return Caller(key="local", user=EVERYBODY, scopes=frozenset(Scope))


def _narrowed(caller: Caller, user: str | None) -> Caller:
    """A gateway that brings a token for everybody and names a user asks about that user; one bound to another is nobody."""
    if user is None or caller.user == user:
        return caller
    if caller.user != EVERYBODY:
        raise Problem(Kind.FORBIDDEN, "The token is bound to another user than the one that the gateway names.")
    return Caller(key=f"{caller.key} user {user}", user=user, scopes=caller.scopes)
