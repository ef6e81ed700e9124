"""What findings mean together, row by row: registries/README.md 6.2 and 7. For each row what it takes, and what comes out without each part of it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from validator.evidence import Control, Opinion
from validator.providers import PROVIDERS, provider_named
from validator.verdict import TABLE, Findings, Meaning, Reason
from validator.verdict.table import Row

A, R, B, D, U = Meaning.ACCEPTED, Meaning.REFUSED, Meaning.BROKEN, Meaning.DENIED, Meaning.UNKNOWN
NO, YES, FORBIDDEN, UNCLEAR = Control.REFUSED, Control.ACCEPTED, Control.DENIED, Control.UNCLEAR
KNOWS, AGREES, SILENT = Opinion.KNOWS, Opinion.AGREES, Opinion.SILENT
DOUBT, ILL, PROTOCOL = "unknown (ambiguous_refusal)", "unknown (registry_ill)", "unknown (protocol)"
OWN: Final = "own"
"""The registry's own reason: the row leaves it open."""


def told(table: tuple[Row, ...], **facts: Any) -> str:
    """The first row that fits, of the vendor's and then the common ones."""
    row = next((one for one in (*table, *TABLE) if one.fits(Findings(**facts))), None)
    return "nothing" if row is None else f"{row.outcome} ({row.reason or OWN})" + (f" {row.level}" if row.level else "")


