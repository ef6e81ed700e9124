"""What an image comes to, of what was found and of the credential's own verdict: registries/README.md 6.4 and 7.37 to 7.44."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.verdict.saying import answer
from validator.evidence import Control, Evidence, Exchange, ManifestSeen, Party, Subject
from validator.protocol.manifest import Child, ManifestFacts, ManifestKind, Platform
from validator.verdict import Findings, Hint, Meaning, Outcome, Reading, Reason, Traits, Verdict
from validator.verdict.image import judge_image

A, R, B, D, U, OK = Meaning.ACCEPTED, Meaning.REFUSED, Meaning.BROKEN, Meaning.DENIED, Meaning.UNKNOWN, Meaning.READABLE
VALID, DEAD = (Outcome.VALID, Reason.LOGIN_ACCEPTED), (Outcome.INVALID, Reason.REFUSED)
DOUBT, LACKS = (Outcome.UNKNOWN, Reason.AMBIGUOUS_REFUSAL), (Outcome.INSUFFICIENT, Reason.NO_PULL_PERMISSION)
ANYONE, SERVICE = (Outcome.UNPROVABLE, Reason.ACCEPTS_ANYONE), (Outcome.INSUFFICIENT, Reason.SERVICE_MISSING)
OUTAGE, SHAPE, EMPTY = (
    (Outcome.UNKNOWN, Reason.SERVER_ERROR),
    (Outcome.MISCONFIGURED, Reason.FOREIGN_TOKEN),
    (Outcome.MISCONFIGURED, Reason.EMPTY_SECRET),
)
OFF: Final = (Outcome.UNKNOWN, Reason.DISABLED_BY_OPERATOR)
NGC: Final = Traits(foreign_key_blocks=True, denied=Reason.HIDDEN_OR_DENIED, terms_under=("nim/",))
PUBLIC, PRIVATE = {"anonymous": Control.ACCEPTED}, {"anonymous": Control.REFUSED}

# what becomes of the image; the credential's verdict; the findings; more: the row, the vendor
ROWS: Final[list[tuple[str, tuple[Outcome, Reason], dict[str, Any], dict[str, Any]]]] = [
    ("pullable (pull_ok)", VALID, {"secret": A, "pull": OK}, {}), ("pullable (public)", VALID, {"nobody": True, "pull": OK}, {}), ("pullable (public)", EMPTY, {"pull": OK}, {}),
    ("pullable (pull_ok)", DEAD, {"secret": R, "pull": OK}, {}), ("pullable (pull_ok)", ANYONE, {"secret": A, "pull": OK}, {}),
    ("not_found (tag_not_found)", VALID, {"secret": A, "pull": Meaning.TAG_MISSING}, {}), ("not_found (repository_not_found)", VALID, {"secret": A, "pull": Meaning.REPOSITORY_MISSING}, {}),
    ("wrong_platform (unsupported_manifest)", VALID, {"secret": A, "pull": Meaning.UNSUPPORTED}, {}), ("not_found (tag_not_found)", VALID, {"nobody": True, "pull": Meaning.TAG_MISSING}, {}),
    ("denied (entitlement_missing)", VALID, {"secret": A, "pull": Meaning.BARRED, "pull_reason": Reason.ENTITLEMENT_MISSING}, {}), ("denied (policy_denied)", VALID, {"pull": Meaning.BARRED}, {}),
    ("unknown (registry_ill)", VALID, {"secret": A, "pull": D, "pull_ill": True}, {}), ("unknown (registry_ill)", LACKS, {"secret": A, "pull": D, "pull_ill": True, "own": True}, {}),
    # a form that decided alone, and somebody's order not to ask
    ("unknown (disabled_by_operator)", OFF, {}, {"row": "shape"}), ("unknown (disabled_by_operator)", OFF, {"nobody": True}, {"row": "shape"}), ("unknown (ambiguous_refusal)", SHAPE, {}, {"row": "shape"}),
    ("unknown (disabled_by_operator)", OFF, {"unguarded": True}, {"row": "shape"}), ("pullable (pull_ok)", SHAPE, {"unguarded": True}, {"row": "shape"}), ("pullable (pull_ok)", ANYONE, {"unguarded": True}, {}),
    ("unknown (address_refused)", (Outcome.UNKNOWN, Reason.ADDRESS_REFUSED), {"secret": A, "pull": D}, {}), ("denied (policy_denied)", (Outcome.INSUFFICIENT, Reason.POLICY_DENIED), {"secret": A, "pull": D}, {}),
    # refused: a kubelet does not try without
    ("denied (credential_refused)", DEAD, {"secret": R}, {}), ("denied (credential_refused)", DEAD, {"secret": R, "pull": R}, {}), ("denied (credential_refused)", (Outcome.MISCONFIGURED, Reason.TOKEN_REQUIRED), {"secret": B}, {}),
    ("denied (credential_refused)", DEAD, {"secret": R, "pull": B}, {}), ("denied (hidden_or_denied)", DEAD, {"secret": R, "pull": D}, {}), ("denied (hidden_or_denied)", DOUBT, {"secret": R, "pull": D}, {}),
    ("denied (hidden_or_denied)", SERVICE, {"secret": R}, {}), ("unknown (ambiguous_refusal)", DOUBT, {"secret": R}, {}), ("unknown (contradiction)", (Outcome.UNKNOWN, Reason.CONTRADICTION), {"secret": R}, {}),
    ("unknown (ambiguous_refusal)", DEAD, {"secret": R, "pull": U}, {}), ("unknown (ambiguous_refusal)", DOUBT, {"secret": R, "pull": R}, {}),
    # it lives, and lacks something
    ("denied (no_pull_permission)", SERVICE, {"secret": Meaning.ALIVE}, {}), *[(f"denied ({reason})", (Outcome.INSUFFICIENT, reason), {"secret": Meaning.ALIVE}, {}) for reason in (Reason.SSO_REQUIRED, Reason.POLICY_DENIED, Reason.SCOPE_MISSING)],
    ("unknown (ambiguous_refusal)", DOUBT, {"secret": D, "pull": D}, {}), ("unknown (protocol)", (Outcome.UNKNOWN, Reason.PROTOCOL), {"secret": D}, {}), ("unknown (ambiguous_refusal)", (Outcome.INSUFFICIENT, Reason.LOGIN_DENIED), {"secret": D}, {}),
    # denied at the image
    ("denied (no_pull_permission)", VALID, {"secret": A, "pull": D}, {}), ("denied (hidden_or_denied)", VALID, {"secret": A, "pull": D}, {"traits": NGC}), ("denied (no_pull_permission)", VALID, {"secret": A, "pull": R}, {}),
    ("denied (no_pull_permission)", VALID, {"secret": A, "pull": B}, {}), ("denied (no_pull_permission)", LACKS, {"secret": A, "pull": D}, {"traits": NGC}), ("denied (hidden_or_denied)", ANYONE, {"secret": A, "pull": D}, {}),
    ("denied (key_blocks_public)", VALID, {"secret": A, "pull": D, **PUBLIC}, {"traits": NGC}), ("denied (no_pull_permission)", VALID, {"secret": A, "pull": D, **PUBLIC}, {}), ("denied (hidden_or_denied)", VALID, {"secret": A, "pull": D, **PRIVATE}, {"traits": NGC}),
    ("denied (no_pull_permission)", LACKS, {"secret": A, "pull": D, **PUBLIC}, {"traits": NGC}), ("denied (hidden_or_denied)", SERVICE, {"secret": A, "pull": D}, {}),
    *[(f"denied ({reason})", (Outcome.INSUFFICIENT, reason), {"secret": A, "pull": D}, {"traits": NGC}) for reason in (Reason.SSO_REQUIRED, Reason.POLICY_DENIED, Reason.SCOPE_MISSING)],
    *[(f"denied ({reason})", VALID, {"secret": A, "pull": D, "pull_reason": reason, **PUBLIC}, {"traits": NGC}) for reason in (Reason.SSO_REQUIRED, Reason.POLICY_DENIED, Reason.SCOPE_MISSING, Reason.HIDDEN_OR_DENIED)],
    ("denied (hidden_or_denied)", (Outcome.UNKNOWN, Reason.SSO_REQUIRED), {"secret": A, "pull": D}, {}), ("denied (hidden_or_denied)", (Outcome.UNPROVABLE, Reason.NO_PULL_PERMISSION), {"secret": A, "pull": D}, {}),
    ("denied (scope_missing)", VALID, {"secret": A, "pull": Meaning.ALIVE, "pull_reason": Reason.SCOPE_MISSING}, {}), ("denied (no_pull_permission)", VALID, {"secret": A, "pull": Meaning.ALIVE}, {}),
    # not to be told
    *[(f"unknown ({reason})", VALID, {"secret": A, "pull": pull, "pull_reason": reason}, {}) for pull, reason in ((U, Reason.TIMEOUT), (Meaning.STALE, Reason.TOKEN_REJECTED), (Meaning.NO_HEAD, Reason.PROTOCOL))],
    ("unknown (protocol)", VALID, {"secret": A, "pull": U}, {}), ("unknown (server_error)", OUTAGE, {"secret": U}, {}), ("unknown (server_error)", OUTAGE, {}, {}), ("unknown (ambiguous_refusal)", VALID, {"secret": A}, {}),
    ("unknown (protocol)", (Outcome.MISCONFIGURED, Reason.NOT_A_REGISTRY), {}, {}), ("unknown (dns_nxdomain)", (Outcome.MISCONFIGURED, Reason.HOST_UNKNOWN), {}, {}),
    ("unknown (protocol)", (Outcome.MISCONFIGURED, Reason.NOT_A_REGISTRY), {"secret": Meaning.NO_REGISTRY}, {}), ("unknown (ambiguous_refusal)", ANYONE, {}, {}), ("unknown (server_error)", OUTAGE, {"secret": U, "pull": U, "pull_reason": Reason.SERVER_ERROR}, {}),
    # nobody's
    *[("denied (no_credential)", VALID, {"nobody": True, "pull": pull}, {}) for pull in (D, Meaning.ALIVE, R, B)], ("denied (no_credential)", EMPTY, {"pull": D}, {}),
    ("unknown (timeout)", VALID, {"nobody": True, "pull": U, "pull_reason": Reason.TIMEOUT}, {}), ("unknown (token_rejected)", VALID, {"nobody": True, "pull": Meaning.STALE, "pull_reason": Reason.TOKEN_REJECTED}, {}),
    ("unknown (protocol)", VALID, {"nobody": True, "pull": Meaning.NO_HEAD}, {}), ("unknown (dns_failure)", VALID, {"nobody": True, "way": Reading(U, Reason.DNS_FAILURE, "x")}, {}),
    ("unknown (protocol)", VALID, {"nobody": True, "way": Reading(U, None, "x")}, {}), ("unknown (unsafe_realm)", VALID, {"nobody": True, "way": Reading(Meaning.DEMANDS, None, "x"), "demand_fault": Reason.UNSAFE_REALM}, {}),
    ("unknown (protocol)", VALID, {"nobody": True}, {}), ("unknown (registry_ill)", VALID, {"nobody": True, "pull": D, "pull_ill": True}, {}),
]  # fmt: skip


def image(
    verdict: tuple[Outcome, Reason],
    facts: dict[str, Any],
    row: str = "",
    traits: Traits | None = None,
    exchanges: tuple[Exchange, ...] = (),
    **subject: Any,
) -> Any:
    """The image's verdict; the subject is asked for `team/app`."""
    told = Verdict(outcome=verdict[0], reason=verdict[1], row=row, retry_after_s=77.0)
    return judge_image(
        Evidence(Subject(host="reg.test", **{"repository": "team/app", **subject}), exchanges=exchanges), Findings(**facts), told, traits or Traits()
    )


