"""What of a provider the verdict depends on, as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from validator.verdict.base import Reason
from validator.verdict.reading import Meaning, Says


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What of a provider the verdict depends on; the values are its file's. The defaults are the generic rules."""

    rows: tuple[Says, ...] = ()
    scope_blind: bool = False
    """The secret is judged whatever the scope: the login's control serves the scoped login too."""
    repeat: bool = True
    """A refused login is repeated once when somebody waits."""
    known_yet_refused: Reason | None = None
    """What it means that the vendor's introspection knows a secret which the login refused twice."""
    denied: Reason = Reason.NO_PULL_PERMISSION
    """What a denial of a repository that is not the credential's own is called."""
    foreign_key_blocks: bool = False
    terms_under: tuple[str, ...] = ()
    """Repositories whose denial may mean that terms were not accepted."""
    anonymous_401_twice: bool = False
    """Anonymous 401s can be spurious, and count only at a realm that answers a scopeless anonymous request (NGC)."""
    anonymous_usual: frozenset[Meaning] = frozenset()
    """What the vendor usually says to an anonymous token request; anything else is a sign of illness. Empty: not asked."""
    token_for_public_only: bool = False
    """Nobody gets a token for a repository that is not public: one that the manifest then refuses shows illness (GHCR)."""
    owner_is_username: bool = False
    """The introspection's owner is the name that the vendor asks for as username; another one is worth a hint."""
    scopes_that_pull: frozenset[str] = frozenset()
    kinds_that_never_pull: frozenset[str] = frozenset()
    kinds_that_die_soon: frozenset[str] = frozenset()
    kinds_of_no_person: frozenset[str] = frozenset()
    """Kinds that belong to an organisation or a project: nobody is told of "your key"."""
    tokens_doubted: bool = False
    """What this vendor says of an identity token is not known well enough to call one dead (Docker Hub)."""
    closed_for_s: Mapping[Reason, float] = field(default_factory=lambda: MappingProxyType({}))
    """How long the registry is left alone after an answer with this reason, at least; in seconds."""
    wait_s: Mapping[Reason, float] = field(default_factory=lambda: MappingProxyType({}))
    """How long this one account is better left alone after it, in seconds; others of the registry need not wait."""
