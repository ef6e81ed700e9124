"""What the ledger knows before a probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from validator.evidence import Control, Demand, Evidence, Known, ManifestSeen, Opinion, OpinionSeen, Step
from validator.ledger.budgets import BudgetClass
from validator.ledger.controls import AnonymousResult, ControlResult
from validator.ledger.facts import FingerprintFacts
from validator.ledger.illness import KEPT, Span
from validator.ledger.view import HostSeen, View
from validator.probe.base import CONTROLLED, DISTURBED, ILL, control_key, opinion_key
from validator.probe.reach import Elsewhere
from validator.protocol.manifest import Child, ManifestFacts, ManifestKind, Platform
from validator.providers import Provider
from validator.providers.base import CLOCKS_DIFFER
from validator.registry.reach import Reach
from validator.sealing import Fingerprint
from validator.verdict import Reason

ILL_FOR: Final = timedelta(minutes=15)
ANONYMOUS_FRESH: Final = timedelta(hours=24)
OPINION_FRESH: Final = timedelta(days=7)
DENIED_FOR: Final = timedelta(days=8)
ENDS_SOON: Final = timedelta(days=30)
HERE_FRESH: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """What is known of a host, and of one repository there, at an instant, by the rules of one provider: of a new secret `known`."""

    demand: Demand | None
    provider: Provider
    elsewhere: Elsewhere | None
    at: datetime
    known: Known
    _of: dict[tuple[bool, bool], Known] = field(default_factory=dict)

    def of(self, facts: FingerprintFacts | None) -> Known:
        """What is known of one of which nothing is known but whether it was ever valid, and asked before."""
        if facts is None:
            return self.known
        key = facts.ever_valid, facts.asked_at is not None
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = replace(self.known, ever_valid=key[0], asked_before=key[1])
        return found


@dataclass(frozen=True, slots=True)
class Recall:
    """The ledger as one probe reads it. `host` is the canonical registry, `seen` what is known of it."""

    view: View
    host: str
    seen: HostSeen
    durable: bool

    def age_s(self, now: datetime) -> float:
        """How old the kept challenge is, in seconds."""
        return max(0.0, (now - self.seen.challenge.at).total_seconds()) if self.seen.challenge is not None else 0.0

    async def known(
        self, *, provider: Provider, demand: Demand | None, fingerprint: Fingerprint | None, repository: str, now: datetime,
        elsewhere: Elsewhere | None, token: bool = False,
    ) -> Known:  # fmt: skip
        """Everything that a plan may build on; what is too old is left out."""
        facts = await self.view.facts(self.host, fingerprint) if fingerprint is not None else None
        kept = await self.view.anonymous(self.host, repository) if repository else None
        known = self._here(provider, demand, repository, now, elsewhere, token=token).of(facts)
        if kept is not None and now - kept.at <= ANONYMOUS_FRESH:
            anonymous = {AnonymousResult.REFUSED: Control.REFUSED, AnonymousResult.OPEN: Control.ACCEPTED}.get(kept.result, Control.UNCLEAR)
            known = replace(known, anonymous=anonymous)
        if facts is None or (facts.refused_at is None and facts.denied_at is None and facts.introspected_at is None):
            return known
        return replace(
            known, refused_age_s=_age(facts.refused_since_accepted(), now), denied_age_s=_denied(facts, now, provider.pace.confirm_after_s),
            opinion=_opinion(facts, now),
        )  # fmt: skip

    def _here(
        self, provider: Provider, demand: Demand | None, repository: str, now: datetime, elsewhere: Elsewhere | None, *, token: bool
    ) -> _Here:  # fmt: skip
        """What holds for every secret (`token`: identity token) that is asked here in this second."""
        found: _Here | None = self.seen.worked_out.get((repository, token))
        same = found is not None and found.demand is demand and found.provider is provider and found.elsewhere is elsewhere
        if found is None or not same or not timedelta(0) <= now - found.at < HERE_FRESH:
            known = self._look(provider, demand, repository, now, elsewhere, token=token)
            found = _Here(demand=demand, provider=provider, elsewhere=elsewhere, at=now, known=known)
            self.seen.worked_out[repository, token] = found
        return found

    def _look(
        self, provider: Provider, demand: Demand | None, repository: str, now: datetime, elsewhere: Elsewhere | None, *, token: bool
    ) -> Known:  # fmt: skip
        signs, pace, age_s = self.seen.signs, provider.pace, self.age_s(now)
        controls, anyone = self._controls(demand, repository, now - timedelta(seconds=pace.control_fresh_s), token=token)
        nowhere = signs.get(Reason.DNS_NXDOMAIN)
        return Known(
            durable=self.durable,
            challenge=demand if demand is not None and age_s <= pace.challenge_fresh_s else None,
            challenge_age_s=age_s,
            controls=controls,
            controls_for=demand,
            opinion_control=self._opinion_control(provider, now),
            was_registry=demand is not None or bool(provider.hosts),  # a host's challenge is kept for ever; a vendor's own is never mistyped
            nxdomain_age_s=min(_age(nowhere.first, now) or 0.0, KEPT.total_seconds())
            if nowhere is not None and _within(nowhere.last, now, KEPT)
            else None,
            ill=any(span is not None and _within(span.last, now, ILL_FOR) for span in map(signs.get, ILL)),
            throttled=any(span is not None and _within(span.last, now, _window(provider)) for span in map(signs.get, DISTURBED)),
            banned_left_s=_banned_left_s(provider, signs.get(Reason.ADDRESS_BANNED), now),
            elsewhere=elsewhere.url if elsewhere is not None else None,
            elsewhere_host=elsewhere.host if elsewhere is not None else "",
            scope_accepts_anyone=anyone,
        )

    async def platforms_of(self, digest: str) -> ManifestSeen | None:
        """What the manifest `digest` holds, for ever, if it was ever read."""
        kept = await self.view.platforms(digest)
        if kept is None or not kept[1]:
            return None
        return _unpacked(kept[0], kept[1][0])

    def _controls(self, demand: Demand | None, repository: str, since: datetime, *, token: bool) -> tuple[dict[Step, Control], bool]:
        """What the controls made from `since` on say of each step, and whether a scoped one was accepted for any repository."""
        found: dict[Step, Control] = {}
        anyone = False
        for step in CONTROLLED if self.seen.controls else ():
            made = self.seen.controls.get(control_key(self.host, demand if demand is not None else Demand(scheme="basic"), step, token=token))
            if made is None:
                continue
            if step is Step.SCOPED:
                anyone = any(kept.result is ControlResult.ACCEPTED and kept.at >= since for kept in made.values())
            here = made.get("" if step is Step.LOGIN else repository)
            if here is not None and here.at >= since:
                found[step] = _control(here.result, here.detail)
            elif step is Step.SCOPED and anyone and repository:
                found[step] = Control.ACCEPTED
        return found, anyone

    def _opinion_control(self, provider: Provider, now: datetime) -> Control:
        made = self.seen.controls.get(opinion_key(self.host, provider), {}).get("")
        return _control(made.result, "") if made is not None and now - made.at <= ANONYMOUS_FRESH else Control.UNCLEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where a conversation starts: whose rules, which way, and what is known."""

    provider: Provider
    reach: Reach
    evidence: Evidence
    fingerprint: Fingerprint | None
    recall: Recall