@pytest.mark.parametrize(("said", "verdict", "facts", "more"), ROWS, ids=[f"{at} {said}" for at, (said, *_) in enumerate(ROWS)])
def test_what_becomes_of_an_image(said: str, verdict: tuple[Outcome, Reason], facts: dict[str, Any], more: dict[str, Any]) -> None:
    told = image(verdict, facts, **more)
    assert f"{told.outcome} ({told.reason})" == said
    assert told.retry_after_s == (77.0 if said.startswith("unknown") else None), "there is nothing to wait for where it is told"


def test_a_key_of_some_addresses_alone_is_not_denied_by_what_ours_gets() -> None:
    told = image(VALID, {"secret": A, "pull": D}, ip_restricted=True)
    assert (told.outcome, told.reason, told.hints) == ("unknown", "address_refused", (Hint.IP_RESTRICTED,))
    assert image(VALID, {"secret": A, "pull": OK}, ip_restricted=True).reason == "pull_ok"
    assert image(DEAD, {"secret": R}, ip_restricted=True).reason == "credential_refused"


def test_what_an_open_registry_has_not_it_has_for_nobody() -> None:
    open_one = (Outcome.UNPROVABLE, Reason.ANONYMOUS_REGISTRY)
    missing = answer("H", 404, "E", "NAME_UNKNOWN", party=Party.ANONYMOUS, authorized=False)
    assert image(open_one, {}, exchanges=(missing,)).reason == "repository_not_found"
    assert image(open_one, {}).reason == "ambiguous_refusal"
    assert image(ANYONE, {}, exchanges=(missing,)).reason == "ambiguous_refusal"
    assert image(open_one, {}, exchanges=(answer("H", 404, "E", "NAME_UNKNOWN"),)).reason == "ambiguous_refusal", (
        "the subject's own asks are the pull's"
    )


