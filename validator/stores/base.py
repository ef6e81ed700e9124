"""What a store of credentials is: the Protocol, its rows that cannot be read, and the database it may be given."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from validator.credential import Credential, RegistryScope
from validator.sealing import MasterKeys

Made = TypeVar("Made")
Place = tuple[str, str]
"""A credential's user and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRow:
    """A stored row whose secret cannot be had: the operator's fault or ours, never the user's; `why` holds no value.

    `written` is the registry as it stands in the store.
    """

    user: str
    name: str
    scope: RegistryScope
    why: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Outline:
    """A stored credential as it stands, its secret not opened. `row` is `Credential.row`, `proof` its proof image."""

    user: str
    name: str
    scope: RegistryScope
    row: str
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How a user wants to be told, where the store knows: by mail, by chat, by both, or not at all."""

    mail: bool = False
    chat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPullSecret:
    """A pull secret that a kubelet cannot read: it then pulls no image of the pod at all (registries/README.md 3.3, 7).

    `name` is the secret's or its file's, `why` one sentence without a value. A store that reads as a kubelet does gives it in place
    of the credentials that could not be read; a sweep has nothing to do with it.
    """

    user: str
    name: str
    why: str


def as_kubelet_splits(credential: Credential) -> Credential:
    """The pair that a kubelet reads out of `base64(username:secret)`: it splits at the first colon (registries/README.md 3.3, 7)."""
    username, colon, rest = credential.username.partition(":")
    if not colon:
        return credential
    return replace(credential, username=username, secret=SecretStr(f"{rest}:{credential.secret.get_secret_value()}"))


class CredentialStore(Protocol):
    """Where credentials live; it knows no status. Every method raises StoreError or StoreLost, one sentence each."""

    @property
    def read_only(self) -> str:
        """Why it is never written to, and what to use instead; "" for a store that is ours to write."""
        ...

    def credentials(self, user: str | None = None) -> AsyncIterator[Credential | UnreadableRow]:
        """Every credential (of `user`), by user and name, one secret at a time. Close it with `aclosing`."""
        ...

    async def as_kubelet(self, user: str) -> tuple[Credential | UnreadableRow | BrokenPullSecret, ...]:
        """What a kubelet is given of what `user` has stored, in its order."""
        ...

    async def get(self, user: str, name: str) -> Credential | UnreadableRow | None:
        """The credential of this name, or None."""
        ...

    def outlines(self, user: str | None = None) -> AsyncIterator[Outline]:
        """Every credential (of `user`), by user and name, readable or not; no secret is opened. Close it with `aclosing`."""
        ...

    async def some(self, places: Sequence[Place]) -> list[Credential | UnreadableRow]:
        """Those of these that are there, in any order."""
        ...

    async def standing(self, places: Sequence[Place]) -> dict[Place, Outline]:
        """Those of these that are there, no secret opened."""
        ...

    async def proofs(self, user: str | None = None) -> dict[tuple[str, str], str]:
        """The proof images kept beside credentials, by (user, name)."""
        ...


class WritableStore(CredentialStore, Protocol):
    """A store that is ours to write."""

    async def put(self, credential: Credential, *, proof: str | None = None, replace_scope: bool = True) -> Credential:
        """Store it, and return it as stored (with its `row`). One credential per (user, scope): another name renames it.

        Raises UsageError if the name is taken for another scope, or the scope is and `replace_scope` is false.
        """
        ...

    async def put_many(self, entries: Sequence[tuple[Credential, str | None]]) -> None:
        """Store all of these (each with its proof image), or none."""
        ...

    async def delete(self, user: str, name: str) -> bool:
        """Remove it; False if it was not there."""
        ...


class Transactions(Protocol):
    """A database that a store is given: each call is one transaction, and is finished also when its caller is cancelled."""

    async def read(self, work: Callable[[AsyncConnection], Awaitable[Made]]) -> Made:
        """Run `work` on one snapshot."""
        ...

    async def read_in_one(self, work: Callable[[Connection], Made]) -> Made:
        """The same for work that awaits nothing."""
        ...

    async def write(self, work: Callable[[AsyncConnection], Awaitable[Made]]) -> Made:
        """Run `work` as the only writer; all of it is kept, or nothing."""
        ...

    async def scrub(self) -> None:
        """Let nothing of deleted rows remain in the database's files."""
        ...


class KeyFile(Protocol):
    """The master keys' file, which may change while a process runs."""

    def read(self) -> MasterKeys:
        """The keys of now. Raises StoreError where it cannot be read."""
        ...


def row_hash(sealed_username: str, sealed_secret: str) -> str:
    """What `Credential.row` is: SHA-256, hex, of the two sealed texts with a line feed between (osmo.md section 5)."""
    return hashlib.sha256(f"{sealed_username}\n{sealed_secret}".encode()).hexdigest()
