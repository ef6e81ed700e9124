"""What one answer says by the rules for every registry: registries/README.md 7, row by row, with what stands beside each row."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.verdict.saying import STEPS, answer, failed, says
from validator.evidence import Failure, Step
from validator.verdict import Reason

BAD_TOKEN, WORDS = (
    "unknown (protocol)",
    ("the token has expired", "key is expired", "password has been expired", "credential was expired", "token expired", "expired access token"),
)
DOUBT, REFUSED, WAF, PROTOCOL = "unknown (ambiguous_refusal)", "refused (refused)", "unknown (waf_block)", "unknown (protocol)"
ILL = "unknown (server_error)"
NO_REGISTRY, DENIED, NO_PULL = "no_registry (not_a_registry)", "denied (ambiguous_refusal)", "denied (no_pull_permission)"

# step, status, body, then what it says; the numbers are the table's rows
ROWS: Final[dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]]] = {
    "18 JSON": ("open", ("P", 200, "J"), {}), "18 empty": ("open", ("P", 200, ""), {}), "18 error JSON": ("open", ("P", 200, "E"), {}),
    "18 a page with the registry's header": ("open", ("P", 200, "html"), {"registry_sign": True}),
    "18 text with the registry's header": ("open", ("P", 200, "text"), {"registry_sign": True}),
    "25 with the registry's header": (NO_REGISTRY, ("P", 404, ""), {"registry_sign": True}), "23 with the registry's header": (PROTOCOL, ("P", 401, ""), {"registry_sign": True}), "36 a 404 with it": (PROTOCOL, ("B", 404, ""), {"registry_sign": True}),
    "19": ("page (captive_portal)", ("P", 200, "html"), {}), "26 text": (PROTOCOL, ("P", 200, "text"), {}), "26": (PROTOCOL, ("P", 204, ""), {}),
    "20": ("demands", ("P", 401, "E"), {"demands": "bearer"}), "21": ("demands", ("P", 401, ""), {"demands": "basic"}),
    "20 in a page": ("demands", ("P", 401, "html"), {"demands": "bearer"}),
    "23": (PROTOCOL, ("P", 401, "E"), {}), "23 another scheme": (PROTOCOL, ("P", 401, "E"), {"demands": "other"}),
    "24 page": (WAF, ("P", 403, "html"), {}), "24 JSON": (DOUBT, ("P", 403, "E"), {}), "24 empty": (DOUBT, ("P", 403, ""), {}),
    "25 404": (NO_REGISTRY, ("P", 404, ""), {}), "25 400": (NO_REGISTRY, ("P", 400, ""), {}), "25 405": (NO_REGISTRY, ("P", 405, ""), {}),
    "25 410": (NO_REGISTRY, ("P", 410, "html"), {}), "26 418": (PROTOCOL, ("P", 418, ""), {}), "26 406": (PROTOCOL, ("P", 406, ""), {}),
    "18 another registry": ("open", ("X", 200, "J"), {}), "21 another registry": ("demands", ("X", 401, "E"), {"demands": "basic"}),
    # the login at a token server
    "27": ("accepted", ("L", 200, "J"), {"token": True}), "27 scoped": ("accepted", ("T", 200, "J"), {"token": True}),
    "29": (PROTOCOL, ("L", 200, "J"), {}), "29 page": (PROTOCOL, ("T", 200, "html"), {}), "29 the sign is no token": (PROTOCOL, ("L", 200, ""), {"registry_sign": True}),
    "30": (REFUSED, ("L", 401, "E"), {}), "30 OAuth": (REFUSED, ("T", 401, "O"), {}), "30 empty": (REFUSED, ("L", 401, ""), {}),
    "31 other JSON": (DOUBT, ("L", 401, "J"), {}), "31 text": (DOUBT, ("T", 401, "text"), {}), "31 a page that demands": (DOUBT, ("L", 401, "html"), {"demands": "bearer"}),
    "34 a 401's page": (WAF, ("L", 401, "html"), {}), "34 a 403's page": (WAF, ("T", 403, "html"), {}), "34 its scheme is another": (DOUBT, ("L", 401, "html"), {"demands": "other"}),
    "33": (DENIED, ("L", 403, "E"), {}), "33 OAuth": (DENIED, ("T", 403, "O"), {}), "33 other JSON": (DENIED, ("L", 403, "J"), {}), "33 empty": (DENIED, ("L", 403, ""), {}),
    "33 text": (DOUBT, ("L", 403, "text"), {}), "35 400": (PROTOCOL, ("L", 400, "O"), {}), "35 404": (PROTOCOL, ("T", 404, ""), {}),
    "35 405": (PROTOCOL, ("L", 405, ""), {}), "35 422": (PROTOCOL, ("L", 422, "E"), {}), "35 201": (PROTOCOL, ("L", 201, "J"), {"token": True}),
    "35 402 without a repository": (PROTOCOL, ("L", 402, "E"), {}), "35 451 without a repository": (PROTOCOL, ("L", 451, "E"), {}),
    "35 a password's invalid_grant": (PROTOCOL, ("L", 400, "O", "invalid_grant"), {}), "an identity token's invalid_grant": ("denied", ("L", 400, "O", "invalid_grant"), {"method": "POST"}),
    "scoped, an identity token's": ("denied", ("T", 400, "O", "invalid_grant"), {"method": "POST"}), "an identity token, another 400": (PROTOCOL, ("L", 400, "O", "invalid_request"), {"method": "POST"}),
    "9 a token server of few words": (REFUSED, ("L", 401, "text"), {"demands": "basic"}), "9 scoped": (REFUSED, ("T", 401, "text"), {"demands": "basic"}), "9 it demands a Bearer": (DOUBT, ("L", 401, "text"), {"demands": "bearer"}),
    # a 401 or 403 whose code is about the registry, or about what was asked for
    "2.5 ill": (ILL, ("L", 401, "E", "UNAVAILABLE"), {}), "2.5 ill, scoped": (ILL, ("T", 401, "E", "SERVICE_UNAVAILABLE"), {}), "2.5 ill 403": (ILL, ("L", 403, "E", "INTERNAL_ERROR"), {}),
    "2.5 ill OAuth": (ILL, ("L", 401, "O", "temporarily_unavailable"), {}), "2.5 ill OAuth 403": (ILL, ("T", 403, "O", "server_error"), {}), "2.5 ill at the registry": (ILL, ("B", 401, "E", "UNAVAILABLE"), {"demands": "basic"}),
    "2.5 the code tells nothing": (REFUSED, ("L", 401, "E", "UNKNOWN"), {}), "2.5 scope": (DOUBT, ("L", 401, "O", "insufficient_scope"), {}), "2.5 a field's": (DOUBT, ("T", 401, "", "invalid_scope"), {}),
    # the login on a Basic registry
    "36": ("accepted", ("B", 200, "J"), {}), "36 empty": ("accepted", ("B", 200, ""), {}), "36 a page with the sign": ("accepted", ("B", 200, "html"), {"registry_sign": True}),
    "36 a page": (PROTOCOL, ("B", 200, "html"), {}), "36 a token is none there": (PROTOCOL, ("B", 200, "text"), {}),
    "30 Basic": (REFUSED, ("B", 401, "E"), {"demands": "basic"}), "30 Basic, a page that repeats the challenge": (REFUSED, ("B", 401, "html"), {"demands": "basic"}),
    "30 Basic, other JSON": (REFUSED, ("B", 401, "J"), {"demands": "basic"}), "30 a page at a token server that demands Basic": (DOUBT, ("L", 401, "html"), {"demands": "basic"}),
    "31 Basic, other JSON without a challenge": (DOUBT, ("B", 401, "J"), {}), "34 Basic, a page without a challenge": (WAF, ("B", 401, "html"), {}), "a grant is refused at a login": (PROTOCOL, ("G", 400, "O", "invalid_grant"), {"method": "POST"}),
    "G3 it demands a Bearer": (DOUBT, ("B", 401, "E"), {"demands": "bearer"}), "G3 it demands another": (DOUBT, ("B", 403, "E"), {"demands": "other"}),
    "G3 unasked, and nothing is demanded": (DOUBT, ("B", 401, "E"), {"basic": "unasked"}), "G3 demanded before, nothing is demanded": (REFUSED, ("B", 401, "E"), {}),
    "G3 unasked, it looks": (REFUSED, ("B", 401, "E"), {"basic": "unasked", "demands": "basic"}), "G3 unasked 403": (DENIED, ("B", 403, "E"), {"basic": "unasked"}),
    "33 Basic": (DENIED, ("B", 403, "E"), {"demands": "basic"}),
    # barred, whoever asks
    "402 scoped": ("barred (entitlement_missing)", ("T", 402, "E"), {}), "402": ("barred (entitlement_missing)", ("H", 402, ""), {}), "402 GET": ("barred (entitlement_missing)", ("G", 402, ""), {}),
    "451 scoped": ("barred (geo_blocked)", ("T", 451, "E"), {}), "451": ("barred (geo_blocked)", ("H", 451, ""), {}), "412": ("barred (policy_denied)", ("H", 412, "E"), {}),
    "412 GET": ("barred (policy_denied)", ("G", 412, "E"), {}),
    # the manifest
    "37": ("readable", ("H", 200), {"kind": "image"}), "37 index": ("readable", ("G", 200, "J"), {"kind": "index"}),
    "44 schema 1": ("unsupported (unsupported_manifest)", ("H", 200), {"kind": "schema1"}), "44 chart": ("unsupported (unsupported_manifest)", ("G", 200, "J"), {"kind": "artifact"}),
    "39": (PROTOCOL, ("H", 200), {"kind": "none"}), "39 page": (PROTOCOL, ("H", 200, "html"), {}), "39 another 2xx": (PROTOCOL, ("H", 206), {"kind": "image"}),
    "41": ("stale (token_rejected)", ("H", 401, "", "invalid_token"), {"demands": "bearer"}), "41 GET": ("stale (token_rejected)", ("G", 401, "E", "invalid_token"), {}),
    "41 at a config": (PROTOCOL, ("C", 401, "", "invalid_token"), {}), "41 is a 401": (NO_PULL, ("H", 403, "E", "invalid_token"), {}),
    "42 401": (NO_PULL, ("H", 401, "E"), {}), "42 403": (NO_PULL, ("G", 403, "E"), {}), "42 403 empty": (NO_PULL, ("H", 403, ""), {}),
    "42 a 401's page": (WAF, ("H", 401, "html"), {}), "42 a 401's page that repeats the challenge": (NO_PULL, ("H", 401, "html"), {"demands": "bearer"}),
    "34 a 403's page at the manifest": (WAF, ("H", 403, "html"), {"demands": "bearer"}),
    "3.2 the place that was led to": (PROTOCOL, ("H", 403, "E"), {"authorized": False, "led": True}), "3.2 it too, 401": (PROTOCOL, ("G", 401, ""), {"authorized": False, "led": True}),
    "3.2 the same place": (NO_PULL, ("H", 403, "E"), {"led": True}), "3.2 nobody, not led": (NO_PULL, ("H", 403, "E"), {"authorized": False}),
    "43 name": ("repository_missing (repository_not_found)", ("H", 404, "E", "NAME_UNKNOWN"), {}), "43": ("tag_missing (tag_not_found)", ("H", 404, "E", "MANIFEST_UNKNOWN"), {}),
    "43 plain": ("tag_missing (tag_not_found)", ("G", 404, ""), {}), "43 page": (PROTOCOL, ("H", 404, "html"), {}), "43 page GET": (PROTOCOL, ("G", 404, "html"), {}),
    "HEAD 405": ("no_head (protocol)", ("H", 405, ""), {}), "GET 405": (PROTOCOL, ("G", 405, ""), {}), "a config": ("readable", ("C", 200, "J"), {}), "no config": (PROTOCOL, ("C", 404, ""), {}),
}  # fmt: skip


@pytest.mark.parametrize(("said", "given", "more"), ROWS.values(), ids=ROWS)
def test_an_answer_says_what_its_row_says(said: str, given: tuple[Any, ...], more: dict[str, Any]) -> None:
    assert says(answer(*given, **more)) == said


TELLS: Final = {
    "expired": ("the token has expired", "key is expired", "secret was expired", "credentials have been expired", "password has expired", "Token Expired", "an expired access token", "expired key"),
    "revoked": ("access denied; the token was revoked", "the token has been revoked", "key was deleted", "secret is revoked", "credentials have been deleted", "token revoked by its owner"),
    "owner_disabled": ("the user has been deactivated", "account is disabled", "Owner was suspended", "users: the account have been disabled", "access denied: the account has been disabled", "login failed, user bob is suspended", "Robot acme+ci owner acme is disabled"),
    "refused": (
        "Invalid username or password, or your token has expired", "the token is invalid or has been revoked", "the access token is expired or invalid",
        "the token has expired, was revoked, or never was", "expired token or wrong password", "wrong credentials. If your token has expired, make a new one",
        "the key may be one that has expired", "the user or its owner is disabled", "password login of users is disabled", "user login is disabled",
        "basic authentication for this account is disabled", "anonymous user access was disabled", "use a token: password authentication of user bob has been disabled",
        "wrong password; too many failed attempts will lock the account", "your account may be locked after too many failed attempts",
        "wrong password. To avoid a lock do not make too many attempts",
        "log in to be given a higher rate limit", "please try again", "no account 'locked'", "the image is locked",
        "no", "expiration", "your account", "the token is unknown", "expired", "revoked", "disabled", "a token. " + "x" * 50 + " is expired",
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", TELLS)
def test_a_refusals_own_words_tell_why(reason: str) -> None:
    """Row 30: only in a registry's or OAuth's own form, with a 401, at a login."""
    for text in TELLS[reason]:
        for step in "LT":
            for shape in "EO":
                assert says(answer(step, 401, shape, text=text)) == f"refused ({reason})", text
        assert says(answer("L", 401, "", text=text)) == REFUSED
        assert says(answer("L", 401, "J", text=text)) == DOUBT
        assert says(answer("L", 403, "E", text=text)) == DENIED
        assert says(answer("H", 401, "E", text=text)) == NO_PULL


NOT_NOW: Final = {
    "account_locked": ("Your account is locked", "account locked", "user bob has been temporarily locked", "you are locked out", "the account is temporarily disabled, retry later"),
    "throttled": ("too many failed login attempts", "Too many requests from this address", "rate limit exceeded", "refused after too many failed log-ins", "Unauthorized: too many requests", "authentication failed, try again later", "retry after 30 seconds"),
}  # fmt: skip


@pytest.mark.parametrize("reason", NOT_NOW)
def test_a_no_to_everybody_for_now_is_none_to_the_secret(reason: str) -> None:
    """Section 6.2 (e): whatever the status, the right secret gets the same."""
    for text in NOT_NOW[reason]:
        for step in "LT":
            for status, shape in ((401, "E"), (401, "O"), (401, "text"), (403, "E"), (403, "text"), (403, "J")):
                assert says(answer(step, status, shape, text=text)) == f"unknown ({reason})", (status, text)
        assert says(answer("B", 401, "html", text=text, demands="basic")) == f"unknown ({reason})", text
        assert says(answer("L", 403, "html", text=text)) == WAF
        assert says(answer("H", 401, "E", text=text)) == NO_PULL


@pytest.mark.parametrize("step", STEPS)
def test_not_now_comes_before_all_else(step: str) -> None:
    """Rows 14 to 16, at every step and whatever the body is."""
    for shape in ("E", "html", "", "J"):
        assert says(answer(step, 429, shape)) == "unknown (throttled)"
        assert says(answer(step, 407, shape)) == "unknown (proxy_error)"
        assert says(answer(step, 511, shape)) == "unknown (captive_portal)"
        for status in (408, 425, *range(500, 511), *range(512, 600)):
            assert says(answer(step, status, shape)) == "unknown (server_error)", status
        for status in (200, 401, 403, 404, 503):
            assert says(answer(step, status, "E", "TOOMANYREQUESTS")) == "unknown (throttled)"
    for status in (409, 424, 426, 430, 499):
        assert says(answer(step, status, "E")) == PROTOCOL


@pytest.mark.parametrize("failure", Failure)
def test_no_answer_says_by_its_own_name_why(failure: Failure) -> None:
    """Rows 6 to 13 and 17: nothing of the pair, at any step."""
    for step in STEPS:
        assert says(failed(step, failure)) == f"unknown ({failure.value})"
    assert failure.value in set(Reason)


def test_a_redirect_that_may_be_followed_says_to_go_on() -> None:
    from yarl import URL

    assert says(answer("L", 302, next_url=URL("https://reg.test/x"))) == "on (unsafe_redirect)"
    assert says(answer("L", 302)) == PROTOCOL
    assert says(answer("P", 301)) == PROTOCOL


def test_a_vendors_row_comes_before_these_and_after_who_was_not_looked_at() -> None:
    from validator.verdict import Meaning, Says

    own = (Says(row="own", meaning=Meaning.ALIVE, reason=Reason.SCOPE_MISSING, steps=frozenset({Step.LOGIN}), statuses=frozenset({401})),)
    assert says(answer("L", 401, "E"), own) == "alive (scope_missing)"
    assert says(answer("L", 403, "E"), own) == DENIED
    assert says(answer("T", 401, "E"), own) == REFUSED
    assert says(answer("B", 401, "E", demands="bearer"), own) == DOUBT
    assert says(answer("B", 401, "E", demands="basic"), own) == "alive (scope_missing)"