def test_the_hints_of_an_image() -> None:
    """A hint never changes an outcome; each has the one cause that the contract names."""
    assert image(DEAD, {"secret": R, **PUBLIC}).hints == (Hint.PUBLIC_IMAGE,)
    assert image(DEAD, {"secret": R, "pull": OK, **PUBLIC}).hints == (Hint.PUBLIC_IMAGE,)
    assert image(DEAD, {"secret": R, **PRIVATE}).hints == ()
    assert image(DEAD, {"secret": R, "pull": Meaning.TAG_MISSING, **PUBLIC}).hints == (), "there is no image to be public"
    assert image(VALID, {"secret": A, "pull": D}, repository="nim/x").hints == ()
    assert image(VALID, {"secret": A, "pull": OK, **PUBLIC}).hints == ()
    assert image(VALID, {"secret": A, "pull": D, **PUBLIC}, traits=NGC).hints == (Hint.SCOPE_THE_KEY,)
    assert image(VALID, {"secret": A, "pull": D}, traits=NGC, repository="nim/x").hints == (Hint.TERMS,)
    assert image(VALID, {"secret": A, "pull": D}, traits=NGC, repository="acme/nim/x").hints == ()
    assert image(LACKS, {"secret": A, "pull": D}, traits=NGC, repository="nim/x").hints == ()
    for left, hints in ((0, (Hint.PULL_LIMIT_NEAR,)), (1, ()), (None, ())):
        assert image(VALID, {"secret": A, "pull": OK}, exchanges=(answer("H", 200, kind="image", pulls_left=left),)).hints == hints


