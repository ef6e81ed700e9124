"""What the ledger knows before a probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from yarl import URL

from validator.evidence import Control, Demand, Known, ManifestSeen, Opinion, OpinionSeen, Step
from validator.ledger import Ledger
from validator.ledger.budgets import BudgetClass
from validator.ledger.controls import AnonymousMade, AnonymousResult, ControlKey, ControlMade, ControlResult
from validator.ledger.facts import FingerprintFacts
from validator.ledger.illness import Sign
from validator.probe.base import CONTROLLED, ILL, control_key, opinion_key
from validator.protocol.manifest import Child, ManifestFacts, ManifestKind, Platform
from validator.providers import Provider
from validator.registry.reach import Reach, bearer_demand
from validator.sealing import Fingerprint
from validator.verdict import Reason

ILL_FOR: Final = timedelta(minutes=15)
ANONYMOUS_FRESH: Final = timedelta(hours=24)
OPINION_FRESH: Final = timedelta(days=7)
ENDS_SOON: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Recall:
    """The ledger as one probe reads and writes it. `host` is the canonical registry."""

    ledger: Ledger
    host: str

    async def demand(self, reach: Reach, now: datetime) -> tuple[Demand | None, float, str]:
        """The kept challenge, judged anew, its age in seconds, and the provider that it showed; whatever its age."""
        kept = await self.ledger.challenges.get(self.host)
        if kept is None:
            return None, 0.0, ""
        age = max(0.0, (now - kept.at).total_seconds())
        if kept.scheme == "basic":
            return Demand(scheme="basic", label=kept.realm), age, kept.provider
        return bearer_demand(reach, URL(kept.realm), kept.service, kept.scope), age, kept.provider

    async def known(
        self, *, reach: Reach, provider: Provider, demand: Demand | None, age_s: float, fingerprint: Fingerprint | None, repository: str,
        now: datetime, elsewhere: tuple[str, URL] | None,
    ) -> Known:  # fmt: skip
        """Everything that a plan may build on, of one instant; what is too old is left out."""
        made, kept, facts, signs = await self.ledger.snapshot(lambda ledger: self._read(ledger, fingerprint, repository, now))
        pace = provider.pace
        fresh = demand if demand is not None and age_s <= pace.challenge_fresh_s else None
        controls, anyone = _controls(self.host, made, demand, repository, now - timedelta(seconds=pace.control_fresh_s))
        anonymous = Control.UNCLEAR
        if kept is not None and now - kept.at <= ANONYMOUS_FRESH:
            anonymous = {AnonymousResult.REFUSED: Control.REFUSED, AnonymousResult.OPEN: Control.ACCEPTED}.get(kept.result, Control.UNCLEAR)
        nowhere = [sign.at for sign in signs if sign.kind == Reason.DNS_NXDOMAIN]
        opinion_control = made.get(opinion_key(self.host, provider))
        return Known(
            durable=self.ledger.durable,
            challenge=fresh,
            challenge_age_s=age_s,
            controls=controls,
            controls_for=demand,
            opinion_control=_control(opinion_control.result, "")
            if opinion_control and now - opinion_control.at <= ANONYMOUS_FRESH
            else Control.UNCLEAR,
            anonymous=anonymous,
            ever_valid=facts is not None and facts.ever_valid,
            asked_before=facts is not None and facts.asked_at is not None,
            refused_age_s=_age(facts.refused_since_accepted(), now) if facts is not None else None,
            denied_age_s=_denied(facts, now, pace.confirm_after_s),
            opinion=_opinion(facts, now),
            was_registry=demand is not None,  # a host's challenge is kept for ever
            nxdomain_age_s=_age(nowhere[0], now) if nowhere else None,
            ill=any(sign.kind in ILL and now - sign.at <= ILL_FOR for sign in signs),
            banned_left_s=_banned_left_s(provider, signs, now),
            elsewhere=elsewhere[1] if elsewhere is not None else None,
            elsewhere_host=elsewhere[0] if elsewhere is not None else "",
            scope_accepts_anyone=anyone,
        )

    async def _read(
        self, ledger: Ledger, fingerprint: Fingerprint | None, repository: str, now: datetime
    ) -> tuple[dict[ControlKey, ControlMade], AnonymousMade | None, FingerprintFacts | None, tuple[Sign, ...]]:  # fmt: skip
        made = await ledger.controls.of(self.host)
        kept = await ledger.anonymous_controls.get(self.host, repository) if repository else None
        facts = await ledger.facts.of(self.host, fingerprint) if fingerprint is not None else None
        return made, kept, facts, await ledger.illness.since(self.host, now - timedelta(days=30))

    async def platforms_of(self, digest: str) -> ManifestSeen | None:
        """What the manifest `digest` holds, for ever, if it was ever read."""
        kept = await self.ledger.platforms.get(digest)
        if kept is None or not kept[1]:
            return None
        return _unpacked(kept[0], kept[1][0])


def _controls(
    host: str, made: Mapping[ControlKey, ControlMade], demand: Demand | None, repository: str, since: datetime
) -> tuple[dict[Step, Control], bool]:  # fmt: skip
    """What the controls made from `since` on say of each step, and whether a scoped one was accepted for any repository."""
    found: dict[Step, Control] = {}
    anyone = False
    for step in CONTROLLED:
        wanted = control_key(host, demand if demand is not None else Demand(scheme="basic"), step)
        young = {key.repository: kept for key, kept in made.items() if replace(key, repository="") == wanted and kept.at >= since}
        if step is Step.SCOPED:
            anyone = any(kept.result is ControlResult.ACCEPTED for kept in young.values())
        kept_here = young.get("" if step is Step.LOGIN else repository)
        if kept_here is not None:
            found[step] = _control(kept_here.result, kept_here.detail)
        elif step is Step.SCOPED and anyone and repository:
            found[step] = Control.ACCEPTED
    return found, anyone


def budget_class(known: Known) -> BudgetClass:
    """The class of a secret's logins, by its state at the begin of the check (registries/README.md 8)."""
    if known.refused_age_s is not None:
        return BudgetClass.DEAD
    return BudgetClass.FORMER if known.ever_valid else BudgetClass.NEW