# what comes out, of these facts
WAY: Final[list[tuple[str, dict[str, Any]]]] = [
    ("misconfigured (host_unknown)", {"way_meaning": U, "way_reason": Reason.DNS_NXDOMAIN, "no_such_host_for_days": True, "elsewhere_well": True}),
    ("unknown (own)", {"way_meaning": U, "way_reason": Reason.DNS_NXDOMAIN, "no_such_host_for_days": True}),
    ("unknown (own)", {"way_meaning": U, "way_reason": Reason.DNS_NXDOMAIN, "elsewhere_well": True}),
    ("unknown (own)", {"way_meaning": U, "way_reason": Reason.DNS_FAILURE, "no_such_host_for_days": True, "elsewhere_well": True}),
    ("misconfigured (not_a_registry)", {"way_meaning": Meaning.PAGE, "ping_twice": True, "elsewhere_well": True}),
    ("unknown (captive_portal)", {"way_meaning": Meaning.PAGE, "ping_twice": True}), ("unknown (captive_portal)", {"way_meaning": Meaning.PAGE, "elsewhere_well": True}),
    ("unknown (captive_portal)", {"way_meaning": Meaning.PAGE, "ping_twice": True, "elsewhere_well": True, "was_registry": True}),
    ("misconfigured (not_a_registry)", {"way_meaning": Meaning.NO_REGISTRY, "ping_twice": True}), (PROTOCOL, {"way_meaning": Meaning.NO_REGISTRY}),
    (ILL, {"way_meaning": Meaning.NO_REGISTRY, "was_registry": True}), (ILL, {"way_meaning": Meaning.NO_REGISTRY, "was_registry": True, "ping_twice": True}),
    ("unknown (own)", {"way_meaning": U}), ("unknown (unsafe_redirect)", {"way_meaning": Meaning.ON}), ("unknown (own)", {"way_meaning": Meaning.DEMANDS, "has_demand_fault": True}),
    ("unprovable (anonymous_registry)", {"way_meaning": Meaning.OPEN, "open_registry": True}), (PROTOCOL, {"way_meaning": Meaning.DEMANDS, "unusable": True}),
    ("unknown (budget_spent)", {"way_meaning": Meaning.DEMANDS}), ("unknown (budget_spent)", {}),
]  # fmt: skip
"""Rows 7 to 26: the secret was never judged."""
LOGIN: Final[list[tuple[str, dict[str, Any]]]] = [
    ("unknown (own)", {"secret": U}), ("unknown (unsafe_redirect)", {"secret": Meaning.ON}), ("misconfigured (not_a_registry)", {"secret": Meaning.NO_REGISTRY}),
    ("insufficient (own)", {"secret": Meaning.ALIVE}),
    # whatever the way there said before
    ("unknown (own)", {"secret": U, "way_meaning": Meaning.PAGE, "ping_twice": True, "elsewhere_well": True}), ("unknown (own)", {"secret": U, "open_registry": True}),
    ("unknown (own)", {"secret": U, "way_meaning": Meaning.NO_REGISTRY, "was_registry": True}), ("insufficient (own)", {"secret": Meaning.ALIVE, "has_demand_fault": True}),
    ("insufficient (own)", {"secret": Meaning.ALIVE, "unusable": True, "way_meaning": U}), ("insufficient (own)", {"secret": Meaning.ALIVE, "way_meaning": Meaning.ON}),
    ("insufficient (own)", {"secret": Meaning.ALIVE, "way_meaning": U, "way_reason": Reason.DNS_NXDOMAIN, "no_such_host_for_days": True, "elsewhere_well": True}),
    ("insufficient (own)", {"secret": Meaning.ALIVE, "way_meaning": Meaning.NO_REGISTRY, "ping_twice": True}), ("insufficient (own)", {"secret": Meaning.ALIVE, "way_meaning": Meaning.NO_REGISTRY}),
    ("insufficient (own)", {"secret": Meaning.ALIVE, "way_meaning": Meaning.PAGE}),
    # 403: rows 32 and 33
    ("insufficient (login_denied)", {"secret": D, "denied_before": True, "control": NO}), (DOUBT, {"secret": D, "denied_before": True, "control": FORBIDDEN}),
    (DOUBT, {"secret": D, "denied_before": True}), (DOUBT, {"secret": D, "control": NO}), (DOUBT, {"secret": D}),
]  # fmt: skip
REFUSED: Final[list[tuple[str, dict[str, Any]]]] = [
    ("invalid (own)", {"decided": True}), (DOUBT, {}), ("invalid (own)", {"in_words": True}), ("invalid (own)", {"opinion": AGREES}),
    (ILL, {"decided": True, "ill": True}), (ILL, {"in_words": True, "ill": True, "throttled": True}), (DOUBT, {"decided": True, "throttled": True}),
    (DOUBT, {"in_words": True, "throttled": True}), (DOUBT, {"decided": True, "fresh": False}), (DOUBT, {"opinion": AGREES, "fresh": False}), (ILL, {"opinion": AGREES, "ill": True}),
    ("misconfigured (short_lived)", {"kind_dies_soon": True}), ("misconfigured (short_lived)", {"kind_dies_soon": True, "in_words": True, "opinion": KNOWS}),
    (DOUBT, {"kind_dies_soon": True, "fresh": False}), (ILL, {"kind_dies_soon": True, "ill": True}), (DOUBT, {"kind_dies_soon": True, "throttled": True}),
    ("insufficient (own)", {"opinion": KNOWS, "refused_twice": True, "explained": True}), ("unknown (contradiction)", {"opinion": KNOWS, "refused_twice": True}),
    ("unknown (contradiction)", {"opinion": KNOWS, "explained": True}), ("unknown (contradiction)", {"opinion": KNOWS, "decided": True, "in_words": True, "past_end": True}),
    ("insufficient (own)", {"refused_twice": True, "explained": True, "opinion": KNOWS, "decided": True}), ("invalid (own)", {"refused_twice": True, "explained": True, "decided": True}),
    ("invalid (expired)", {"past_end": True}), ("invalid (expired)", {"past_end": True, "decided": True, "in_words": True, "opinion": SILENT}),
    (DOUBT, {"opinion": SILENT, "decided": True}), ("invalid (own)", {"opinion": SILENT, "decided": True, "refused_twice": True}), ("invalid (own)", {"opinion": SILENT, "in_words": True}),
    (DOUBT, {"opinion": SILENT, "refused_twice": True}),
]  # fmt: skip
"""Row 30, and all that makes a refusal authoritative (6.2): of a plain no."""
BROKEN: Final[list[tuple[str, dict[str, Any]]]] = [
    ("misconfigured (own)", {"decided": True}), (DOUBT, {}), (ILL, {"decided": True, "ill": True}), (DOUBT, {"decided": True, "throttled": True}), (DOUBT, {"decided": True, "fresh": False}),
    ("misconfigured (short_lived)", {"decided": True, "kind_dies_soon": True}), ("unknown (contradiction)", {"decided": True, "opinion": KNOWS}),
    ("misconfigured (own)", {"decided": True, "past_end": True}), (DOUBT, {"past_end": True}), (DOUBT, {"in_words": True}), (DOUBT, {"opinion": AGREES}),
    ("insufficient (own)", {"opinion": KNOWS, "refused_twice": True, "explained": True}), ("misconfigured (own)", {"opinion": SILENT, "decided": True}), (DOUBT, {"opinion": SILENT}),
]  # fmt: skip
"""A no that names what is wrong with what is stored."""
ACCEPTED: Final[list[tuple[str, dict[str, Any]]]] = [
    ("valid (login_accepted) login", {"control": NO}), ("valid (login_accepted) login", {"control": FORBIDDEN}), ("unprovable (accepts_anyone)", {"control": YES}),
    ("unprovable (control_missing)", {}), ("unprovable (accepts_anyone)", {"control": NO, "claims_nobody": True}), ("unprovable (accepts_anyone)", {"claims_nobody": True}),
    # a refusal's facts change nothing of a yes
    ("valid (login_accepted) login", {"control": NO, "ill": True, "throttled": True, "fresh": False, "kind_dies_soon": True, "opinion": SILENT, "past_end": True}),
    ("valid (login_accepted) login", {"control": NO, "decided": True, "in_words": True, "opinion": KNOWS, "refused_twice": True, "explained": True, "denied_before": True}),
    ("valid (login_accepted) login", {"control": NO, "opinion": AGREES}),
    # the image, with it
    ("valid (pull_proven) pull", {"pull": Meaning.READABLE, "anonymous": NO, "proof": NO, "control": NO}), ("valid (pull_proven) pull", {"pull": Meaning.READABLE, "anonymous": NO, "proof": NO}),
    ("valid (login_accepted) login", {"pull": Meaning.READABLE, "anonymous": YES, "proof": NO, "control": NO}), ("valid (login_accepted) login", {"pull": Meaning.READABLE, "proof": NO, "control": NO}),
    ("unprovable (accepts_anyone)", {"pull": Meaning.READABLE, "anonymous": NO, "proof": YES}), ("unprovable (control_missing)", {"pull": Meaning.READABLE, "anonymous": NO}),
    ("unprovable (public_only)", {"pull": Meaning.READABLE, "anonymous": YES, "control": YES}), ("unprovable (public_only)", {"pull": Meaning.READABLE, "anonymous": YES}),
    ("unprovable (control_missing)", {"pull": Meaning.READABLE, "proof": YES}), ("unprovable (control_missing)", {"pull": D, "anonymous": NO, "proof": YES}),
    ("unprovable (control_missing)", {"pull": D, "anonymous": YES}), ("unprovable (control_missing)", {"pull": D, "anonymous": NO, "proof": NO}),
    *[("insufficient (no_pull_permission)", {"pull": pull, "own": True, "control": control}) for pull in (D, R, B) for control in (NO, FORBIDDEN)],
    ("valid (login_accepted) login", {"pull": D, "control": NO}), ("unprovable (accepts_anyone)", {"pull": D, "own": True, "control": YES}), ("unprovable (control_missing)", {"pull": D, "own": True}),
    ("unprovable (accepts_anyone)", {"pull": D, "own": True, "control": NO, "claims_nobody": True}), ("valid (login_accepted) login", {"pull": Meaning.TAG_MISSING, "own": True, "control": NO}),
    ("unknown (token_rejected)", {"pull": Meaning.STALE, "control": NO}), ("unknown (token_rejected)", {"pull": Meaning.STALE, "own": True}),
    *[(ILL, {"pull": pull, "pull_ill": True, "own": True, "control": NO}) for pull in (D, R, B, Meaning.STALE)], ("valid (login_accepted) login", {"pull": Meaning.TAG_MISSING, "pull_ill": True, "control": NO}),
    ("valid (login_accepted) login", {"pull": Meaning.UNKNOWN, "control": NO}),
]  # fmt: skip
"""Rows 27, 28, 36 to 42, 46."""
ALL: Final = [
    *((said, {"secret": None, **facts}) for said, facts in WAY), *LOGIN, *((said, {"secret": R, **facts}) for said, facts in REFUSED),
    *((said, {"secret": B, **facts}) for said, facts in BROKEN), *((said, {"secret": A, **facts}) for said, facts in ACCEPTED),
]  # fmt: skip