AMD, ARM = Platform(os="linux", architecture="amd64"), Platform(os="linux", architecture="arm64")


def index(*platforms: Platform | None, media_type: str = "") -> ManifestFacts:
    children = tuple(Child(f"sha256:{at:064x}", platform, media_type) for at, platform in enumerate(platforms))
    known = None if None in platforms else tuple(each for each in platforms if each is not None)
    return ManifestFacts(kind=ManifestKind.INDEX, platforms=known, children=children)


def seen(step: str, party: Party = Party.SUBJECT, **said: Any) -> Exchange:
    return answer(step, 200, kind=None, party=party, manifest=ManifestSeen(**{"kind": "index", **said}))


INDEXES: Final[dict[str, tuple[tuple[Exchange, ...], Platform | None, str, tuple[str, ...] | None]]] = {
    "there": ((seen("G", facts=index(AMD, ARM)),), ARM, "pull_ok", ("linux/amd64", "linux/arm64")), "not there": ((seen("G", facts=index(AMD)),), ARM, "platform_missing", ("linux/amd64",)),
    "not asked": ((seen("G", facts=index(AMD)),), None, "pull_ok", ("linux/amd64",)), "an entry without": ((seen("G", facts=index(None)),), ARM, "pull_ok", None),
    "in a nested one": ((seen("G", facts=index(AMD)), seen("G", facts=index(ARM))), ARM, "pull_ok", ("linux/amd64", "linux/arm64")),
    "twice the same": ((seen("G", facts=index(AMD)), seen("G", facts=index(AMD))), AMD, "pull_ok", ("linux/amd64",)), "nothing in it": ((seen("G", facts=index()),), AMD, "platform_missing", None),
    "a single one": ((seen("C", platform=AMD),), AMD, "pull_ok", ("linux/amd64",)), "a single one for another": ((seen("C", platform=AMD),), ARM, "platform_mismatch", ("linux/amd64",)),
    "a single one, not asked": ((seen("C", platform=AMD),), None, "pull_ok", ("linux/amd64",)), "not learned": ((seen("H"),), AMD, "pull_ok", None),
    "a single one's manifest": ((seen("G", facts=ManifestFacts(kind=ManifestKind.IMAGE)),), AMD, "pull_ok", None),
    "nobody's, where the subject asked nothing": ((seen("G", Party.ANONYMOUS, facts=index(AMD)),), ARM, "platform_missing", ("linux/amd64",)),
    "nobody's, beside the subject's": ((seen("G", Party.ANONYMOUS, facts=index(AMD)), seen("G", facts=index(ARM))), ARM, "pull_ok", ("linux/arm64",)),
    "the last config": ((seen("C", platform=AMD), seen("C", platform=ARM)), ARM, "pull_ok", ("linux/arm64",)),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXES)
