"""What the nodes of OSMO's pools are, by the names that workflows and users have for them. Pure but for the reading.

A platform's labels are the node selector of its pods (osmo.md section 7). A name that means one thing in one pool and another in
the next judges nothing by itself; with its pool before it, it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from validator.protocol.manifest import parse_platform
from validator.stores.osmo.base.reading import Reader
from validator.stores.osmo.base.tables import readable

COLUMNS: Final = ("name", "default_platform", "platforms")
_POOLS: Final = "SELECT name, default_platform, platforms FROM public.pools"
_ARCH: Final = "kubernetes.io/arch"
_OS: Final = "kubernetes.io/os"
Platforms = Mapping[str, tuple[str, ...]]


async def platforms_in(reader: Reader) -> Platforms:
    """`platforms_of` OSMO's pools; nothing where they may not be read, or this version of OSMO keeps them otherwise."""
    if not await readable(reader, "pools", COLUMNS):
        return {}
    return platforms_of(await reader.rows(_POOLS))


def platforms_of(rows: Iterable[Any]) -> Platforms:
    """Of (pool, default platform, platforms): what nodes are, by PLATFORM, POOL/PLATFORM, and POOL for its default one."""
    meant: dict[str, set[str | None]] = {}
    for pool, default, platforms in rows:
        for name, said in platforms.items() if isinstance(platforms, dict) else ():
            nodes = _nodes(said)
            for known in (name, f"{pool}/{name}", *([pool] if name == default else [])):
                meant.setdefault(str(known), set()).add(nodes)
    one = {name: next(iter(nodes)) for name, nodes in meant.items() if len(nodes) == 1}
    return {name: (nodes,) for name, nodes in one.items() if nodes is not None}


def _nodes(said: Any) -> str | None:
    """A platform's nodes as an image names them; None if no selector says their architecture."""
    for place in (("labels",), ("parsed_pod_template", "spec", "nodeSelector")):
        found = said
        for key in place:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict) and isinstance(found.get(_ARCH), str):
            text = f"{found.get(_OS) or 'linux'}/{found[_ARCH]}"
            try:
                parse_platform(text)
            except ValueError:
                return None
            return text
    return None
