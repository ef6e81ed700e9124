"""The composition root: settings become one session, one ledger, one store and one probe; real clocks begin here."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Final, cast

from yarl import URL

from validator.config import AuthsKey, NotifyBy, RegistrySettings, Settings
from validator.config.base import HostName
from validator.credential import DOCKER_HUB, Credential
from validator.errors import ConfigError, StoreError, UsageError
from validator.evidence import Exchange
from validator.ledger import Embedded, Ledger, open_embedded, open_embedded_on
from validator.ledger.engine import Unwritable, data_folder, database_path
from validator.postgres import SCHEME as OSMO
from validator.postgres import server_of
from validator.probe import Probe
from validator.providers import PROVIDERS, provider_named
from validator.registry.base import Network
from validator.registry.proxy import ProxyRules, proxy_rules
from validator.registry.transport import AiohttpTransport
from validator.sealing import Fingerprinter
from validator.stores.base import BrokenPullSecret, CredentialStore, UnreadableRow, WritableStore
from validator.stores.dockerconfig import HUB_SERVER, DockerConfigStore
from validator.stores.osmo import OsmoStore, make_view, open_osmo
from validator.stores.sqlite import SqliteStore
from validator.telling import Letters, Teller, channels_of, program_of
from validator.telling.wishes import Wishes, nobody

KEY_NAME: Final = "master.key"


@dataclass(frozen=True, slots=True)
class Opened:
    """The database with what stands on it; `warning` is set when nothing will be kept, and says why."""

    ledger: Ledger
    store: CredentialStore
    fingerprinter: Fingerprinter
    durable: bool
    warning: str = ""

    def writable(self) -> WritableStore:
        """The store, to write to. Raises UsageError for one that is not ours to write."""
        if self.store.read_only:
            raise UsageError(self.store.read_only)
        return cast(WritableStore, self.store)


@dataclass(frozen=True, slots=True)
class App:
    """Everything that a command needs."""

    settings: Settings
    opened: Opened
    probe: Probe


def _scheme(settings: Settings) -> str:
    """What the store is, "sqlite" if none is named. Raises ConfigError for one that is not known."""
    scheme = settings.store.get_secret_value().partition(":")[0] if settings.store is not None else "sqlite"
    if scheme not in ("sqlite", "dockerconfig", OSMO):
        raise ConfigError(f"the store {scheme}: is not one that this version opens: write sqlite:///PATH, dockerconfig:PATH or {OSMO}://...")
    return scheme


def store_path(settings: Settings) -> Path | None:
    """The embedded database's file; None for the default one. Raises ConfigError for a store that is not known."""
    if _scheme(settings) != "sqlite" or settings.store is None:
        return None
    return database_path(settings.store.get_secret_value())


def key_file_of(settings: Settings) -> Path:
    """Where the master key is."""
    return settings.key_file or data_folder() / KEY_NAME


def _docker_config(settings: Settings, fingerprinter: Fingerprinter, environ: Mapping[str, str]) -> DockerConfigStore | None:
    """The store that is one person's docker config, if that is the store: the person is VALIDATOR_USER, else who runs this."""
    if settings.store is None or _scheme(settings) != "dockerconfig":
        return None
    path = settings.store.get_secret_value().partition(":")[2] or "~/.docker/config.json"
    try:
        owner = environ.get("VALIDATOR_USER") or getpass.getuser()
        whole = Path(path).expanduser().absolute()
    except (KeyError, OSError, RuntimeError):
        raise ConfigError("this account has no name or no home: name the user by VALIDATOR_USER, and the whole path by dockerconfig:PATH") from None
    return DockerConfigStore(whole, owner, fingerprinter, environ=environ, monotonic=time.monotonic)