def _control(result: ControlResult, detail: str) -> Control:
    match result:
        case ControlResult.REFUSED:
            return Control.DENIED if detail == "403" else Control.REFUSED
        case ControlResult.ACCEPTED:
            return Control.ACCEPTED
        case ControlResult.UNCLEAR:
            return Control.UNCLEAR


def _banned_left_s(provider: Provider, signs: tuple[Sign, ...], now: datetime) -> float:
    """How long a ban that was told goes on, by the provider's own time for it; 0.0 if there is none."""
    told = [sign.at for sign in signs if sign.kind == Reason.ADDRESS_BANNED]
    lasts = timedelta(seconds=provider.traits.closed_for_s.get(Reason.ADDRESS_BANNED, 0.0))
    return max(0.0, (told[-1] + lasts - now).total_seconds()) if told else 0.0


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _denied(facts: FingerprintFacts | None, now: datetime, wait_s: float) -> float | None:
    age = _age(facts.denied_at, now) if facts is not None else None
    return age if age is not None and age >= wait_s else None


def _opinion(facts: FingerprintFacts | None, now: datetime) -> OpinionSeen | None:
    """The vendor's last word on a good key: for 7 days, for one where its end is near (README 6.3)."""
    if facts is None or facts.introspected_at is None or facts.refused_since_accepted() is not None:
        return None
    near = facts.expires_at is not None and facts.expires_at - now <= ENDS_SOON
    if now - facts.introspected_at > (timedelta(days=1) if near else OPINION_FRESH):
        return None
    said: Mapping[str, Any] = facts.opinion or {}
    return OpinionSeen(
        opinion=Opinion.KNOWS, scopes=facts.scopes, kind=str(said.get("kind", "")), owner=str(said.get("owner", "")),
        expires_at=facts.expires_at, never_expires=bool(said.get("never_expires")),
    )  # fmt: skip


def _unpacked(kind: str, kept: Mapping[str, Any]) -> ManifestSeen | None:
    if kept.get("config"):
        return ManifestSeen(kind=kind, platform=Platform(**kept["config"]))
    children = tuple(
        Child(c["digest"], Platform(**c["platform"]) if c["platform"] else None, c["media_type"]) for c in kept.get("children", ())
    )  # fmt: skip
    known = tuple(dict.fromkeys(c.platform for c in children if c.platform is not None))
    without = bool(kept.get("without"))
    facts = ManifestFacts(kind=ManifestKind.INDEX, platforms=None if without else known, children=children, without_platform=without)
    return ManifestSeen(kind=kind, facts=facts)
