"""The decision about an image: what a kubelet that sends this secret (or none) will meet. Pure.

Platforms come last. registries/README.md 6.4 and 7.37-7.44.
"""

from __future__ import annotations

from typing import Final

from validator.evidence import Control, Evidence, ManifestSeen, Party, Step
from validator.protocol.manifest import ManifestKind, Platform, select
from validator.verdict.base import UNSENT, Hint, ImageOutcome, ImageVerdict, Outcome, Reason, Verdict
from validator.verdict.findings import REFUSALS, Findings
from validator.verdict.reading import Meaning, read
from validator.verdict.traits import Traits


def judge_image(evidence: Evidence, findings: Findings, verdict: Verdict, traits: Traits) -> ImageVerdict:
    """What will happen to the subject's image; `verdict` is the credential's."""
    nobody = findings.nobody or verdict.reason is Reason.EMPTY_SECRET
    seen = _seen(evidence)
    read_whole = next((m.digest for m in seen if m.digest and m.facts is not None), None)  # its own: an index in it has another
    digest = read_whole or next((m.digest for m in reversed(seen) if m.digest), None)
    outcome, reason = _of_nobody(evidence, verdict, traits) or _outcome(findings, verdict, traits, nobody)
    if evidence.subject.ip_restricted and outcome is ImageOutcome.DENIED and verdict.outcome is Outcome.VALID:
        return ImageVerdict(outcome=ImageOutcome.UNKNOWN, reason=Reason.ADDRESS_REFUSED, hints=(Hint.IP_RESTRICTED,), digest=digest)
    platforms = None
    if outcome is ImageOutcome.PULLABLE:
        outcome, reason, platforms = _platforms(evidence.subject.platform, seen, reason)
    hints: list[Hint] = []
    dead = reason is Reason.CREDENTIAL_REFUSED or (outcome is ImageOutcome.PULLABLE and verdict.outcome is Outcome.INVALID)
    if dead and findings.anonymous is Control.ACCEPTED:
        hints.append(Hint.PUBLIC_IMAGE)
    if reason is Reason.KEY_BLOCKS_PUBLIC:
        hints.append(Hint.SCOPE_THE_KEY)
    if reason is Reason.HIDDEN_OR_DENIED and evidence.subject.repository.startswith(traits.terms_under):
        hints.append(Hint.TERMS)
    if any(e.pulls_left == 0 for e in evidence.exchanges):
        hints.append(Hint.PULL_LIMIT_NEAR)
    return ImageVerdict(
        outcome=outcome,
        reason=reason,
        hints=tuple(hints),
        digest=digest,
        platforms=platforms,
        retry_after_s=verdict.retry_after_s if outcome is ImageOutcome.UNKNOWN else None,
    )


_BY_PULL: Final[dict[Meaning, tuple[ImageOutcome, Reason]]] = {
    Meaning.TAG_MISSING: (ImageOutcome.NOT_FOUND, Reason.TAG_NOT_FOUND),
    Meaning.REPOSITORY_MISSING: (ImageOutcome.NOT_FOUND, Reason.REPOSITORY_NOT_FOUND),
    Meaning.UNSUPPORTED: (ImageOutcome.WRONG_PLATFORM, Reason.UNSUPPORTED_MANIFEST),
}
_SAID_AT_THE_IMAGE: Final = frozenset({Reason.SSO_REQUIRED, Reason.POLICY_DENIED, Reason.SCOPE_MISSING})


def _of_nobody(evidence: Evidence, verdict: Verdict, traits: Traits) -> tuple[ImageOutcome, Reason] | None:
    """What an open registry says of an image that it does not have: the same to everybody, whatever key they hold."""
    asked = evidence.last(Step.PULL, party=Party.ANONYMOUS)
    if verdict.reason is not Reason.ANONYMOUS_REGISTRY or asked is None:
        return None
    return _BY_PULL.get(read(asked, traits.rows).meaning)


def _outcome(findings: Findings, verdict: Verdict, traits: Traits, nobody: bool) -> tuple[ImageOutcome, Reason]:
    pull, reason = findings.pull, findings.pull_reason
    if pull in _BY_PULL:
        return _BY_PULL[pull]
    if pull is Meaning.READABLE:
        return (ImageOutcome.PULLABLE, Reason.PUBLIC) if nobody else (ImageOutcome.PULLABLE, Reason.PULL_OK)
    if pull is Meaning.BARRED:
        return ImageOutcome.DENIED, reason or Reason.POLICY_DENIED
    if findings.pull_ill:
        return ImageOutcome.UNKNOWN, Reason.REGISTRY_ILL
    if verdict.row == UNSENT and verdict.outcome is Outcome.UNKNOWN:
        return ImageOutcome.UNKNOWN, verdict.reason  # nobody was asked, whoever the user is
    if nobody:
        return _anonymously(findings)
    if findings.unguarded:
        return ImageOutcome.PULLABLE, Reason.PULL_OK
    if verdict.row == UNSENT:
        return ImageOutcome.UNKNOWN, Reason.AMBIGUOUS_REFUSAL
    if verdict.reason is Reason.ADDRESS_REFUSED:
        return ImageOutcome.UNKNOWN, Reason.ADDRESS_REFUSED
    if findings.secret in REFUSALS:
        refused_for_good = verdict.outcome in (Outcome.INVALID, Outcome.MISCONFIGURED)
        if refused_for_good and (pull in REFUSALS or pull is None):
            return ImageOutcome.DENIED, Reason.CREDENTIAL_REFUSED
        if pull is Meaning.DENIED or verdict.outcome is Outcome.INSUFFICIENT:
            blocks = verdict.outcome is Outcome.INSUFFICIENT and traits.foreign_key_blocks and findings.anonymous is Control.ACCEPTED
            return ImageOutcome.DENIED, Reason.KEY_BLOCKS_PUBLIC if blocks else Reason.HIDDEN_OR_DENIED
        return ImageOutcome.UNKNOWN, verdict.reason if verdict.outcome is Outcome.UNKNOWN else Reason.AMBIGUOUS_REFUSAL
    if findings.secret is Meaning.ALIVE:
        return ImageOutcome.DENIED, verdict.reason if verdict.reason in _SAID_AT_THE_IMAGE else Reason.NO_PULL_PERMISSION
    if findings.secret is Meaning.DENIED and verdict.outcome is Outcome.UNKNOWN:
        return ImageOutcome.UNKNOWN, verdict.reason
    if pull in (Meaning.DENIED, *REFUSALS):
        return _denied(findings, verdict, traits, reason)
    if pull is Meaning.ALIVE:
        return ImageOutcome.DENIED, reason if reason in _SAID_AT_THE_IMAGE else Reason.NO_PULL_PERMISSION
    if pull in (Meaning.UNKNOWN, Meaning.STALE, Meaning.NO_HEAD):
        return ImageOutcome.UNKNOWN, reason or Reason.PROTOCOL
    return ImageOutcome.UNKNOWN, _unknown_of(verdict)