@asynccontextmanager
async def open_store(
    settings: Settings, *, ephemeral: bool = False, environ: Mapping[str, str] = os.environ, must_keep: bool = True
) -> AsyncIterator[Opened]:
    """The store and ledger. Without `must_keep`, one that cannot be written becomes one for this run, with a warning.

    `CI=true` without a store named is a run of its own, too: each would make its controls anew (registries/README.md 6.2).
    """
    if _scheme(settings) == OSMO:
        async with _open_beside_osmo(settings, environ, ephemeral=ephemeral) as opened:
            yield opened
        return
    path = store_path(settings)
    key_file = key_file_of(settings)
    alone = ephemeral or (path is None and not must_keep and environ.get("CI", "").lower() in ("1", "true"))
    warning = "nothing is kept: this run has a ledger of its own" if alone and not ephemeral else ""
    async with AsyncExitStack() as stack:
        try:
            embedded: Embedded = await stack.enter_async_context(
                open_embedded(None if alone else path or data_folder() / "validator.db", key_file)
            )  # fmt: skip
        except Unwritable as error:
            if must_keep:
                raise
            warning = f"nothing is kept: {error}"
            embedded = await stack.enter_async_context(open_embedded(None, key_file))
        docker = _docker_config(settings, embedded.keys.fingerprinter, environ)
        store = docker if docker is not None else SqliteStore(embedded.database, embedded.keys.master, embedded.keys.file)
        yield Opened(embedded.ledger, store, embedded.keys.fingerprinter, embedded.ledger.durable, warning)


@asynccontextmanager
async def _open_beside_osmo(settings: Settings, environ: Mapping[str, str], *, ephemeral: bool) -> AsyncIterator[Opened]:
    """OSMO's store, and the ledger in a schema of its own beside it; `ephemeral`: in a file of this run alone."""
    assert settings.store is not None
    server, key_file = server_of(settings.store, environ), key_file_of(settings)
    ledger_at = open_embedded(None, key_file) if ephemeral else open_embedded_on(server, key_file)
    async with open_osmo(server, settings.osmo, environ) as store, ledger_at as embedded:
        if not ephemeral:
            await embedded.database.write_in_one(lambda connection: make_view(connection, store.hstore))
        yield Opened(embedded.ledger, store, embedded.keys.fingerprinter, embedded.ledger.durable)


async def held_as_docker(opened: Opened, user: str, domains: Sequence[str]) -> tuple[Credential | UnreadableRow, ...]:
    """What docker would log in with for images of these registries, each under a key that no other registry's image matches.

    Raises UsageError where no docker config is the store, or it is not this user's.
    """
    store = opened.store
    if not isinstance(store, DockerConfigStore):
        raise UsageError("--as docker is about a docker config: name one by --store dockerconfig:PATH.")
    _belongs_to(store, user)
    found = [(domain, await store.as_docker(domain)) for domain in domains]
    return tuple(replace(one, written=HUB_SERVER if domain == DOCKER_HUB else domain) for domain, one in found if one is not None)


def _belongs_to(store: DockerConfigStore, user: str) -> None:
    """Without this, every private image of another user would be called denied."""
    if user != store.owner:
        raise UsageError(
            f"the docker config {store.path} holds the credentials of {store.owner} and of nobody else; leave --user out, or say "
            "whose it is by VALIDATOR_USER."
        )


async def held_by(settings: Settings, opened: Opened, user: str) -> tuple[Credential | UnreadableRow | BrokenPullSecret, ...]:
    """What a kubelet is given of what `user` has stored, in its order.

    Also where this run's ledger is its own: the store is read then, and not written. Raises UsageError where one person's is the
    store, and it is not this user's.
    """
    store = opened.store
    if isinstance(store, DockerConfigStore):
        _belongs_to(store, user)
    path = store_path(settings) or data_folder() / "validator.db"
    if not isinstance(store, SqliteStore) or opened.durable or not path.exists():
        return await store.as_kubelet(user)
    async with open_embedded(path, key_file_of(settings), read_only=True) as embedded:
        return await SqliteStore(embedded.database, embedded.keys.master, embedded.keys.file).as_kubelet(user)


def auths_key(settings: Settings) -> AuthsKey:
    """Under which keys the platform writes what is stored into a pull secret; `auto` is as the store has it."""
    if settings.preflight.auths_key is not AuthsKey.AUTO:
        return settings.preflight.auths_key
    return {"dockerconfig": AuthsKey.AS_WRITTEN, OSMO: AuthsKey.OSMO}.get(_scheme(settings), AuthsKey.DOCKER)


def transport_for(network: Network) -> AiohttpTransport:
    """The way out of one command; tests put names and sockets of their own behind its gates."""
    return AiohttpTransport(network)