def test_the_platforms_come_last(name: str) -> None:
    exchanges, wanted, reason, platforms = INDEXES[name]
    told = image(VALID, {"secret": A, "pull": OK}, exchanges=exchanges, platform=wanted)
    assert (told.reason, told.platforms) == (reason, platforms)
    assert told.outcome == ("wrong_platform" if reason.startswith("platform") else "pullable")
    assert image(VALID, {"secret": A, "pull": D}, exchanges=exchanges, platform=wanted).platforms is None


def test_the_digest_is_the_last_that_was_told() -> None:
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    assert image(VALID, {"secret": A, "pull": OK}, exchanges=(seen("H", digest=first), seen("G", digest=second), seen("C"))).digest == second
    nested = (seen("H", digest=first), seen("G", digest=first, facts=index(AMD)), seen("G", digest=second, facts=index(ARM)))
    assert image(VALID, {"secret": A, "pull": OK}, exchanges=nested).digest == first, "an index in it has a digest of its own"
    nobodys = seen("H", Party.ANONYMOUS, digest=first)
    assert image(VALID, {"nobody": True, "pull": OK}, exchanges=(nobodys, seen("H", digest=second)), anonymous=True).digest == first
    assert image(EMPTY, {"pull": OK}, exchanges=(nobodys, seen("H", digest=second)), fault="empty_secret").digest == first
