"""A row of OSMO's `credential` as it stands, and what it holds: pure but for the keys that it is given.

OSMO's own reader damages rows: what it cannot decrypt it takes for plain text and encrypts once more. Here such a row is seen
through, and said to be damaged (osmo.md section 3.5).
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import SecretStr

from validator.credential import BACKEND_IMAGES, DOCKER_HUB, OSMOS_OWN, Credential, Host, RegistryScope, UnreadableRegistry, osmo_scope, parse_scope
from validator.protocol.base import shown_text
from validator.sealing import MasterKeys, Unreadable, Why, unseal
from validator.stores.base import Outline, Place, UnreadableRow, row_hash
from validator.stores.osmo.base.master import users_keys

_UNKNOWN: Final = "(unknown)"
"""A registry's text that names none."""
DEEPEST: Final = 8
"""So often a value may be sealed over: one time for each time that OSMO read it."""
_BEGINS: Final = base64.urlsafe_b64encode(b'{"alg":"A256GCMKW').decode("ascii")[:22]
"""How what OSMO seals begins: a piece of it is no plain text."""


class Stored(NamedTuple):
    """A row, with its user's keys; both read in one statement."""

    user: str
    name: str
    profile: str | None
    username: str | None
    auth: str | None
    keys: tuple[tuple[str, str | None], ...] = ()
    """Its user's keys, as OSMO has sealed them, by their ids."""
    fault: str = ""
    """Why nothing of it can be had, a clause; "" where there is nothing to say."""

    @classmethod
    def of(cls, row: Sequence[Any]) -> Stored:
        """It, out of what the database says."""
        user, name, profile, username, auth, *keys = row
        return cls(user, name, profile, username, auth, tuple((keys[0] or {}).items()) if keys else ())

    @classmethod
    def osmos(cls, value: object) -> Stored | None:
        """OSMO's own credential, out of its setting `backend_images` (JSON); None where OSMO uses none.

        As OSMO reads it (osmo.md 3.2): `auth` alone may be sealed, or stand there in clear until OSMO reads it next; with one of the
        three empty it is not used. What is no such setting is a row that cannot be read, for a registry that nobody knows.
        """
        try:
            setting: Any = json.loads(value) if isinstance(value, str) else value
            held = setting.get("credential") or {}
            texts = [held.get("registry", ""), held.get("username", ""), held.get("auth", held.get("password", ""))]
            "".join(texts).encode()
        except (ValueError, RecursionError, AttributeError, TypeError):
            return cls(OSMOS_OWN, BACKEND_IMAGES, _UNKNOWN, None, None, fault="OSMO's setting `backend_images` has not the form that is known")
        return cls(OSMOS_OWN, BACKEND_IMAGES, *texts) if all(texts) else None

    @property
    def place(self) -> Place:
        """Its user and name, which are its order."""
        return self.user, self.name

    @property
    def row(self) -> str:
        """What `Credential.row` is."""
        return row_hash(self.username or "", self.auth or "")

    @property
    def scope(self) -> RegistryScope:
        """What it is for; a text that names no registry stands for itself, and nothing is ever asked there."""
        try:
            return parse_scope(self.profile or "")
        except UnreadableRegistry:
            host, _, path = _without_userinfo(self.profile or "").partition("/")
            return RegistryScope(Host(shown_text(host)), shown_text(path))

    @property
    def written(self) -> str:
        """The key under which OSMO writes it into a pull secret; "" where that is the one that every Docker Hub row has."""
        key = osmo_scope(_without_userinfo(self.profile or ""))
        return "" if self.scope.host == DOCKER_HUB and key.partition("/")[0] == "registry-1.docker.io" else shown_text(key)

    def outline(self) -> Outline:
        """It, with nothing opened."""
        return Outline(self.user, self.name, self.scope, self.row)


def _without_userinfo(registry: str) -> str:
    """The registry's text, shown in reports; people paste a whole login before the `@`, and nothing is ever asked there."""
    _, at, rest = registry.rpartition("@")
    return f"***@{rest}" if at else registry


@dataclass(frozen=True, slots=True)
class _Value:
    """One opened value: `layers` is how often it was sealed, 0 for plain text."""

    text: SecretStr
    layers: int