def network_of(settings: Settings) -> Network:
    """What holds for every request."""
    said, timeouts = settings.network, settings.timeouts
    authorities = tuple(dict.fromkeys(said.ca_file for said in settings.registries.values() if said.ca_file is not None))
    return Network(connect_s=timeouts.connect_s, total_s=timeouts.total_s, ca_file=said.ca_file, route_ca_files=authorities)


def strict_transport_for(settings: Settings) -> AiohttpTransport:
    """The same way out as newer Pythons are about certificates."""
    return transport_for(replace(network_of(settings), strict=True))


def _known_providers(settings: Settings) -> None:
    """Raises ConfigError for a provider that there is none of."""
    for host, said in settings.registries.items():
        if said.provider is not None and provider_named(said.provider) is None:
            names = ", ".join(provider.key for provider in PROVIDERS)
            raise ConfigError(f"registries.{host}.provider is none of this version's: write one of {names}.")


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    ephemeral: bool = False,
    must_keep: bool = True,
    environ: Mapping[str, str] = os.environ,
    on_exchange: Callable[[str, Exchange], None] | None = None,
) -> AsyncIterator[App]:
    """The whole program for one command. Raises ConfigError and StoreError, one sentence each."""
    _known_providers(settings)
    network = settings.network
    rules = proxy_rules(URL(str(network.proxy)) if network.proxy is not None else None, network.proxy_auth_file, tuple(map(str, network.no_proxy)))
    async with (
        open_store(settings, ephemeral=ephemeral, environ=environ, must_keep=must_keep) as opened,
        transport_for(network_of(settings)) as transport,
        opened.ledger.behind(),
    ):
        settings = await _with_osmos(settings, opened.store)
        yield App(settings, opened, _probe(settings, opened, transport, rules, on_exchange))


async def _with_osmos(settings: Settings, store: CredentialStore) -> Settings:
    """With the whole registries that OSMO's operator wants unchecked: nothing is ever sent there, with a credential or without.
    What OSMO's nodes are is known by the names of its pools, where these settings say nothing else of a name.
    """
    if not isinstance(store, OsmoStore):
        return settings
    hosts = [HostName(scope.host) for scope in await store.disabled() if not scope.path]
    given = {host: settings.registries.get(host, RegistrySettings()).model_copy(update={"disabled": True}) for host in hosts}
    preflight = settings.preflight
    platforms = {**await store.platforms(), **preflight.platforms}
    return settings.model_copy(update={
        "registries": {**settings.registries, **given}, "preflight": preflight.model_copy(update={"platforms": platforms}),
    })  # fmt: skip


async def open_teller(app: App, say: Callable[[str], None] | None = None, *, patience_s: float = 0) -> Teller:
    """Who tells users and operator, by the channels of the settings; `say` hears it where there are none. Raises ConfigError."""
    opened, settings = app.opened, app.settings
    channels = await channels_of(settings.notices, say)
    letters = Letters(opened.ledger, opened.store, settings, program_of(opened.store))
    return Teller(
        opened.ledger, settings, channels, letters, lambda: datetime.now(UTC), patience_s=patience_s, wishes=_wishes(settings, opened.store)
    )  # fmt: skip


def _wishes(settings: Settings, store: CredentialStore) -> Wishes:
    """Of OSMO's users, by the setting `osmo.notify`; other stores' users are asked nothing."""
    if not isinstance(store, OsmoStore) or settings.osmo.notify is NotifyBy.ALL:
        return Wishes()
    return Wishes(nobody if settings.osmo.notify is NotifyBy.NONE else store.wishes)


def _probe(
    settings: Settings, opened: Opened, transport: AiohttpTransport, rules: ProxyRules, on_exchange: Callable[[str, Exchange], None] | None
) -> Probe:  # fmt: skip
    return Probe(
        transport=transport,
        ledger=opened.ledger,
        fingerprinter=opened.fingerprinter,
        settings=settings,
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        sleep=asyncio.sleep,
        random=SystemRandom(),
        proxies=rules,
        on_exchange=on_exchange,
    )


__all__ = [
    "App", "Opened", "StoreError",
    "auths_key", "held_as_docker", "held_by", "key_file_of", "network_of", "open_app", "open_store", "open_teller", "store_path",
    "strict_transport_for",
]  # fmt: skip
