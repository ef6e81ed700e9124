"""What a probe leaves in the ledger: the challenge, controls, facts of the secret, platforms, signs of illness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from validator.credential import SecretKind
from validator.evidence import Asker, Control, Demand, Evidence, Failure, Opinion, Party, Step
from validator.ledger import Ledger
from validator.ledger.base.behind import Write
from validator.ledger.controls import AnonymousResult, ControlResult
from validator.probe.base import CONTROLLED, DISTURBED, ILL, control_key, opinion_key
from validator.protocol.manifest import ManifestFacts, ManifestKind, Platform
from validator.providers import Provider
from validator.sealing import Fingerprint
from validator.verdict import Meaning, Reason, read
from validator.verdict.controls import anonymous_control, judged, readings
from validator.verdict.findings import pull_reading, secret_reading

AGAIN: Final = timedelta(seconds=10)
"""An outage is not written down with each login that it meets: a sign of one kind is kept once in so long."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """Writes down what probes of `host` (the canonical registry) showed."""

    ledger: Ledger
    host: str

    async def remember(
        self, evidence: Evidence, provider: Provider, fingerprint: Fingerprint | None, now: datetime, *, proven: bool
    ) -> list[Write]:  # fmt: skip
        """Keep what this evidence shows, and return it: challenge, controls, facts of the secret, platforms, signs of illness.

        `proven`: the verdict is `valid`, so that the secret counts as one that was good. All of it is kept, or nothing; a
        refusal at once, and what somebody waits for who may be gone a moment later.
        """
        writes = [
            *self._of_the_challenge(evidence, provider, now),
            *self._of_the_controls(evidence, provider, now),
            *self._of_the_image(evidence, provider, fingerprint, now),
        ]
        signs = self._of_illness(evidence, provider, now)
        if signs:
            seen = (await self.ledger.view.host(self.host)).signs
            signs = [one for one in signs if (span := seen.get(one.values["kind"])) is None or not AGAIN > now - span.last >= timedelta(0)]
            await self.ledger.illness.prune(self.host, now=now)
        told = list(self._of_the_secret(evidence, provider, fingerprint, proven)) if fingerprint is not None else []
        writes += [*signs, *(write for write, _ in told)]
        if writes:
            at_once = evidence.subject.asker is Asker.CHECK or any(refused for _, refused in told)
            await self.ledger.keep(*writes, at_once=at_once)
        return writes

    async def heard(self, evidence: Evidence, provider: Provider, now: datetime) -> None:
        """Keep the challenge that this evidence shows, before its end: others may wait to ask there."""
        await self.ledger.keep(*self._of_the_challenge(evidence, provider, now))

    def _of_the_challenge(self, evidence: Evidence, provider: Provider, now: datetime) -> list[Write]:
        read_here = judged(evidence, provider.traits, Step.PING, Step.PULL, party=Party.ANONYMOUS)
        shown = any(e.demand is not None and not e.authorized and said.meaning is not Meaning.UNKNOWN for e, said in read_here)
        demand, _ = evidence.challenged()
        if not shown or demand is None or demand.fault is not None:
            return []
        realm, recognised = str(demand.realm or demand.label), provider.key if provider.recognise is not None else ""
        return [self.ledger.challenges.seeing(
            self.host, scheme=demand.scheme, realm=realm, service=demand.service, scope=demand.scope, provider=recognised, now=now
        )]  # fmt: skip

    def _of_the_controls(self, evidence: Evidence, provider: Provider, now: datetime) -> Iterator[Write]:
        ledger, traits, token = self.ledger, provider.traits, evidence.subject.sent_as is SecretKind.IDENTITY_TOKEN
        demand, _ = evidence.challenged()
        for exchange in evidence.of(*CONTROLLED, party=Party.CONTROL):
            result = _control_result(read(exchange, traits.rows).meaning)
            if result is not None:
                key = control_key(self.host, demand or Demand(scheme="basic"), exchange.step, exchange.repository, token=token)
                yield ledger.controls.making(key, result, detail=str(exchange.status or ""), now=now)
        about = evidence.last(Step.OPINION, party=Party.CONTROL)
        if about is not None and about.opinion is not None and about.opinion.opinion is not Opinion.SILENT:
            refused = about.opinion.opinion is Opinion.AGREES
            result = ControlResult.REFUSED if refused else ControlResult.ACCEPTED
            yield ledger.controls.making(opinion_key(self.host, provider), result, detail=str(about.status or ""), now=now)

    def _of_illness(self, evidence: Evidence, provider: Provider, now: datetime) -> list[Write]:
        signs: list[Write] = []
        for exchange, said in readings(evidence, provider.traits):
            reason = said.reason
            kept = reason in ILL | DISTURBED or (reason is Reason.ADDRESS_BANNED and exchange.status is not None)
            if kept and exchange.failure is not Failure.PAUSED and exchange.step in (Step.LOGIN, Step.SCOPED):
                signs.append(self.ledger.illness.showing(self.host, str(reason), now=now))
        if any(e.failure is not None and e.failure.value == Reason.DNS_NXDOMAIN for e in evidence.of(Step.PING)):
            signs.append(self.ledger.illness.showing(self.host, Reason.DNS_NXDOMAIN, now=now))
        return signs

    def _of_the_image(self, evidence: Evidence, provider: Provider, fingerprint: Fingerprint | None, now: datetime) -> Iterator[Write]:
        subject, ledger = evidence.subject, self.ledger
        if not subject.repository:
            return
        asked = [e for e in evidence.of(Step.SCOPED, Step.PULL, party=Party.ANONYMOUS) if e.repository == subject.repository]
        result = anonymous_control(evidence, provider.traits)
        if asked and result is not Control.UNCLEAR:
            name = AnonymousResult.OPEN if result is Control.ACCEPTED else AnonymousResult.REFUSED
            yield ledger.anonymous_controls.making(self.host, subject.repository, name, status=asked[-1].status, now=now)
        if fingerprint is not None and not subject.anonymous and pull_reading(evidence, provider.traits).meaning is Meaning.READABLE:
            yield ledger.repositories.reading(fingerprint, subject.repository, now=now)
        for exchange in evidence.of(Step.MANIFEST, Step.CONFIG):
            seen = exchange.manifest
            if seen is not None and seen.facts is not None and seen.digest is not None:
                read_here = [e.manifest for e in evidence.of(Step.CONFIG) if e.manifest is not None]
                config = next((one.platform for one in read_here if one.content == seen.facts.config_digest), None)
                if seen.facts.kind is ManifestKind.INDEX or config is not None:
                    yield ledger.platforms.holding(seen.digest, seen.kind, [_packed(seen.facts, config)])

    def _of_the_secret(self, evidence: Evidence, provider: Provider, fingerprint: Fingerprint, proven: bool) -> Iterator[tuple[Write, bool]]:
        """What is to be written, and whether it is a no, which no crash may make forgotten."""
        facts = self.ledger.facts
        # a scoped login alone says nothing of the secret where anybody gets a scoped token (Harbor)
        judged = proven or provider.traits.scope_blind or bool(evidence.of(Step.LOGIN, party=Party.SUBJECT))
        accepted = judged and secret_reading(evidence, provider.traits).meaning is Meaning.ACCEPTED
        for exchange in evidence.of(Step.LOGIN, Step.SCOPED, Step.OPINION, party=Party.SUBJECT):
            at = datetime.fromtimestamp(exchange.at, UTC)
            if exchange.step is Step.OPINION:
                seen = exchange.opinion
                if seen is not None and seen.opinion is Opinion.KNOWS:
                    packed = {"kind": seen.kind, "owner": seen.owner, "never_expires": seen.never_expires}
                    yield facts.introspection(self.host, fingerprint, scopes=seen.scopes, expires_at=seen.expires_at, opinion=packed, now=at), False
                continue
            match read(exchange, provider.traits.rows).meaning:
                case Meaning.REFUSED | Meaning.BROKEN if exchange.authorized:
                    yield facts.refusal(self.host, fingerprint, now=at), True
                case Meaning.DENIED if exchange.step is Step.LOGIN:
                    yield facts.denial(self.host, fingerprint, now=at), True
                case _ if exchange.authorized and not accepted:
                    yield facts.asking(self.host, fingerprint, now=at), False
                case _:
                    continue
        if accepted:
            last = evidence.of(Step.LOGIN, Step.SCOPED, party=Party.SUBJECT)[-1]
            yield facts.acceptance(self.host, fingerprint, proven=proven, now=datetime.fromtimestamp(last.at, UTC)), False


def _control_result(meaning: Meaning) -> ControlResult | None:
    if meaning in (Meaning.ACCEPTED, Meaning.ADMITTED, Meaning.READABLE, Meaning.TAG_MISSING):
        return ControlResult.ACCEPTED
    if meaning in (Meaning.REFUSED, Meaning.BROKEN, Meaning.ALIVE, Meaning.STALE, Meaning.DENIED):
        return ControlResult.REFUSED
    return None


def _packed(facts: ManifestFacts, config: Platform | None) -> dict[str, Any]:
    children = [
        {"digest": c.digest, "media_type": c.media_type, "platform": asdict(c.platform) if c.platform is not None else None} for c in facts.children
    ]
    return {"children": children, "config": asdict(config) if config is not None else None, "without": facts.without_platform}