@pytest.mark.parametrize(("said", "facts"), ALL, ids=[f"{at} {said}" for at, (said, _) in enumerate(ALL)])
def test_what_the_facts_come_to(said: str, facts: dict[str, Any]) -> None:
    assert told((), **facts) == said


@pytest.mark.parametrize("secret", [None, *Meaning])
def test_a_fact_alone_is_never_valid_nor_invalid(secret: Meaning | None) -> None:
    """What no row names is no verdict; without a control nothing is valid, without what makes a refusal one nothing is invalid."""
    assert told((), secret=secret).partition(" ")[0] not in ("valid", "invalid")


VENDORS: Final[dict[str, list[tuple[str, dict[str, Any]]]]] = {
    "ecr": [(DOUBT, {"secret": D, "denied_before": True, "control": NO}), ("valid (login_accepted) login", {"secret": A, "control": NO})],
    "ecr-public": [
        ("unprovable (public_only)", {"secret": A, "control": YES}), ("valid (login_accepted) login", {"secret": A, "control": NO}), ("unprovable (control_missing)", {"secret": A}),
        (DOUBT, {"secret": D, "control": YES}),
    ],
    "gar": [
        ("misconfigured (short_lived)", {"secret": D, "kind_dies_soon": True}), (DOUBT, {"secret": D}), (DOUBT, {"secret": D, "denied_before": True, "control": NO}),
        ("valid (login_accepted) login", {"secret": A, "control": NO, "kind_dies_soon": True}),
    ],
    "dockerhub": [
        (PROTOCOL, {"secret": A, "claims_nobody": True, "control": NO}), ("unprovable (control_missing)", {"secret": A}), ("invalid (own)", {"secret": R, "claims_nobody": True, "decided": True}),
        ("valid (login_accepted) login", {"secret": A, "pull": D, "pull_reason": Reason.POLICY_DENIED, "control_refused": True, "control": NO, "own": True}),
        ("insufficient (no_pull_permission)", {"secret": A, "pull": D, "pull_reason": Reason.NO_PULL_PERMISSION, "control_refused": True, "control": NO, "own": True}),
        ("unprovable (control_missing)", {"secret": A, "pull": D, "pull_reason": Reason.POLICY_DENIED}), (DOUBT, {"secret": D, "pull_reason": Reason.POLICY_DENIED, "control_refused": True}),
    ],
    "ngc": [
        ("insufficient (service_missing)", {"secret": D, "opinion": KNOWS}), ("invalid (refused)", {"secret": D, "opinion": AGREES}), (DOUBT, {"secret": D, "opinion": AGREES, "ill": True}),
        (DOUBT, {"secret": D, "opinion": AGREES, "throttled": True}), (DOUBT, {"secret": D, "opinion": SILENT}), (DOUBT, {"secret": D, "denied_before": True, "control": NO}),
        ("valid (login_accepted) login", {"secret": A, "opinion": AGREES, "control": NO}), ("valid (login_accepted) login", {"secret": A, "opinion": KNOWS, "control": NO}),
    ],
    "ghcr": [
        ("valid (pull_proven) pull", {"secret": A, "pull": Meaning.READABLE, "anonymous": NO, "proof": NO, "scopes_lack": True, "opinion": KNOWS}),
        ("unprovable (accepts_anyone)", {"secret": A, "pull": Meaning.READABLE, "anonymous": NO, "proof": YES, "control": YES}),
        ("invalid (refused)", {"secret": A, "opinion": AGREES, "control": YES, "opinion_control": NO}), ("unprovable (accepts_anyone)", {"secret": A, "opinion": AGREES, "control": YES}),
        ("unprovable (accepts_anyone)", {"secret": A, "opinion": AGREES, "control": YES, "opinion_control": NO, "ill": True}), ("unprovable (accepts_anyone)", {"secret": A, "opinion": AGREES, "control": YES, "kind_dies_soon": True}),
        ("unprovable (accepts_anyone)", {"secret": A, "opinion": AGREES, "control": YES, "opinion_control": NO, "throttled": True}),
        ("unprovable (accepts_anyone)", {"secret": A, "opinion": AGREES, "control": YES, "opinion_control": YES}), ("unprovable (control_missing)", {"secret": A, "opinion": AGREES}),
        ("unknown (contradiction)", {"secret": A, "opinion": AGREES, "control": NO, "control_refused": True}), (DOUBT, {"secret": D, "opinion": AGREES, "control": YES, "opinion_control": NO}),
        ("insufficient (sso_required)", {"secret": A, "detail": Reason.SSO_REQUIRED, "control": NO}), ("insufficient (policy_denied)", {"secret": A, "detail": Reason.POLICY_DENIED, "control": NO}),
        ("unknown (address_refused)", {"secret": A, "detail": Reason.ADDRESS_REFUSED, "control": NO}), ("invalid (own)", {"secret": R, "detail": Reason.SSO_REQUIRED, "decided": True}),
        ("invalid (own)", {"secret": R, "detail": Reason.POLICY_DENIED, "decided": True}), ("invalid (own)", {"secret": R, "detail": Reason.ADDRESS_REFUSED, "decided": True}),
        ("insufficient (scope_missing)", {"secret": A, "opinion": KNOWS, "scopes_lack": True, "control": NO}), ("valid (login_accepted) login", {"secret": A, "opinion": KNOWS, "scopes_lack": False, "control": NO}),
        ("valid (login_accepted) login", {"secret": A, "opinion": SILENT, "scopes_lack": True, "control": NO}), (DOUBT, {"secret": D, "opinion": KNOWS, "scopes_lack": True}),
        ("insufficient (wrong_kind)", {"secret": A, "opinion": KNOWS, "kind_dies_soon": True, "kind": "installation token", "pull": D, "proves_nothing": True, "control": NO}),
        ("unprovable (short_lived)", {"secret": A, "opinion": KNOWS, "kind_dies_soon": True, "kind": "App user token", "pull": D, "control": NO}),
        ("unprovable (short_lived)", {"secret": A, "opinion": KNOWS, "kind_dies_soon": True, "control": NO}), ("unprovable (short_lived)", {"secret": A, "kind_dies_soon": True, "pull": D, "control": NO}),
        ("valid (login_accepted) login", {"secret": A, "kind_dies_soon": True, "proves_nothing": False, "pull": Meaning.READABLE, "control": NO}), (DOUBT, {"secret": D, "kind_dies_soon": True, "opinion": KNOWS, "pull": D}),
        ("insufficient (wrong_kind)", {"secret": A, "kind_never_pulls": True, "opinion": KNOWS}), ("insufficient (wrong_kind)", {"secret": A, "kind_never_pulls": True, "control": NO, "control_refused": True}),
        ("unprovable (control_missing)", {"secret": A, "kind_never_pulls": True}), ("unprovable (control_missing)", {"secret": A, "kind_never_pulls": True, "opinion": SILENT}),
        ("valid (login_accepted) login", {"secret": A, "control": NO, "control_refused": True}), ("unprovable (control_missing)", {"secret": A, "opinion": KNOWS}), (DOUBT, {"secret": D, "kind_never_pulls": True, "opinion": KNOWS}),
        (DOUBT, {"secret": D, "kind_never_pulls": True, "control_refused": True}),
        ("unprovable (public_only)", {"secret": A, "pull": Meaning.READABLE, "anonymous": YES, "control": YES}), ("unprovable (public_only)", {"secret": A, "pull": Meaning.READABLE, "anonymous": YES, "opinion": SILENT}),
        (DOUBT, {"secret": D, "pull": Meaning.READABLE, "anonymous": YES, "control": YES}),
        ("valid (login_accepted) login", {"secret": A, "pull": Meaning.READABLE, "anonymous": YES, "control": YES, "opinion": KNOWS, "opinion_control": NO}),
        ("valid (login_accepted) login", {"secret": A, "opinion": KNOWS, "control": YES, "opinion_control": NO}), ("unprovable (accepts_anyone)", {"secret": A, "opinion": KNOWS, "control": YES}),
        ("unprovable (accepts_anyone)", {"secret": A, "opinion": SILENT, "control": YES, "opinion_control": NO}), ("unprovable (control_missing)", {"secret": A, "opinion": KNOWS, "opinion_control": NO}),
        (DOUBT, {"secret": D, "opinion": KNOWS, "control": YES, "opinion_control": NO}),
    ],
    "gitlab": [
        ("unprovable (public_only)", {"secret": D, "pull": Meaning.READABLE, "anonymous": YES}), ("insufficient (scope_missing)", {"secret": D, "pull": Meaning.READABLE, "anonymous": NO, "control": NO}),
        ("insufficient (scope_missing)", {"secret": D, "anonymous": YES, "control": NO}), ("valid (login_accepted) login", {"secret": A, "pull": Meaning.READABLE, "anonymous": YES, "control": NO}),
        ("insufficient (wrong_kind)", {"secret": D, "opinion": KNOWS, "kind_never_pulls": True}), (DOUBT, {"secret": D, "opinion": SILENT, "kind_never_pulls": True}), (DOUBT, {"secret": D, "opinion": KNOWS}),
        ("insufficient (scope_missing)", {"secret": D, "opinion": KNOWS, "scopes_lack": True}), (DOUBT, {"secret": D, "opinion": SILENT, "scopes_lack": True}), (DOUBT, {"secret": D, "opinion": KNOWS, "scopes_lack": False}),
        (PROTOCOL, {"secret": D, "control": FORBIDDEN}), ("insufficient (scope_missing)", {"secret": D, "control": NO}), (DOUBT, {"secret": D, "control": YES}), (DOUBT, {"secret": D}),
        ("valid (login_accepted) login", {"secret": A, "opinion": KNOWS, "kind_never_pulls": True, "control": NO}), ("valid (login_accepted) login", {"secret": A, "opinion": KNOWS, "scopes_lack": True, "control": NO}),
        ("valid (login_accepted) login", {"secret": A, "control": FORBIDDEN}),
    ],
}  # fmt: skip
PAIRS: Final = [(key, said, facts) for key, rows in VENDORS.items() for said, facts in rows]


@pytest.mark.parametrize(("key", "said", "facts"), PAIRS, ids=[f"{key} {at} {said}" for at, (key, said, _) in enumerate(PAIRS)])
def test_what_the_facts_come_to_at_a_vendor(key: str, said: str, facts: dict[str, Any]) -> None:
    provider = provider_named(key)
    assert provider is not None
    assert told(provider.table, **facts) == said


def test_every_vendor_with_rows_is_here() -> None:
    assert {one.key for one in PROVIDERS if one.table} == {*VENDORS, "gitlab-self-managed"}
