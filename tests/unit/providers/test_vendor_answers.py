"""What one answer says where the vendor is known: the rows that its page adds to the common ones, and what stands just beside each."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.verdict.saying import answer, says
from validator.providers import PROVIDERS, Provider, provider_named

DOUBT, WAF, PROTOCOL, REFUSED = "unknown (ambiguous_refusal)", "unknown (waf_block)", "unknown (protocol)", "refused (refused)"
LOCKED, DENIED, NO_PULL, LIMIT = "unknown (account_locked)", "denied (ambiguous_refusal)", "denied (no_pull_permission)", "unknown (pull_limit)"
EXPIRED, REVOKED, MISSING = "refused (expired)", "refused (revoked)", "repository_missing (repository_not_found)"
MAY_NOT: Final = "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:BatchGetImage on resource: y"
PERMISSION: Final = 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p" (or it may not exist)'
ENDED, SESSION = "Your authorization token has expired. Reauthenticate and try again.", "The security token included in the request is invalid"
NOBODY: Final = "Unauthenticated request. Unauthenticated requests do not have permission"

# vendor -> (what it says, its answer, more of the answer)
ROWS: Final[dict[str, list[tuple[str, tuple[Any, ...], dict[str, Any]]]]] = {
    "quay": [  # others.md 1
        (LOCKED, ("L", 429, "text", "", "Too many login attempts. \n"), {}), (LOCKED, ("T", 429, "text", "", "too many login attempts"), {}),
        ("unknown (throttled)", ("L", 429, "text", "", "slow down"), {}), ("unknown (throttled)", ("H", 429, "text", "", "too many login attempts"), {}),
        ("barred (policy_denied)", ("H", 405, "E", "DENIED"), {}), ("barred (policy_denied)", ("T", 405, "E", "DENIED"), {}),
        ("barred (policy_denied)", ("G", 405, "E", "DENIED"), {}), (PROTOCOL, ("L", 405, "E", "DENIED"), {}), ("no_head (protocol)", ("H", 405, "E", ""), {}),
        (DENIED, ("L", 403, "E", "DENIED"), {}), (REFUSED, ("L", 401, "E", "UNAUTHORIZED"), {}), (NO_PULL, ("H", 403, "E", "DENIED"), {}), (NO_PULL, ("H", 401, "E", "DENIED"), {}),
    ],
    "artifactory": [  # others.md 7
        (LOCKED, ("L", 403, "E"), {}), (LOCKED, ("T", 403, ""), {}), (LOCKED, ("L", 403, "text"), {}), (LOCKED, ("L", 403, "J"), {}), (LOCKED, ("L", 403, "O"), {}),
        (WAF, ("L", 403, "html"), {}), (NO_PULL, ("H", 403, "E"), {}), (REFUSED, ("L", 401, "E"), {}),
    ],
    "acr": [  # others.md 6
        ("unknown (address_refused)", ("L", 403, "E", "DENIED", "client with IP '203.0.113.9' is not allowed access"), {}),
        ("unknown (address_refused)", ("H", 403, "E", "DENIED", "Client with IP 203.0.113.9 is not allowed access"), {}),
        ("unknown (address_refused)", ("P", 403, "E", "DENIED", "client with ip 1.2.3.4 is not allowed"), {}),
        (DENIED, ("L", 403, "E", "DENIED", "client with ip is not allowed"), {}), (DENIED, ("L", 403, "E", "DENIED", "no"), {}),
        (REFUSED, ("L", 401, "E", "UNAUTHORIZED", "client with ip 1.2.3.4 is not allowed"), {}),
    ],
    "ecr": [  # others.md 4
        *[(EXPIRED, ("B", status, shape, "DENIED", ENDED), {"demands": "basic"}) for status in (400, 401, 403) for shape in "EO"],
        *[(REVOKED, ("B", status, shape, "DENIED", SESSION), {"demands": "basic"}) for status in (400, 401, 403) for shape in "EO"],
        (REVOKED, ("B", 403, "E", "DENIED", "The security token included in the request is expired"), {}), (EXPIRED, ("T", 403, "E", "DENIED", ENDED), {}),
        ("alive (no_pull_permission)", ("B", 403, "E", "DENIED", MAY_NOT), {}), ("alive (no_pull_permission)", ("T", 403, "O", "", MAY_NOT), {}),
        (REFUSED, ("B", 401, "E", "UNAUTHORIZED", MAY_NOT), {"demands": "basic"}), (NO_PULL, ("H", 403, "E", "DENIED", MAY_NOT), {}),
        (DENIED, ("B", 403, "E", "DENIED", "is not authorized to perform: s3:GetObject"), {}), (DENIED, ("B", 403, "E", "DENIED", "no"), {}),
        (REFUSED, ("B", 401, "text", "", "Not Authorized\n"), {"demands": "basic"}), (REFUSED, ("L", 401, "text", "", "not authorized"), {}),
        (NO_PULL, ("H", 401, "text", "", "Not Authorized"), {}), (WAF, ("L", 401, "html", "", "not authorized"), {}), (PROTOCOL, ("L", 404, "E", "DENIED", SESSION), {}), (PROTOCOL, ("L", 404, "E", "DENIED", ENDED), {}),
        (DOUBT, ("L", 401, "text", "", "you are not authorized"), {}), (DOUBT, ("L", 403, "text", "", "Not Authorized"), {}), (DOUBT, ("L", 401, "text", "", "not authorizedx"), {}),
        (DOUBT, ("L", 403, "text", "", ENDED), {}), (DENIED, ("L", 403, "J", "", SESSION), {}), (NO_PULL, ("H", 403, "E", "DENIED", ENDED), {}),
    ],
    "ecr-public": [  # others.md 5
        (EXPIRED, ("L", 400, "E", "DENIED", ENDED), {}), (REVOKED, ("L", 403, "E", "DENIED", SESSION), {}),
        ("stale (token_rejected)", ("H", 400, "E"), {}), ("stale (token_rejected)", ("G", 400, ""), {}), (PROTOCOL, ("H", 400, "E"), {"authorized": False}),
        (PROTOCOL, ("L", 400, "E"), {}), (DENIED, ("L", 403, "E", "DENIED", MAY_NOT), {}), (NO_PULL, ("H", 403, "E"), {}),
    ],
    "gar": [  # others.md 3
        (DENIED, ("L", 403, "E", "DENIED", NOBODY), {}), (DENIED, ("L", 401, "E", "UNAUTHORIZED"), {}), (DENIED, ("L", 403, "", ""), {}), (DENIED, ("L", 401, "text", "UNKNOWN"), {}),
        (DENIED, ("L", 403, "O", "FORBIDDEN"), {}), (WAF, ("L", 403, "html"), {}), (WAF, ("T", 401, "html"), {}), ("unknown (throttled)", ("T", 403, "E", "TOOMANYREQUESTS", NOBODY), {}),
        (REFUSED, ("T", 403, "E", "DENIED", NOBODY), {}), (REFUSED, ("T", 401, "E", "UNAUTHORIZED", "unauthenticated request"), {}),
        (REFUSED, ("T", 403, "O", "", "No valid credential was supplied."), {}), (REFUSED, ("T", 403, "E", "UNKNOWN", NOBODY), {}), (REFUSED, ("T", 403, "E", "FORBIDDEN", NOBODY), {}),
        (PROTOCOL, ("T", 400, "E", "DENIED", NOBODY), {}), (PROTOCOL, ("T", 404, "E", "DENIED", PERMISSION), {}), (DENIED, ("T", 403, "J", "", NOBODY), {}), (DENIED, ("T", 403, "E", "DENIED", "no"), {}), (DENIED, ("T", 401, "text", "", "no"), {}), (DENIED, ("T", 403, "", ""), {}),
        ("admitted (hidden_or_denied)", ("T", 403, "E", "DENIED", PERMISSION), {}), ("admitted (hidden_or_denied)", ("T", 403, "O", "", PERMISSION), {}),
        (DENIED, ("T", 401, "E", "UNAUTHORIZED", PERMISSION), {}), (DENIED, ("T", 403, "J", "", PERMISSION), {}), (DENIED, ("L", 403, "E", "DENIED", PERMISSION), {}),
        (DENIED, ("T", 403, "E", "DENIED", 'Permission "storage.objects.get" denied on resource'), {}), (NO_PULL, ("H", 403, "E", "DENIED", NOBODY), {}),
    ],
    "scaleway": [  # others.md 16
        (MISSING, ("T", 404, "J"), {}), (PROTOCOL, ("L", 404, "J"), {}), (DENIED, ("T", 401, "E", "UNAUTHORIZED"), {}), (DENIED, ("T", 401, "J", ""), {}),
        (DENIED, ("T", 401, "E", "DENIED"), {}), (REFUSED, ("L", 401, "E", "UNAUTHORIZED"), {}), (REFUSED, ("T", 401, "E", "OTHER"), {}),
        ("unknown (throttled)", ("T", 401, "E", "TOOMANYREQUESTS"), {}), (DENIED, ("T", 403, "E", "DENIED"), {}),
    ],
    "cloudsmith": [  # others.md 17
        (DENIED, ("T", 401, "E", "UNAUTHORIZED"), {}), (DENIED, ("T", 401, "", ""), {}), (DENIED, ("T", 401, "E", "DENIED"), {}), (REFUSED, ("L", 401, "E", "UNAUTHORIZED"), {}),
        (REFUSED, ("T", 401, "E", "OTHER"), {}), ("unknown (throttled)", ("T", 401, "E", "TOOMANYREQUESTS"), {}), (DENIED, ("T", 403, "E", "DENIED"), {}),
    ],
    "digitalocean": [(MISSING, ("T", 400, "J"), {}), (PROTOCOL, ("T", 404, "J"), {}), (REFUSED, ("T", 401, "E"), {}), (PROTOCOL, ("L", 400, "J"), {}), (PROTOCOL, ("H", 400, "J"), {})],  # others.md 15
    "oracle": [  # others.md 14
        ("barred (policy_denied)", ("H", 403, "E", "DENIED", "accept the license agreement"), {}), ("barred (policy_denied)", ("T", 403, "E", "DENIED", "The Licence was not accepted"), {}),
        ("barred (policy_denied)", ("G", 403, "J", "", "Terms and Restrictions apply"), {}), ("barred (policy_denied)", ("H", 403, "text", "", "terms and conditions"), {}),
        (NO_PULL, ("H", 403, "E", "DENIED", "no"), {}), (NO_PULL, ("H", 401, "E", "DENIED", "license"), {}), (DENIED, ("L", 403, "E", "DENIED", "license"), {}), (NO_PULL, ("H", 403, "E", "DENIED", "licensed"), {}),
    ],
    "dockerhub": [  # dockerhub.md 8
        (REFUSED, ("L", 401, "E"), {"demands": "basic"}), ("readable", ("H", 200), {"kind": "image"}),
        (PROTOCOL, ("P", 401, "E"), {"demands": "basic"}), ("demands", ("P", 401, "E"), {"demands": "bearer"}), (PROTOCOL, ("P", 200, "J"), {}), ("page (captive_portal)", ("P", 200, "html"), {}),
        (PROTOCOL, ("P", 200, ""), {"registry_sign": True}), (PROTOCOL, ("P", 200, "text"), {"registry_sign": True}),
        (LOCKED, ("L", 429, "J", "", "too many failed login attempts for username or IP address"), {}), ("unknown (throttled)", ("L", 429, "J", "", "slow down"), {}),
        (LOCKED, ("T", 429, "J", "", "Too many failed login attempts"), {}), (LIMIT, ("H", 429, "E"), {}), (LIMIT, ("H", 429, "text", "", "failed login attempts"), {}),
        (LIMIT, ("G", 429, "E", "TOOMANYREQUESTS", "You have reached your pull rate limit"), {}), ("unknown (throttled)", ("G", 429, "E", "TOOMANYREQUESTS", "no"), {}),
        ("unknown (throttled)", ("L", 429, "E", "TOOMANYREQUESTS", "pull rate limit"), {}),
        ("unknown (address_refused)", ("P", 403, "html", "", "due to export control"), {}), ("unknown (address_refused)", ("L", 403, "html", "", "Export Control"), {}),
        (WAF, ("L", 403, "html", "", "blocked"), {}), (WAF, ("L", 403, "text", "", "export control"), {}),
        ("alive (scope_missing)", ("L", 401, "O", "", "access token has insufficient scopes"), {}), ("alive (scope_missing)", ("T", 403, "E", "", "requesting higher privileges than access token allows"), {}),
        ("alive (scope_missing)", ("L", 403, "O", "", "Insufficient scopes"), {}), (DOUBT, ("L", 401, "text", "", "insufficient scopes"), {}), (NO_PULL, ("H", 401, "E", "", "insufficient scopes"), {}),
        ("broken (token_required)", ("L", 401, "O", "", "you must log in with a personal access token"), {}), ("broken (token_required)", ("T", 401, "E", "", "use personal access token"), {}),
        (DENIED, ("L", 403, "O", "", "use a personal access token"), {}), ("broken (token_required)", ("L", 401, "O", "", "Must log in with personal access token"), {}),
        ("refused (owner_disabled)", ("L", 401, "O", "", "account is not active"), {}), ("refused (owner_disabled)", ("L", 401, "E", "", "account disabled"), {}),
        ("refused (owner_disabled)", ("T", 401, "E", "", "Account not active"), {}), (DENIED, ("L", 403, "O", "", "account is disabled"), {}),
        *[(WAF, (step, 403, shape), {}) for step in "LT" for shape in ("text", "", "J")], *[(DOUBT, (step, 401, shape), {}) for step in "LT" for shape in ("text", "J")],
        (REFUSED, ("L", 401, "E"), {}), (REFUSED, ("T", 401, ""), {}), ("denied (policy_denied)", ("H", 403, "E"), {}), ("denied (policy_denied)", ("G", 403, ""), {}), (NO_PULL, ("H", 401, "E"), {}),
    ],
    "ghcr": [  # ghcr.md 8
        (REFUSED, ("L", 403, "E", "DENIED", "denied"), {}), (REFUSED, ("T", 403, "E", "DENIED", " Denied "), {}), (DENIED, ("L", 403, "E", "DENIED", "denied: no"), {}),
        (DENIED, ("L", 403, "E", "UNAUTHORIZED", "denied"), {}), (DENIED, ("L", 403, "O", "DENIED", "denied"), {}), (NO_PULL, ("H", 403, "E", "DENIED", "denied"), {}),
        (DOUBT, ("L", 403, "E", "DENIED", "denied"), {"authorized": False}), (DENIED, ("T", 403, "E", "DENIED", "denied"), {"authorized": False}),
        (DENIED, ("L", 403, "E", "DENIED", "denied so"), {"authorized": False}), (DENIED, ("L", 403, "E", "", "denied"), {"authorized": False}),
        (PROTOCOL, ("L", 401, "E", "UNAUTHORIZED"), {}), (PROTOCOL, ("T", 401, ""), {}), (REFUSED, ("L", 401, "E", "UNAUTHORIZED"), {"authorized": False}), (REFUSED, ("L", 401, "E", "DENIED", "denied"), {"authorized": False}),
    ],
    "gitlab": [  # gitlab.md 8
        ("unknown (address_banned)", ("L", 403, "text", "", "Forbidden"), {}), ("unknown (address_banned)", ("T", 403, "text"), {}), (NO_PULL, ("H", 403, "text"), {}),
        ("unknown (throttled)", ("L", 403, ""), {"retry_after_s": 60.0}), (DOUBT, ("L", 403, ""), {}), (DOUBT, ("T", 403, "J"), {}), (DOUBT, ("L", 403, "O"), {}),
        (DOUBT, ("L", 403, "E", "UNAUTHORIZED"), {}), (DOUBT, ("L", 403, "J"), {"retry_after_s": 60.0}), (DENIED, ("L", 403, "E", "DENIED"), {}), (DENIED, ("T", 403, "E", "DENIED"), {}), (DOUBT, ("L", 403, "O", "DENIED"), {}),
        (WAF, ("L", 403, "html"), {}), (WAF, ("L", 401, "html"), {"demands": "bearer"}), (WAF, ("T", 401, "html"), {}), (REFUSED, ("L", 401, "E", "UNAUTHORIZED"), {}), (REFUSED, ("T", 401, "J", "UNAUTHORIZED"), {}),
        (DOUBT, ("L", 401, ""), {}), (DOUBT, ("T", 401, "E", "DENIED"), {}), ("no_registry (not_a_registry)", ("L", 404, "E", "UNAVAILABLE"), {}), ("no_registry (not_a_registry)", ("T", 404, "E", "UNAVAILABLE"), {}),
        (PROTOCOL, ("L", 404, "E", ""), {}), (NO_PULL, ("H", 401, "E", "UNAUTHORIZED"), {}),
    ],
    "ngc": [  # ngc.md 8
        *[(PROTOCOL, ("P", status, ""), {}) for status in (400, 404, 405, 410)], (PROTOCOL, ("P", 401, "E"), {"demands": "basic"}), (PROTOCOL, ("P", 200, "E"), {}), (PROTOCOL, ("P", 200, "O"), {}),
        ("demands", ("P", 401, "E"), {"demands": "bearer"}), ("page (captive_portal)", ("P", 200, "html"), {}), (REFUSED, ("L", 401, ""), {}), (DENIED, ("L", 403, "E"), {}), ("tag_missing (tag_not_found)", ("H", 404, ""), {}),
    ],
    "generic": [("no_registry (not_a_registry)", ("P", 405, ""), {}), ("demands", ("P", 401, "E"), {"demands": "basic"}), ("open", ("P", 200, "J"), {})],
}  # fmt: skip
PAIRS: Final = [(key, *each) for key, rows in ROWS.items() for each in rows]


@pytest.mark.parametrize(
    ("key", "said", "given", "more"), PAIRS, ids=[f"{key} {given[0]} {given[1]} {at}" for at, (key, _, given, _) in enumerate(PAIRS)]
)
def test_an_answer_says_what_its_vendors_page_says(key: str, said: str, given: tuple[Any, ...], more: dict[str, Any]) -> None:
    provider = provider_named(key)
    assert provider is not None
    assert says(answer(*given, **more), provider.traits.rows) == said


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_a_throttles_code_comes_before_any_vendors_no(provider: Provider) -> None:
    """NET-19, registries/README.md 2.5: whatever the status, and whatever the vendor's own no would say."""
    for step in "LTHGB":
        for status in (400, 401, 403, 404, 405):
            for text in ("", "denied", "access forbidden", "account is locked"):
                assert says(answer(step, status, "E", "TOOMANYREQUESTS", text), provider.traits.rows) == "unknown (throttled)", (step, status, text)


def test_every_vendor_that_adds_rows_is_here() -> None:
    assert {one.key for one in PROVIDERS if one.traits.rows} <= {*ROWS, "gitlab-self-managed"}
    assert provider_named("gitlab-self-managed").traits.rows == provider_named("gitlab").traits.rows  # type: ignore[union-attr]  # both are there