def _window(provider: Provider) -> timedelta:
    """How long a throttle makes refusals doubtful: the provider's shortest window of refused logins (6.2 e)."""
    return min(timedelta(seconds=min(provider.pace.refused, default=60)), ILL_FOR)


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


def _banned_left_s(provider: Provider, told: Span | None, now: datetime) -> float:
    """How long a ban that was told goes on, by the provider's own time for it; 0.0 if there is none."""
    lasts = timedelta(seconds=provider.traits.closed_for_s.get(Reason.ADDRESS_BANNED, 0.0))
    return max(0.0, (told.last + lasts - now).total_seconds()) if told is not None and _within(told.last, now, lasts) else 0.0


def _within(at: datetime, now: datetime, span: timedelta) -> bool:
    """At most `span` ago, and not ahead: a sign that is, is the trace of a clock that was set back. Two machines' clocks differ a little."""
    return -CLOCKS_DIFFER <= now - at <= span


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _denied(facts: FingerprintFacts | None, now: datetime, wait_s: float) -> float | None:
    """How long ago a login was denied to it: apart from now, and nothing accepted since; asked weekly, it counts once more."""
    if facts is None or facts.denied_at is None or (facts.accepted_at is not None and facts.accepted_at > facts.denied_at):
        return None
    age = _age(facts.denied_at, now)
    return age if age is not None and wait_s <= age <= DENIED_FOR.total_seconds() else None


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
