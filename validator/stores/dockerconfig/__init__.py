"""The credentials of one person's docker config, podman `auth.json` or Kubernetes pull secret: a file that is only read.

It is read in three ways: as its owner's logins (identity tokens and credential helpers count), as a kubelet given this file
(neither counts, and one broken entry breaks all), and as docker looks up one registry. registries/README.md 3.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from validator.credential import DOCKER_HUB, Credential, Host, RegistryScope, SecretKind, UnreadableRegistry, parse_scope
from validator.protocol.base import shown_text
from validator.sealing import Fingerprinter
from validator.stores.base import BrokenPullSecret, Outline, Place, UnreadableRow
from validator.stores.dockerconfig.base import Config, Entry, Source, read_config
from validator.stores.dockerconfig.program import Kept, ProgramFault, ask_program

KEPT_S: Final = 60.0
"""So long a program's answer is used again: some ask a person each time, and some make a new token."""
HUB_SERVER: Final = "https://index.docker.io/v1/"
"""What docker looks Docker Hub up by."""
IDENTITY_USERNAME: Final = "<token>"
"""What docker calls the username of an identity token."""

_DESKTOP: Final = ("/v1/access-token", "/v1/refresh-token")
"""Keys under which docker keeps tokens of a browser login: they are no registry's."""

Row = Credential | UnreadableRow


@dataclass(frozen=True, slots=True)
class _Login:
    """One login of the owner's: its entry, the program that may hold its secret, and its name here."""

    name: str
    entry: Entry
    program: str


class DockerConfigStore:
    """Implements `CredentialStore` over one file, read anew each time: the credentials of `owner`, and of nobody else.

    `environ` is what programs are found and started with.
    """

    def __init__(
        self, path: Path, owner: str, fingerprinter: Fingerprinter, *, environ: Mapping[str, str], monotonic: Callable[[], float]
    ) -> None:  # fmt: skip
        self.path = path
        self.owner = owner
        self._fingerprinter = fingerprinter
        self._environ = environ
        self._monotonic = monotonic
        self._answers: dict[tuple[str, str], tuple[float, Kept | ProgramFault | None]] = {}

    @property
    def read_only(self) -> str:
        """What to use instead."""
        return f"the docker config {self.path} is only read: use `docker login` and `docker logout`."

    async def credentials(self, user: str | None = None) -> AsyncGenerator[Row]:
        """Every login, by name; programs are asked one after the other, as each is come to."""
        if user not in (None, self.owner):
            return
        config = await self._read()
        for login in sorted(_logins(config), key=lambda one: one.name):
            row = await self._row(login, config)
            if row is not None:
                yield row

    async def get(self, user: str, name: str) -> Row | None:
        """The login of this name, or None."""
        if user != self.owner:
            return None
        config = await self._read()
        login = next((one for one in _logins(config) if one.name == name), None)
        return await self._row(login, config) if login is not None else None

    async def outlines(self, user: str | None = None) -> AsyncIterator[Outline]:
        """The same without their secrets; what cannot be read has a row of nobody's."""
        async with aclosing(self.credentials(user)) as rows:
            async for one in rows:
                yield _outline(one)

    async def some(self, places: Sequence[Place]) -> list[Row]:
        """Those of these that are there."""
        return [one for place in places if (one := await self.get(*place)) is not None]

    async def standing(self, places: Sequence[Place]) -> dict[Place, Outline]:
        """Those of these that are there, without their secrets."""
        return {(one.user, one.name): _outline(one) for one in await self.some(places)}

    async def proofs(self, user: str | None = None) -> dict[tuple[str, str], str]:
        """None: a docker config keeps no proof images."""
        return {}

    async def as_kubelet(self, user: str) -> tuple[Row | BrokenPullSecret, ...]:
        """What a kubelet holds that was given this file, in its order: every key with its pair, or only what breaks it."""
        if user != self.owner:
            return ()
        config = await self._read()
        broken = tuple(
            BrokenPullSecret(user=self.owner, name=source.name, why=source.broken) for source in config.sources if source.broken
        )  # fmt: skip
        if broken:
            return broken
        return tuple(
            self._credential(login, login.entry.username, login.entry.password) for login in _logins(config, every_key=True)
        )  # fmt: skip

    async def as_docker(self, domain: str) -> Row | None:
        """What docker would log in with for an image of `domain` (as the image is written; `docker.io` for Docker Hub); None: without.

        One look-up: the program of this registry, else the file's entry under exactly its name.
        """
        config = await self._read()
        server = HUB_SERVER if domain == DOCKER_HUB else domain
        program = config.programs.get(server, config.store_program)
        entries = [entry for source in config.sources for entry in source.entries]
        faults = [entry for entry in entries if entry.docker_fault]
        if faults:  # docker reads none of them, or some
            why = f"docker cannot read the file for its entry {shown_text(faults[0].key)}: {faults[0].docker_fault}"
            return self._unreadable(_Login(shown_text(server), Entry(key=server), ""), why)
        if program:
            return await self._row(_Login(shown_text(server), Entry(key=server), program), config)
        exact = [entry for entry in entries if entry.key == server] or [entry for entry in entries if _hostname(entry.key) == server]
        return self._own(_Login(shown_text(exact[0].key), exact[0], "")) if exact else None

    async def _read(self) -> Config:
        return await asyncio.to_thread(read_config, self.path)

    async def _row(self, login: _Login, config: Config) -> Row | None:
        """The login with its secret: what its program keeps, else the file's own; None where there is none."""
        if not is_registry(login.entry.key):
            return self._unreadable(login, "its key is no one registry's, so that there is nobody to ask")
        if login.program:
            try:
                kept = await self._asked(login.program, login.entry.key)
            except ProgramFault as fault:
                return self._unreadable(login, str(fault))
            if kept is not None:
                identity = kept.username == IDENTITY_USERNAME
                kind = SecretKind.IDENTITY_TOKEN if identity else SecretKind.PASSWORD
                return self._credential(login, kept.username, kept.secret, kind)
        if login.entry.docker_fault and (login.entry.fault or login.entry.is_empty):
            return self._unreadable(login, login.entry.docker_fault)
        return self._own(login)

    def _own(self, login: _Login) -> Row | None:
        """What the file itself holds, by docker's order of preference."""
        entry = login.entry
        if len(entry.registry_token):
            return self._credential(login, "", entry.registry_token, SecretKind.REGISTRY_TOKEN)
        if len(entry.identity_token):
            return self._credential(login, IDENTITY_USERNAME, entry.identity_token, SecretKind.IDENTITY_TOKEN)
        return self._credential(login, entry.username, entry.password) if len(entry.password) else None

    async def _asked(self, program: str, server: str) -> Kept | None:
        now = self._monotonic()
        until, answer = self._answers.get((program, server), (now, None))
        if until <= now:
            try:
                answer = await ask_program(program, server, self._environ)
            except ProgramFault as fault:
                answer = fault
            self._answers[program, server] = (self._monotonic() + KEPT_S, answer)
        if isinstance(answer, ProgramFault):
            raise answer
        return answer

    def _credential(self, login: _Login, username: str, secret: SecretStr, kind: SecretKind = SecretKind.PASSWORD) -> Credential:
        key = login.entry.key
        return Credential(
            user=self.owner, name=login.name, scope=scope_of(key), username=username, secret=secret, written=key, kind=kind,
            row=str(self._fingerprinter.of(f"docker config {kind} {key}", username, secret)),
        )  # fmt: skip

    def _unreadable(self, login: _Login, why: str) -> UnreadableRow:
        return UnreadableRow(user=self.owner, name=login.name, scope=scope_of(login.entry.key), why=why, written=login.entry.key)