def _denied(findings: Findings, verdict: Verdict, traits: Traits, reason: Reason | None) -> tuple[ImageOutcome, Reason]:
    if verdict.outcome is Outcome.INSUFFICIENT and verdict.reason in _SAID_AT_THE_IMAGE:
        return ImageOutcome.DENIED, verdict.reason
    if reason in (Reason.POLICY_DENIED, Reason.SSO_REQUIRED, Reason.SCOPE_MISSING, Reason.HIDDEN_OR_DENIED):
        return ImageOutcome.DENIED, reason
    if verdict.outcome is Outcome.INSUFFICIENT and verdict.reason is Reason.NO_PULL_PERMISSION:
        return ImageOutcome.DENIED, Reason.NO_PULL_PERMISSION
    if verdict.outcome is Outcome.INVALID:
        return ImageOutcome.DENIED, Reason.CREDENTIAL_REFUSED
    if traits.foreign_key_blocks and findings.anonymous is Control.ACCEPTED:
        return ImageOutcome.DENIED, Reason.KEY_BLOCKS_PUBLIC
    if verdict.outcome is Outcome.VALID:
        return ImageOutcome.DENIED, traits.denied
    return ImageOutcome.DENIED, Reason.HIDDEN_OR_DENIED


def _anonymously(findings: Findings) -> tuple[ImageOutcome, Reason]:
    if findings.pull in (Meaning.DENIED, Meaning.ALIVE, *REFUSALS):
        return ImageOutcome.DENIED, Reason.NO_CREDENTIAL
    if findings.pull in (Meaning.UNKNOWN, Meaning.STALE, Meaning.NO_HEAD):
        return ImageOutcome.UNKNOWN, findings.pull_reason or Reason.PROTOCOL
    if findings.way is not None and findings.way.meaning is Meaning.UNKNOWN:
        return ImageOutcome.UNKNOWN, findings.way.reason or Reason.PROTOCOL
    return ImageOutcome.UNKNOWN, findings.demand_fault or Reason.PROTOCOL


def _unknown_of(verdict: Verdict) -> Reason:
    """A reason that an image's `unknown` may carry, from the credential's verdict."""
    if verdict.outcome is Outcome.UNKNOWN:
        return verdict.reason
    if verdict.reason is Reason.NOT_A_REGISTRY or verdict.reason is Reason.HOST_UNKNOWN:
        return Reason.PROTOCOL if verdict.reason is Reason.NOT_A_REGISTRY else Reason.DNS_NXDOMAIN
    return Reason.AMBIGUOUS_REFUSAL


def _seen(evidence: Evidence) -> list[ManifestSeen]:
    anonymous = evidence.subject.anonymous or evidence.subject.fault == Reason.EMPTY_SECRET.value
    own = evidence.of(Step.PULL, Step.MANIFEST, Step.CONFIG, party=Party.ANONYMOUS if anonymous else Party.SUBJECT)
    asked = own or evidence.of(Step.PULL, Step.MANIFEST, Step.CONFIG, party=Party.ANONYMOUS)
    return [e.manifest for e in asked if e.manifest is not None]


def _platforms(wanted: Platform | None, seen: list[ManifestSeen], reason: Reason) -> tuple[ImageOutcome, Reason, tuple[str, ...] | None]:
    """The platform's part: what was learned, and whether the wanted one is there. No platform asked: none is judged."""
    facts = next((m.facts for m in seen if m.facts is not None and m.facts.kind is ManifestKind.INDEX), None)
    single = next((m.platform for m in reversed(seen) if m.platform is not None), None)
    if facts is not None:
        nested = [m.facts for m in seen if m.facts is not None and m.facts is not facts]
        offered = tuple(dict.fromkeys(p for f in (facts, *nested) for p in (f.platforms or ())))
        shown = tuple(str(p) for p in offered) or None
        if wanted is None:
            return ImageOutcome.PULLABLE, reason, shown
        matched = any(select(f, wanted) is not None for f in (facts, *nested))
        if matched:
            return ImageOutcome.PULLABLE, reason, shown
        return ImageOutcome.WRONG_PLATFORM, Reason.PLATFORM_MISSING, shown
    if single is not None:
        fits = wanted is None or single.rank_on(wanted) is not None
        if fits:
            return ImageOutcome.PULLABLE, reason, (str(single),)
        return ImageOutcome.WRONG_PLATFORM, Reason.PLATFORM_MISMATCH, (str(single),)
    return ImageOutcome.PULLABLE, reason, None
