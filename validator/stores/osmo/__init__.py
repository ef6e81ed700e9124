"""OSMO's own credentials, in its own database: rows of type REGISTRY, read as they stand and never written (osmo.md), and the one
credential of OSMO's images, out of its settings.

What cannot be opened is told apart, for the operator; what OSMO's reader has damaged is seen through. Secrets are open in memory
alone, those of one user at a time, but for the few whose workflows were foretold last.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import structlog

from validator.config import OsmoSection
from validator.credential import BACKEND_IMAGES, OSMOS_OWN, Credential, RegistryScope, parse_scope
from validator.errors import ConfigError
from validator.postgres import Server
from validator.stores.base import Outline, Place, UnreadableRow
from validator.stores.osmo.base.master import MasterFile
from validator.stores.osmo.base.pools import Platforms, platforms_in
from validator.stores.osmo.base.reading import Reader, at_opening
from validator.stores.osmo.base.rows import Stored, opened
from validator.stores.osmo.base.settings import OsmoSettings, settings_in
from validator.stores.osmo.base.tables import looked_at
from validator.stores.osmo.base.view import make_view
from validator.stores.osmo.base.wishes import Wishes, wishes_of

SETTINGS_S: Final = 60.0
"""So long OSMO's own settings are held to be as they were read."""
_KEPT: Final = 200
"""Users whose opened rows are kept, by their rows as they stand: who submits, submits often."""
_ROWS: Final = """
SELECT c.user_name, c.cred_name, c.profile, c.payload OPERATOR({hstore}.->) 'username', c.payload OPERATOR({hstore}.->) 'auth',
       (SELECT {hstore}.hstore_to_json(u.keys) FROM public.ueks u WHERE u.uid = c.user_name)
FROM public.credential c WHERE c.cred_type::text = 'REGISTRY' AND c.user_name <> {osmo}"""
"""Read in one statement with its user's keys: OSMO rewrites rows as it reads them."""
_OUTLINES: Final = """
SELECT c.user_name, c.cred_name, c.profile, c.payload OPERATOR({hstore}.->) 'username', c.payload OPERATOR({hstore}.->) 'auth'
FROM public.credential c WHERE c.cred_type::text = 'REGISTRY' AND c.user_name <> {osmo}"""
_BY_NAME: Final = ' ORDER BY c.user_name COLLATE "C", c.cred_name COLLATE "C"'
_OF_ONE: Final = " AND c.user_name = %s"
_OF_SOME: Final = " AND c.user_name = ANY(%s)"
Row = Credential | UnreadableRow


