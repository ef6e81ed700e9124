"""From a digest's facts to the letter that is sent: what is no longer so is left out, what is left gets its words.

The store is read for it once more: a credential that was replaced or deleted since is nobody's business any more, and the
username for the line to type stands only there.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from validator.config import Settings
from validator.credential import Credential, Host, RegistryScope
from validator.ledger import Ledger
from validator.ledger.notices import Line, Notice
from validator.ledger.statuses import StatusKey
from validator.logs import hiding, mask
from validator.notifiers import words
from validator.notifiers.base import Alert, Letter
from validator.probe.reach import settings_of
from validator.providers import Provider, provider_for
from validator.sealing import Fingerprint
from validator.status import State, Transition
from validator.stores.base import CredentialStore, UnreadableRow
from validator.verdict import Hint, Reason
from validator.verdict.words import HINTS, cause_and_advice

_BAD: Final = frozenset({Transition.DIED, Transition.NEVER_WORKED, Transition.IMPAIRED})
_NOT_BY_RENEWING: Final = frozenset({
    Reason.OWNER_DISABLED, Reason.NO_PULL_PERMISSION, Reason.LOGIN_DENIED, Reason.SSO_REQUIRED, Reason.POLICY_DENIED, Reason.HOST_UNKNOWN,
    Reason.NOT_A_REGISTRY, Reason.BAD_REGISTRY_NAME,
})  # fmt: skip
"""Where a new secret changes nothing: no page to renew it, no line to type."""
_OTHER_USERNAME: Final = frozenset({Reason.WRONG_USERNAME, Reason.USERNAME_LOST, Reason.EMPTY_USERNAME, Reason.BAD_CHARACTERS})


@dataclass(frozen=True, slots=True)
class Letters:
    """Makes letters of digests; `program` is what users store credentials with, "" if there is no line to type."""

    ledger: Ledger
    store: CredentialStore
    settings: Settings
    program: str = "validator"

    async def to_user(self, notice: Notice, address: str | None, now: datetime) -> Letter | None:
        """The digest as it is true now; None if nothing of it is."""
        async with aclosing(self.store.credentials(notice.user)) as stored:  # type: ignore[type-var]
            held = [one async for one in stored]
        alive = {row.key for row in await self.ledger.statuses.all(notice.user) if row.state == State.ALIVE}
        lines = []
        for line in notice.lines:
            scope = RegistryScope(Host(line["host"]), line["path"])
            still = next((one for one in held if one.scope == scope and (isinstance(one, UnreadableRow) or one.row == line["row"])), None)
            well = StatusKey(notice.user, scope, Fingerprint(line["fingerprint"]), line["row"]) in alive
            if still is not None and not (well and line["happened"] in _BAD):
                lines.append(await self._told(line, still))
        if not lines:
            return None
        notices = self.settings.notices
        digest = words.Digest(user=notice.user, lines=tuple(lines), reminder_days=notices.reminder_days, mute=words.mute_line(notice.user))
        return Letter(
            id=notice.id, user=notice.user, address=address, subject=words.subject(digest), text=words.text(digest), html=words.html(digest),
            short=words.short(digest), at=now,
            facts={"credentials": [{"name": one.name, "registry": one.registry, "happened": one.happened, "cause": one.cause} for one in lines]},
        )  # fmt: skip

    async def to_operator(self, notice: Notice, now: datetime) -> Letter:
        """Every alert of it."""
        alerts = [(Alert(line["kind"]), str(line["subject"]), str(line["text"])) for line in notice.lines]
        subject, text = words.operator_subject(alerts), words.operator_text(alerts)
        said = " ".join(f"{about}: {what}" for _, about, what in alerts)
        facts = {"alerts": [{"kind": kind.value, "subject": about} for kind, about, _ in alerts]}
        return Letter(id=notice.id, user="", address=None, subject=subject, text=text, html=None, short=said, at=now, facts=facts)

    async def to_machine(self, notice: Notice, now: datetime) -> Letter:
        """What changed, as it was recorded."""
        facts = {"kind": "sweep", "sweep": notice.sweep, "sent_at": now.isoformat(), "events": list(notice.lines)}
        return Letter(id=notice.id, user="", address=None, subject="", text="", html=None, short="", at=now, facts=facts)

    async def _told(self, line: Line, held: Credential | UnreadableRow) -> words.Told:
        reason = Reason(line["reason"])
        provider = await self.provider_at(Host(line["host"]))
        cause, advice = cause_and_advice(reason, provider.causes, provider.advice, hints=line["hints"])
        happened, expiring = str(line["happened"]), line["happened"] == Transition.EXPIRING
        renewable = (happened in _BAD and reason not in _NOT_BY_RENEWING) or expiring
        return words.Told(
            name=held.name, registry=str(RegistryScope(Host(line["host"]), line["path"])), happened=happened, verdict=str(line["verdict"]),
            cause=cause if happened in _BAD else "", advice=advice, at=datetime.fromisoformat(line["at"]), since=_instant(line["since"]),
            expires_at=_instant(line["expires_at"]), renew=str(provider.renew) if renewable and provider.renew is not None else None,
            command=self._command(held, reason) if renewable else "", again=bool(line["reminder"]),
            notes=tuple(HINTS[Hint(hint)] for hint in line["hints"]),
        )  # fmt: skip

    def _command(self, held: Credential | UnreadableRow, reason: Reason) -> str:
        """The line to type. A username that is, or looks like, a secret is not repeated: people mix the two up."""
        registry, username = str(held.scope), ""
        if isinstance(held, Credential):
            with hiding(held.secret, held.username):
                plain = mask(held.username) == held.username and reason not in _OTHER_USERNAME
                username = held.username if plain else ""
                registry = held.written if held.written.isprintable() and mask(held.written) == held.written and held.written else registry
        return words.command_line(self.program, held.name, registry, username, held.user)

    async def provider_at(self, host: Host) -> Provider:
        """Whose words are told of a registry."""
        named = settings_of(self.settings, host).provider
        kept = await self.ledger.challenges.get(host) if named is None else None
        return provider_for(host, named or (kept.provider if kept is not None and kept.provider else None))


def program_of(store: CredentialStore) -> str:
    """What users put a credential into this store with: the store's own word where it is not ours to write, "" if it names none."""
    why = store.read_only
    if not why:
        return "validator"
    return next((program for said, program in (("`osmo credential set`", "osmo"), ("`docker login`", "docker")) if said in why), "")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
