"""What `decide` adds to its row: when to come again, hints, the end of a secret; and a form that decides alone. registries/README.md 6.2, 7, 8."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tests.unit.verdict.saying import AGREES, KNOWS, MADE_UP, ev, failed, ping, said, told
from validator.credential import SecretKind
from validator.evidence import Asker, Exchange, Failure, Known, OpinionSeen
from validator.providers import provider_named
from validator.verdict import Hint, Outcome, Traits, Verdict, decide

ENDS: Final = datetime(2027, 1, 1, tzinfo=UTC)
LOGIN: Final[dict[str, Any]] = {"repository": ""}


def of(*exchanges: Exchange, key: str = "generic", known: Known | None = None, **subject: Any) -> Verdict:
    provider = provider_named(key)
    assert provider is not None
    return decide(ev(*exchanges, known=known, **{**LOGIN, **subject}), provider.traits, provider.table)


L_NO, L_OK, L_CONTROL = said("L", 401), said("L", 200), said("L", 401, party=MADE_UP)
WAITS: Final[list[tuple[str, float | None, list[Exchange], dict[str, Any]]]] = [
    # the verdict, when to come again, the answers
    ("unknown (throttled)", 60.0, [ping(), said("L", 429)], {}), ("unknown (throttled)", 7.0, [ping(), said("L", 429, retry_after_s=7.0)], {}), ("unknown (server_error)", None, [ping(), said("L", 503)], {}),
    ("unknown (server_error)", 9.0, [ping(), said("L", 503, retry_after_s=9.0)], {}), ("unknown (ambiguous_refusal)", 3.0, [ping(), L_NO], {}), ("unknown (ambiguous_refusal)", 60.0, [ping(), L_NO], {"known": Known(throttled=True)}),
    ("unknown (registry_ill)", None, [ping(), L_NO], {"known": Known(ill=True, throttled=True)}), ("unknown (ambiguous_refusal)", None, [ping(), said("L", 403)], {}), ("invalid (refused)", None, [ping(), L_NO], {"asker": Asker.SWEEP}),
    ("invalid (refused)", None, [ping(), replace(L_NO, retry_after_s=5.0)], {"asker": Asker.SWEEP}), ("valid (login_accepted)", None, [ping(), L_OK, L_CONTROL], {}), ("unknown (protocol)", None, [ping(), said("L", 404)], {"known": Known(throttled=True)}),
    # README 8: a lane closes
    ("unknown (throttled)", 900.0, [ping(), said("L", 429)], {"key": "dockerhub"}), ("unknown (throttled)", 1200.0, [ping(), said("L", 429, retry_after_s=1200.0)], {"key": "dockerhub"}), ("unknown (throttled)", 900.0, [ping(), said("L", 429, retry_after_s=5.0)], {"key": "dockerhub"}),
    ("unknown (address_banned)", 900.0, [ping(), said("L", 403, "text")], {"key": "gitlab"}), ("unknown (address_banned)", 3600.0, [ping(), said("L", 403, "text")], {"key": "gitlab-self-managed"}),
    ("unknown (address_banned)", 33.0, [ping(), replace(failed("L", Failure.ADDRESS_BANNED), retry_after_s=33.0)], {"key": "gitlab"}), ("unknown (account_locked)", 60.0, [ping(), said("L", 429, "text", text="too many login attempts")], {"key": "quay"}),
    ("unknown (account_locked)", 120.0, [ping(), said("L", 403)], {"key": "artifactory"}), ("unknown (throttled)", 4.0, [ping(), said("L", 503, retry_after_s=9.0), said("L", 429, retry_after_s=4.0)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "wait", "exchanges", "more"), WAITS, ids=[f"{at} {row[0]}" for at, row in enumerate(WAITS)])
def test_when_to_come_again(verdict: str, wait: float | None, exchanges: list[Exchange], more: dict[str, Any]) -> None:
    made = of(*exchanges, **more)
    assert (f"{made.outcome} ({made.reason})", made.retry_after_s) == (verdict, wait)


FAULTS: Final = {
    "foreign_token": "misconfigured", "empty_secret": "misconfigured", "wrong_username": "misconfigured", "short_lived": "misconfigured", "unreadable": "unknown", "disabled_by_operator": "unknown", "unsafe_address": "unknown", "rotated": "unknown",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_form_decides_alone_and_what_is_ours_is_no_fault_of_the_users(fault: str) -> None:
    made = of(fault=fault)
    assert (made.outcome, made.reason, made.row) == (FAULTS[fault], fault, "shape")
    bearer = of(fault=fault, sent_as=SecretKind.REGISTRY_TOKEN)
    assert bearer.outcome == ("unprovable" if fault == "short_lived" else FAULTS[fault]), "a registry's own bearer lives, for minutes"


def test_nobody_has_no_credential_to_judge() -> None:
    made = of(anonymous=True)
    assert (made.outcome, made.reason, made.row, made.hints) == ("unprovable", "anonymous_registry", "no credential", ())
    assert of(ping(), said("L", 429), anonymous=True).retry_after_s is None


SWEEP: Final = {"asker": Asker.SWEEP}
HINTS: Final[list[tuple[tuple[str, ...], list[Exchange], dict[str, Any]]]] = [
    (("new_key",), [ping(), L_NO], SWEEP), ((), [ping(), L_NO], {**SWEEP, "known": Known(ever_valid=True)}), ((), [ping(), L_NO], {}), (("whitespace", "new_key"), [ping(), L_NO], {**SWEEP, "hints": ("whitespace",)}),
    (("username_form", "use_a_token", "looks_cut", "new_key"), [ping(), L_NO], {**SWEEP, "hints": ("username_form", "use_a_token", "looks_cut")}), ((), [ping(), L_OK, L_CONTROL], {"hints": ("username_form", "use_a_token", "looks_cut")}),
    (("whitespace",), [ping(), L_OK, L_CONTROL], {"hints": ("whitespace", "whitespace", "no such hint")}), (("short_lived",), [ping(), L_OK, L_CONTROL], {"short_lived": True}), ((), [ping(), said("L", 503)], {"short_lived": True}),
    (("owner_other",), [ping(), L_OK, L_CONTROL, told(replace(KNOWS, kind="service_key"))], {"key": "ngc"}), (("owner_other",), [ping(), L_OK, L_CONTROL], {"key": "ngc", "kind": "service_key"}), ((), [ping(), L_OK, L_CONTROL, told(replace(KNOWS, kind="personal_key"))], {"key": "ngc"}),
    (("username_differs",), [ping(), L_OK, L_CONTROL, told(replace(KNOWS, owner="octo"))], {"key": "ghcr", "username": "jane"}), ((), [ping(), L_OK, L_CONTROL, told(replace(KNOWS, owner="Jane"))], {"key": "ghcr", "username": "jANE"}),
    ((), [ping(), L_OK, L_CONTROL, told(replace(KNOWS, owner="octo"))], {"key": "ghcr", "username": ""}), ((), [ping(), L_OK, L_CONTROL, told(KNOWS)], {"key": "ghcr", "username": "jane"}), ((), [ping(), L_OK, L_CONTROL, told(replace(KNOWS, owner="octo"))], {"key": "gitlab", "username": "jane"}),
]  # fmt: skip


@pytest.mark.parametrize(("hints", "exchanges", "more"), HINTS, ids=[f"{at}" for at in range(len(HINTS))])
def test_a_hint_has_its_one_cause(hints: tuple[str, ...], exchanges: list[Exchange], more: dict[str, Any]) -> None:
    made = of(*exchanges, **more)
    assert made.hints == tuple(Hint(each) for each in hints)
    assert replace(made, hints=()) == replace(of(*exchanges, **{**more, "hints": ()}), hints=()), "and changes no verdict"


def test_the_end_of_a_secret_is_its_own_or_the_vendors() -> None:
    assert of(ping(), L_OK, L_CONTROL).expires_at is None
    assert of(ping(), L_OK, L_CONTROL, expires_at=ENDS).expires_at == ENDS
    later = told(replace(KNOWS, expires_at=ENDS.replace(year=2028)))
    assert of(ping(), L_OK, L_CONTROL, later).expires_at == ENDS.replace(year=2028)
    assert of(ping(), L_OK, L_CONTROL, later, expires_at=ENDS).expires_at == ENDS


REASONS: Final[list[tuple[str, list[Exchange], dict[str, Any]]]] = [
    ("insufficient (service_missing)", [ping(), L_NO, replace(L_NO, at=3.0), told(KNOWS)], {"key": "ngc"}), ("unknown (contradiction)", [ping(), said("L", 403, "E", "DENIED", text="denied"), told(KNOWS)], {"key": "ghcr"}),
    ("invalid (revoked)", [ping(), said("L", 401, "E", "UNAUTHORIZED"), told(OpinionSeen(opinion=AGREES.opinion, why="revoked"))], {"key": "gitlab"}), ("invalid (refused)", [ping(), said("L", 401, "E", "UNAUTHORIZED"), told(AGREES)], {"key": "gitlab"}),
    ("unknown (dns_failure)", [failed("P", Failure.DNS_FAILURE)], {}), ("unknown (unsafe_realm)", [ping(demand=replace(ping().demand, fault=Failure.UNSAFE_REALM))], {}),  # type: ignore[type-var]  # it has one
    ("unknown (server_error)", [ping(), said("L", 503)], {}), ("unknown (server_error)", [ping(), said("L", 503), told(OpinionSeen(opinion=AGREES.opinion, why="revoked"))], {"key": "gitlab"}), ("insufficient (scope_missing)", [ping(), said("L", 401, "O", text="insufficient scopes")], {"key": "dockerhub"}),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "exchanges", "more"), REASONS, ids=[f"{at} {row[0]}" for at, row in enumerate(REASONS)])
def test_the_reason_is_the_registrys_own_where_the_row_leaves_it_open(verdict: str, exchanges: list[Exchange], more: dict[str, Any]) -> None:
    made = of(*exchanges, **more)
    assert f"{made.outcome} ({made.reason})" == verdict


def test_no_traits_are_the_generic_ones() -> None:
    evidence = ev(ping(), L_OK, L_CONTROL, **LOGIN)
    assert decide(evidence) == decide(evidence, Traits(), ())
    assert decide(evidence).outcome is Outcome.VALID
    assert decide(evidence).image is None
    assert decide(ev(ping(), L_OK, L_CONTROL)).image is not None
