"""A store that is OSMO's, on its database server, and our own tables beside it. They are only read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

from validator.config import Settings
from validator.credential import Host
from validator.doctor.base import found
from validator.doctor.nights import look_at_nights
from validator.doctor.store import Looked, look_inside, sentence
from validator.errors import ConfigError, StoreError, StoreLost, ValidatorError
from validator.ledger import Embedded, Ledger
from validator.ledger.base.tables import HEAD
from validator.ledger.keys import open_keys
from validator.ledger.postgres import open_on_server
from validator.postgres import Server
from validator.stores.base import UnreadableRow
from validator.stores.osmo import open_osmo


async def look_at_server(
    server: Server, settings: Settings, key_file: Path, schedule: tuple[str, str] | None, now: datetime, environ: Mapping[str, str]
) -> Looked:
    """The findings about the database of `server`. Raises nothing of the operator's: what does not open is a finding."""
    looked = Looked()
    at_osmo = await _osmo(server, settings, environ, looked)
    try:
        async with open_on_server(server, read_only=True) as database:
            looked.findings.append(found("schema_newest", server.name, revision=HEAD))
            try:
                keys = await open_keys(database, key_file)
            except StoreError as error:
                looked.findings.append(sentence("key_fails", error, str(key_file)))
                return looked
            looked.findings.append(found("key_opens", str(key_file)))
            await look_inside(Embedded(database, keys, Ledger(database)), server.name, key_file, looked, now)
            looked.findings += await look_at_nights(Ledger(database), schedule, now, told=bool(settings.notices.urls))
    except (StoreError, StoreLost) as error:
        older = str(error).startswith(f"the database {server.name} is of an older program")
        finding = found("schema_older", server.name, revision="of before") if older else sentence("store_fails", error, server.name)
        if at_osmo or finding not in looked.findings:  # what cannot be reached is said once
            looked.findings.append(finding)
        return looked
    looked.usable = at_osmo
    return looked


async def _osmo(server: Server, settings: Settings, environ: Mapping[str, str], looked: Looked) -> bool:
    """OSMO's own tables and keys; whether they open."""
    number, unreadable, hosts = 0, list[str](), dict[Host, None]()
    try:
        async with open_osmo(server, settings.osmo, environ) as store, aclosing(store.credentials()) as rows:
            async for row in rows:
                number += 1
                hosts[row.scope.host] = None
                if isinstance(row, UnreadableRow):
                    unreadable.append(row.why)
    except (ConfigError, StoreError, StoreLost) as error:
        looked.findings.append(sentence("store_fails", _as_store(error), server.name))
        return False
    looked.hosts = list(hosts)
    looked.findings.append(found("store_opens", server.name, number=number))
    if unreadable:
        looked.findings.append(found("store_unreadable", server.name, number=len(unreadable), why=unreadable[0]))
    return True


def _as_store(error: ValidatorError) -> StoreError:
    return error if isinstance(error, StoreError) else StoreError(str(error))