class _Ring(NamedTuple):
    """The keys that open one user's rows, and why others of his do not; `missing` and `renewer` are words."""

    keys: MasterKeys | None
    faults: Mapping[str, str]
    missing: str = "is not among its user's in OSMO's table `ueks`"
    renewer: str = "its user"

    @classmethod
    def of(cls, row: Stored, master: MasterKeys) -> _Ring:
        """Of a row's user; OSMO's own secrets are sealed by the master key itself."""
        if row.user == OSMOS_OWN:
            return cls(master, {}, "is not in OSMO's key file", "the operator")
        return cls(*users_keys(dict(row.keys), master))


def opened(rows: Sequence[Stored], master: MasterKeys, disabled: Sequence[RegistryScope]) -> list[Credential | UnreadableRow]:
    """These rows of whole users, in their order. `disabled`: scopes that the operator wants nobody to ask about."""
    scopes = Counter((row.user, row.scope) for row in rows)
    rings: dict[str, _Ring] = {}
    found = list[Credential | UnreadableRow]()
    for row in rows:
        if row.user not in rings:
            rings.clear()  # no user's keys are kept longer than his rows take
            rings[row.user] = _Ring.of(row, master)
        flaws = ["duplicate_scope"] if scopes[row.user, row.scope] > 1 else []
        if any(one.covers(row.scope.host, row.scope.path) for one in disabled):
            flaws.append("disabled_by_operator")
        found.append(_opened(row, rings[row.user], flaws))
    return found


def _opened(row: Stored, ring: _Ring, flaws: list[str]) -> Credential | UnreadableRow:
    scope = row.scope
    try:
        if row.fault:
            raise ValueError(row.fault)
        parse_scope(row.profile or "")
        if row.auth is None:
            raise ValueError("its payload holds no `auth`")
        username, secret = _username(row, ring), _value(row.auth, ring)
        if secret.layers > 1:
            raise ValueError(f"OSMO has sealed its secret over and sends what it sealed: {ring.renewer} has to set it anew")
    except ValueError as error:
        return UnreadableRow(user=row.user, name=row.name, scope=scope, why=str(error), written=row.written)
    if username.layers > 1:
        flaws = ["username_lost", "store_damaged", *flaws]
    if secret.layers == 0 or (username.layers == 0 and row.username and row.user != OSMOS_OWN):
        flaws = [*flaws, "plaintext_in_store"]
    return Credential(
        user=row.user, name=row.name, scope=scope, username=username.text.get_secret_value(), secret=secret.text, written=row.written, row=row.row,
        flaws=tuple(flaws),
    )  # fmt: skip


def _username(row: Stored, ring: _Ring) -> _Value:
    """The username; OSMO's own stands in clear, and is sent as it stands."""
    if row.user == OSMOS_OWN and _is_sealed(row.username or ""):
        raise ValueError("its username is sealed, and OSMO opens none in its settings: the operator has to set it anew")
    return _value(row.username or "", ring)


def _value(text: str, ring: _Ring) -> _Value:
    """What a value of the payload holds. Raises ValueError, a clause that says why it cannot be had."""
    if not _is_sealed(text):
        return _Value(SecretStr(text), 0)
    held = SecretStr(text)
    for layers in range(1, DEEPEST + 2):
        held = _unsealed(held.get_secret_value(), ring)
        if not _is_sealed(held.get_secret_value()):
            return _Value(held, layers)
    raise ValueError(f"it is sealed over more than {DEEPEST} times")


def _unsealed(token: str, ring: _Ring) -> SecretStr:
    if ring.keys is None and not ring.faults:
        raise ValueError("its user has no key in OSMO's table `ueks`")
    try:
        return unseal(token, ring.keys if ring.keys is not None else _NO_KEYS)
    except Unreadable as error:
        if error.reason is Why.UNKNOWN_KEY:
            raise ValueError(ring.faults.get(error.kid) or f"its key {error.kid or '(none)'} {ring.missing}") from None
        raise ValueError(f"{'it is cut off or damaged' if error.reason is Why.NOT_SEALED else error}") from None


_NO_KEYS: Final = MasterKeys("", {})


def _is_sealed(text: str) -> bool:
    """True for what OSMO sealed, whole or a piece of it: a first part that is a JWE's header. A registry's own token (a JWT) is none."""
    if text.startswith(_BEGINS):
        return True
    first, dot, _ = text.partition(".")
    if not dot or not first.startswith("eyJ"):
        return False
    try:
        header: Any = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "enc" in header
