"""Which stored credentials a sweep is about: by registry, each secret once, with what is known of each and what to prove it with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from validator.credential import Credential, Host, RegistryScope
from validator.errors import ConfigError
from validator.ledger import Ledger
from validator.ledger.statuses import StatusKey, StatusRow, standing_of
from validator.probe import Probe
from validator.probe.reach import settings_of
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.sealing import Fingerprint
from validator.status import Standing, Transition
from validator.stores.base import CredentialStore, UnreadableRow
from validator.sweep.base import LeftOver, Member, Row, Shared
from validator.verdict import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Known:
    """The statuses of before: by key, and for those whose row was only written anew (a key's rotation, the same secret set again)."""

    by_key: Mapping[StatusKey, StatusRow]
    by_secret: Mapping[tuple[str, RegistryScope, Fingerprint], StatusRow]
    by_scope: Mapping[tuple[str, RegistryScope], StatusRow]

    def of(self, key: StatusKey) -> Standing:
        """What is known of one stored secret."""
        return standing_of(self.by_key.get(key) or self.by_secret.get((key.user, key.scope, key.fingerprint))) or Standing()


@dataclass(slots=True)
class Selection:
    """Secrets by host, and the rows that could not be read: they hide nobody else. `known`: the statuses of before."""

    known: Known
    lanes: dict[Host, list[Shared]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    left_over: list[LeftOver] = field(default_factory=list)


async def select(probe: Probe, store: CredentialStore, *, user: str | None, registry: Host | None) -> Selection:
    """Everything that the filters select. Raises StoreError, and ConfigError for a proof image that is none."""
    ledger = probe.ledger
    known = _known(await ledger.statuses.all(user))
    proofs = await store.proofs(user)
    found: dict[Host, dict[Fingerprint, Shared]] = {}
    selection = Selection(known)
    async with aclosing(store.credentials(user)) as stored:  # type: ignore[type-var]  # an async generator behind the Protocol
        async for one in stored:
            host = one.scope.host
            if registry is not None and registry not in (host, _without_port(host)):
                continue
            if isinstance(one, UnreadableRow):
                _unreadable(selection, one, known)
                continue
            fingerprint = probe.fingerprinter.of(host, one.username, one.secret)
            member = member_of(one, fingerprint, known)
            shared = found.setdefault(host, {}).setdefault(fingerprint, Shared(host, fingerprint))
            shared.members.append(member)
            shared.image = shared.image or _image(proofs.get((one.user, one.name)))
    for host, secrets in found.items():
        given = _given(host, settings_of(probe.settings, host).proof)
        for shared in secrets.values():
            covered = (image for image in given if any(member.scope.covers(host, image.repository) for member in shared.members))
            shared.image = shared.image or next(covered, None)
            if shared.image is None:
                await _read_before(ledger, shared)
        selection.lanes[host] = list(secrets.values())
    return selection


def member_of(one: Credential, fingerprint: Fingerprint, known: Known) -> Member:
    """One stored credential, without its secret."""
    key = StatusKey(one.user, one.scope, fingerprint, one.row)
    return Member(one.user, one.name, one.scope, key, known.of(key))


def _known(rows: tuple[StatusRow, ...]) -> Known:
    """Of several rows the latest written counts."""
    ordered = sorted(rows, key=lambda row: row.last_attempt_at.timestamp() if row.last_attempt_at is not None else 0.0)
    return Known(
        by_key={row.key: row for row in ordered},
        by_secret={(row.key.user, row.key.scope, row.key.fingerprint): row for row in ordered},
        by_scope={(row.key.user, row.key.scope): row for row in ordered},
    )


def _unreadable(selection: Selection, one: UnreadableRow, known: Known) -> None:
    kept = known.by_scope.get((one.user, one.scope))
    standing = standing_of(kept if kept is not None and kept.name == one.name else None) or Standing()
    selection.left_over.append(LeftOver(one.user, one.name, Reason.UNREADABLE))
    selection.rows.append(
        Row(
            user=one.user, name=one.name, registry=one.scope.host, verdict=Outcome.UNKNOWN, reason=Reason.UNREADABLE, level=None,
            standing=standing, transition=Transition.NONE, checked_at=standing.checked_at,
        )
    )  # fmt: skip


def _image(text: str | None) -> Reference | None:
    try:
        return parse_reference(text) if text else None
    except InvalidReference:
        return None


def _given(host: Host, texts: tuple[str, ...]) -> list[Reference]:
    try:
        return [parse_reference(f"{host}/{text}") for text in texts]
    except InvalidReference as error:
        raise ConfigError(f"registries.{host}.proof: {error}; write repository:tag, without the host.") from None


async def _read_before(ledger: Ledger, shared: Shared) -> None:
    """A repository that this secret has read proves a pull, and its denial speaks of the secret itself (registries/README.md 6.2)."""
    read = await ledger.repositories.of(shared.fingerprint)
    covered = [name for name in read if any(member.scope.covers(shared.host, name) for member in shared.members)]
    if read:
        shared.image, shared.of_all = _image(f"{shared.host}/{(covered or list(read))[0]}"), True


def _without_port(host: Host) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
