"""The operator's known-good credential: whether a registry that refuses others accepts this one. registries/README.md 6.2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from validator.config import Canary
from validator.credential import Credential, Host, RegistryScope
from validator.errors import ConfigError
from validator.evidence import Asker
from validator.probe import Inquiry, Probe
from validator.providers import provider_for, shape_of
from validator.verdict import Outcome

LEFT_OUT_FOR: Final = timedelta(days=30)


class Says(StrEnum):
    """What the canary's login came to."""

    GOOD = "good"
    ILL = "ill"
    """Refused, and nobody else was accepted: the registry refuses what it should accept."""
    NOTHING = "nothing"
    """There is none, it got no answer, or it is itself the suspect."""


@dataclass(slots=True)
class CanaryWatch:
    """Asks one lane's canary. `credential` None: there is none. `died` is set when it was refused twice beside others accepted."""

    probe: Probe
    host: Host
    started_at: datetime
    credential: Credential | None
    failed_at: datetime | None = None
    """When it was first refused in this sweep."""
    died: bool = False
    _accepted_at: datetime | None = None

    async def says(self, confirm_after_s: float, *, since: datetime | None) -> Says:
        """Ask it, unless it was accepted after `since` (None: at any time) in this sweep, or is left out."""
        if self.credential is None or self.died:
            return Says.NOTHING
        if self._accepted_at is not None and (since is None or self._accepted_at > since):
            return Says.GOOD
        ledger, probe = self.probe.ledger, self.probe
        mark = probe.fingerprinter.of(self.host, self.credential.username, self.credential.secret)
        dead = f"canary_dead {mark}"
        now = probe.now()
        if any(sign.kind == dead for sign in await ledger.illness.since(self.host, now - LEFT_OUT_FOR)):
            return Says.NOTHING
        facts = await ledger.facts.of(self.host, mark)
        before = facts.refused_since_accepted() if facts is not None else None
        answered = await probe.ask(Inquiry(host=self.host, credential=self.credential, asker=Asker.SWEEP, canary=True))
        match answered.verdict.outcome:
            case Outcome.VALID:
                self._accepted_at, self.failed_at = probe.now(), None
                return Says.GOOD
            case Outcome.INVALID:
                first = min((at for at in (self.failed_at, before) if at is not None), default=None)
                self.failed_at = self.failed_at or probe.now()
            case _:
                return Says.NOTHING
        beside = await ledger.facts.accepted_beside(self.host, mark)
        from_then = self.started_at if before is None else min(before, self.started_at)
        if beside is None or beside < from_then:
            return Says.ILL
        if first is not None and probe.now() - first >= timedelta(seconds=confirm_after_s):
            self.died = True
            await ledger.illness.add(self.host, dead, now=probe.now())
        return Says.NOTHING


_ANY_DAY: Final = datetime.fromtimestamp(0, UTC)
"""A token's kind is the same on all."""


def canary_of(host: Host, said: Canary | None) -> Credential | None:
    """The canary as a credential. Raises ConfigError if its secret's file cannot be read, or holds what may be no canary there.

    Reads a file: call it in a thread.
    """
    if said is None:
        return None
    secret = _secret(host, Path(said.secret_file))
    canary = Credential(user="", name="canary", scope=RegistryScope(host), username=said.username, secret=secret)
    provider = provider_for(host)
    if provider.canary_is_token and not shape_of(provider, canary, _ANY_DAY).kind:
        raise ConfigError(
            f"registries.{host}.canary: it must be an access token, for those of {provider.title} have failed alone; make one and store it."
        )
    return canary


def _secret(host: Host, path: Path) -> SecretStr:
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"registries.{host}.canary.secret_file: the file {path} cannot be read as UTF-8 text; correct it.") from None
    return SecretStr(text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text)
