"""The composition root of the doctor: the settings become what it looks at. It makes nothing, and migrates nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from validator.app import key_file_of, open_app, strict_transport_for
from validator.config import EVERY_HOST, Settings
from validator.credential import Host
from validator.database import file_of, on_a_server
from validator.doctor import Check, Finding, Ways, look_at_files, look_at_place, look_at_server, look_at_store, look_at_trust, sentence
from validator.doctor.base import found
from validator.errors import StoreError
from validator.postgres import server_of
from validator.stores.base import CredentialStore
from validator.stores.dockerconfig import DockerConfigStore

_ORDER: Final = {check: place for place, check in enumerate(Check)}


async def examined(settings: Settings, source: Path | None, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Every finding, in the order of the checks. Raises ConfigError for settings that nothing can be done with."""
    now = datetime.now(UTC)
    said, key_file = settings.sweep, key_file_of(settings)
    schedule = (said.schedule, said.timezone) if said.schedule is not None else None
    findings = look_at_files(settings, source)
    if on_a_server(settings) and settings.store is not None:
        store = await look_at_server(server_of(settings.store, environ), settings, key_file, schedule, now, environ)
        if not store.usable:  # the registries are asked all the same
            settings = settings.model_copy(update={"store": None})
    else:
        path = file_of(settings)
        findings += look_at_place(path)
        store = await look_at_store(path, key_file, schedule, now, told=bool(settings.notices.urls))
    findings += store.findings
    findings += await asyncio.to_thread(look_at_trust, _authorities(settings), now)
    unusable = {Path(finding.subject) for finding in findings if finding.code in ("tls_file_unusable", "file_missing")}
    settings = _without(settings, unusable) if unusable else settings
    hosts = dict.fromkeys([*(Host(host) for host in settings.registries if host != EVERY_HOST), *store.hosts])
    findings += await _ways(settings, tuple(hosts), environ, alone=not store.usable)
    return tuple(sorted(findings, key=lambda one: _ORDER[one.check]))


async def _ways(settings: Settings, hosts: tuple[Host, ...], environ: Mapping[str, str], *, alone: bool) -> list[Finding]:
    """By the pace of the store's own ledger, or, where that does not open, `alone` by a pace of its own."""
    async with open_app(settings, ephemeral=alone, environ=environ) as app:
        findings, more = await _logins(app.opened.store)
        both = tuple(dict.fromkeys([*hosts, *more]))
        return findings + await Ways(probe=app.probe, hosts=both, strict=lambda: strict_transport_for(settings), environ=environ).look()


async def _logins(store: CredentialStore) -> tuple[list[Finding], list[Host]]:
    """Whether a docker config can be read, and its hosts: they are not in the database."""
    if not isinstance(store, DockerConfigStore):
        return [], []
    try:
        async with aclosing(store.outlines()) as outlines:  # type: ignore[type-var]  # an async generator
            hosts = [one.scope.host async for one in outlines]
    except StoreError as error:
        return [sentence("store_fails", error, store.path)], []
    return [found("store_opens", str(store.path), number=len(hosts))], hosts


def _authorities(settings: Settings) -> tuple[Path, ...]:
    named = (settings.network.ca_file, *(said.ca_file for said in settings.registries.values()))
    return tuple(dict.fromkeys(path for path in named if path is not None))


def _without(settings: Settings, unusable: Set[Path]) -> Settings:
    """The same without the files that cannot be used: the registries are asked all the same, and what follows is said."""
    network = settings.network
    gone = {name: None for name in ("ca_file", "proxy_auth_file") if getattr(network, name) in unusable}
    registries = {
        host: said.model_copy(update={"ca_file": None}) if said.ca_file in unusable else said for host, said in settings.registries.items()
    }  # fmt: skip
    return settings.model_copy(update={"network": network.model_copy(update=gone), "registries": registries})