def _outline(one: Row) -> Outline:
    return Outline(one.user, one.name, one.scope, one.row if isinstance(one, Credential) else "")


def is_registry(key: str) -> bool:
    """False for a pattern, and for what no registry is called."""
    try:
        return bool(parse_scope(key))
    except UnreadableRegistry:
        return False


def scope_of(key: str) -> RegistryScope:
    """What a key stands for. A pattern, or a text that no registry has, stands for itself: nothing is ever asked there."""
    try:
        return parse_scope(key)
    except UnreadableRegistry:
        host, _, path = key.partition("://")[2].partition("/") if "://" in key else key.partition("/")
        return RegistryScope(Host(shown_text(host)), shown_text(path))


def _logins(config: Config, *, every_key: bool = False) -> Iterator[_Login]:
    """The keys of the file, then those that only a program is named for; each under a name of its own.

    `every_key`: as a kubelet sees it, with no program and also what is no login of a registry.
    """
    names: set[str] = set()
    several = len(config.sources) > 1
    known = {entry.key for source in config.sources for entry in source.entries}
    entries = [(source, entry) for source in config.sources for entry in source.entries]
    if not every_key:
        entries += [(Source(name=""), Entry(key=key)) for key in config.programs if key not in known]
    for source, entry in entries:
        if not every_key and entry.key.endswith(_DESKTOP):
            continue
        name = shown_text(f"{source.name}/{entry.key}" if several else entry.key) or "(no name)"
        unique, number = name, 1
        while unique in names:
            number += 1
            unique = f"{name} ({number})"
        names.add(unique)
        yield _Login(unique, entry, "" if every_key else config.programs.get(entry.key, config.store_program))


def _hostname(key: str) -> str:
    """What docker makes of a key of the file when none is exactly the registry's name."""
    rest = key.partition("://")[2] if key.startswith(("http://", "https://")) else key
    return rest.partition("/")[0]