class OsmoStore:
    """Implements `CredentialStore` over OSMO's tables; open it with `open_osmo`."""

    def __init__(
        self, reader: Reader, master: MasterFile, settings: OsmoSection, *, hstore: str, configs: bool, monotonic: Callable[[], float]
    ) -> None:  # fmt: skip
        self.hstore = hstore
        self._reader = reader
        self._master = master
        self._rows, self._outlines = (query.format(hstore=hstore, osmo=f"'{OSMOS_OWN}'") for query in (_ROWS, _OUTLINES))
        self._own = tuple(parse_scope(one) for one in settings.disabled)
        self._configs = configs
        self._monotonic = monotonic
        self._settings: tuple[float, OsmoSettings] = (float("-inf"), OsmoSettings())
        self._kept: OrderedDict[tuple[Any, ...], list[Row]] = OrderedDict()

    @property
    def read_only(self) -> str:
        """What to use instead."""
        return "the credentials are OSMO's and only read here: use `osmo credential set`, and `osmo credential delete`."

    async def credentials(self, user: str | None = None) -> AsyncGenerator[Row]:
        """Every credential (of `user`), by user and name."""
        disabled, left = await self.disabled(), list[Stored]()
        async with aclosing(self._pages(self._rows, user)) as pages:
            async for page in pages:
                whole = [*left, *page]
                left = [row for row in whole if row.user == whole[-1].user]
                for one in await self._opened(whole[: len(whole) - len(left)], disabled):
                    yield one
        for one in await self._opened(left, disabled):
            yield one

    async def outlines(self, user: str | None = None) -> AsyncGenerator[Outline]:
        """Every credential (of `user`), by user and name, readable or not; nothing is opened."""
        async with aclosing(self._pages(self._outlines, user)) as pages:
            async for page in pages:
                for row in page:
                    yield row.outline()

    async def as_kubelet(self, user: str) -> tuple[Row, ...]:
        """What OSMO writes into the pull secrets of `user`'s pods: of two rows for one registry the last in the order of the table, and
        after them OSMO's own, which is in every pod.
        """
        rows = await self._of(self._rows + _OF_ONE + " ORDER BY c.ctid", user)
        rows += await self._osmos(0.0)
        disabled = await self.disabled()
        self._master.keys()
        key = (*rows, disabled, self._master.version)
        if key not in self._kept:
            self._kept[key] = await self._opened(rows, disabled)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return tuple({(one.user, one.written or str(one.scope)): one for one in self._kept[key]}.values())

    async def get(self, user: str, name: str) -> Row | None:
        """The credential of this name, or None."""
        return next(iter(await self.some([(user, name)])), None)

    async def some(self, places: Sequence[Place]) -> list[Row]:
        """Those of these that are there."""
        rows = await self._at(self._rows, places)
        wanted = set(places)
        return [one for one in await self._opened(rows, await self.disabled()) if (one.user, one.name) in wanted] if rows else []

    async def standing(self, places: Sequence[Place]) -> dict[Place, Outline]:
        """Those of these that are there, nothing opened."""
        found = {row.place: row for row in await self._at(self._outlines, places)}
        return {place: found[place].outline() for place in places if place in found}

    async def proofs(self, user: str | None = None) -> dict[tuple[str, str], str]:
        """None: OSMO keeps no proof images."""
        return {}

    async def disabled(self) -> tuple[RegistryScope, ...]:
        """What nobody is to ask about: by our settings, and by OSMO's `disable_registry_validation` where it may be read."""
        return tuple(dict.fromkeys((*self._own, *(await self._read(SETTINGS_S)).disabled)))

    async def platforms(self) -> Platforms:
        """What the nodes of OSMO's pools are, by the names of the pools and their platforms; what is not known is left out."""
        return await platforms_in(self._reader)

    async def wishes(self, users: Sequence[str] | None = None) -> Wishes:
        """How these users (None: all that have said) want to be told."""
        return await wishes_of(self._reader, users)

    async def _opened(self, rows: Sequence[Stored], disabled: Sequence[RegistryScope]) -> list[Row]:
        return await asyncio.to_thread(lambda: opened(rows, self._master.keys(), disabled)) if rows else []

    async def _read(self, within_s: float) -> OsmoSettings:
        """OSMO's settings, as they were at most so long ago."""
        read_at, found = self._settings
        if self._configs and self._monotonic() - read_at >= within_s:
            found = await settings_in(self._reader)
            self._settings = (self._monotonic(), found)
        return found

    async def _osmos(self, within_s: float = SETTINGS_S) -> list[Stored]:
        """OSMO's own credential, if it has one."""
        own = (await self._read(within_s)).own
        return [own] if own is not None else []

    async def _pages(self, query: str, user: str | None) -> AsyncGenerator[list[Stored]]:
        """The rows (of `user`) by user and name, OSMO's own at its place among them."""
        given: tuple[str, ...] = () if user is None else (user,)
        own = await self._osmos() if user in (None, OSMOS_OWN) else []
        async with aclosing(self._reader.pages(query + (_OF_ONE if given else "") + _BY_NAME, given)) as pages:
            async for page in pages:
                rows = [Stored.of(row) for row in page]
                if own and own[0].place < rows[-1].place:
                    rows, own = sorted([*own, *rows], key=attrgetter("place")), []
                yield rows
        if own:
            yield own

    async def _at(self, query: str, places: Sequence[Place]) -> list[Stored]:
        """All rows of these places' users; of OSMO's own what stands there at this moment."""
        if not places:
            return []
        rows = await self._of(query + _OF_SOME + _BY_NAME, sorted({user for user, _ in places}))
        return rows + (await self._osmos(0.0) if (OSMOS_OWN, BACKEND_IMAGES) in places else [])

    async def _of(self, query: str, whom: str | list[str]) -> list[Stored]:
        return [Stored.of(row) for row in await self._reader.rows(query, (whom,))]


def mek_path(settings: OsmoSection, environ: Mapping[str, str]) -> Path:
    """OSMO's key file: ours to name, else as OSMO itself is told. Raises ConfigError."""
    if settings.mek_file is not None:
        return settings.mek_file
    if environ.get("OSMO_MEK_FILE"):
        return Path(environ["OSMO_MEK_FILE"])
    raise ConfigError("OSMO's key file is not named; name it by `osmo.mek_file`, or as OSMO does by OSMO_MEK_FILE")


@asynccontextmanager
async def open_osmo(server: Server, settings: OsmoSection, environ: Mapping[str, str]) -> AsyncIterator[OsmoStore]:
    """The store in `server`'s database, once its tables and keys are seen to be those that are known.

    Raises ConfigError, StoreError: it cannot be reached or read, is no OSMO's, or the key file is missing or none.
    """
    master = MasterFile(mek_path(settings, environ))
    first = Reader(server, ride_out_s=0.0)
    try:
        await asyncio.to_thread(master.keys)
        hstore, configs = await looked_at(first)
    except Exception as error:
        raise at_opening(error) from None
    finally:
        await first.close()
    if not configs:
        structlog.get_logger().info("osmo_settings_unread", database=server.name)
    reader = Reader(server)
    try:
        yield OsmoStore(reader, master, settings, hstore=hstore, configs=configs, monotonic=time.monotonic)
    finally:
        await reader.close()


__all__ = ["OsmoStore", "make_view", "mek_path", "open_osmo"]
