"""The scope of a token: `repository:org/app:pull`, several of them parted by blanks.

Pure and total. distribution docs/content/spec/auth/scope.md; registries/README.md 2.4.
"""

from __future__ import annotations

from typing import Final

from validator.protocol.base import Access

__all__ = ["Access", "parse_scope_text", "pull_scope"]

MAX_SCOPE: Final = 16 * 1024


def parse_scope_text(text: str) -> tuple[Access, ...]:
    """The accesses of `text`, merged by type and name, sorted; resources that are none are left out.

    The name may hold one colon (host:port): a resource is split at its first and its last. A class,
    `repository(plugin)`, stays in the type. At most MAX_SCOPE characters are read.
    """
    merged: dict[tuple[str, str], set[str]] = {}
    for resource in text[:MAX_SCOPE].split():
        kind, _, rest = resource.partition(":")
        name, colon, actions = rest.rpartition(":")
        if colon and kind and name:
            merged.setdefault((kind, name), set()).update(action for action in actions.split(",") if action)
    return tuple(Access(kind, name, frozenset(actions)) for (kind, name), actions in sorted(merged.items()))


def pull_scope(repository: str) -> str:
    """The one scope that is ever asked: to pull `repository`, never to push."""
    return f"repository:{repository}:pull"
