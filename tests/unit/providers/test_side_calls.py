"""What the vendors' own introspections say of a secret: ngc.md 4, ghcr.md 3 and 6, gitlab.md 4. What is not known says nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from yarl import URL

from validator.evidence import Opinion, OpinionSeen
from validator.providers import provider_named
from validator.providers.ghcr import checksum, detail_path, expiration
from validator.providers.gitlab import api_base, routable_checks
from validator.verdict import Reason

SILENT, AGREES = OpinionSeen(opinion=Opinion.SILENT), OpinionSeen(opinion=Opinion.AGREES)


def knows(**more: Any) -> OpinionSeen:
    return OpinionSeen(opinion=Opinion.KNOWS, **more)


def asked(key: str, status: int, body: object, headers: dict[str, str] | None = None) -> OpinionSeen:
    provider = provider_named(key)
    assert provider is not None
    assert provider.introspection is not None
    return provider.introspection.read(status, headers or {}, body)


SUCCESS: Final = {"requestStatus": {"statusCode": "SUCCESS"}, "type": "PERSONAL_KEY", "products": ["nvcr", "catalog"]}
NGC: Final[list[tuple[int, object, OpinionSeen]]] = [
    (200, SUCCESS, knows(kind="personal_key", scopes=("nvcr", "catalog"))), (200, {"type": "SERVICE_KEY"}, knows(kind="service_key")),
    (200, {"type": "SERVICE_KEY", "products": [1, "nvcr", None]}, knows(kind="service_key", scopes=("nvcr",))), (200, {"type": "x", "products": "nvcr"}, knows(kind="x")),
    (200, {**SUCCESS, "requestStatus": {"statusCode": "FAILED"}}, SILENT), (200, {**SUCCESS, "requestStatus": "odd"}, knows(kind="personal_key", scopes=("nvcr", "catalog"))),
    (200, {**SUCCESS, "type": 7}, SILENT), (200, {}, SILENT), (200, [], SILENT), (200, None, SILENT), (201, SUCCESS, SILENT), (401, {}, AGREES), (401, SUCCESS, AGREES), (403, SUCCESS, SILENT),
    (500, {}, SILENT), (404, SUCCESS, SILENT), (200, {"type": "K" * 50, "products": [str(n) for n in range(30)]}, knows(kind="k" * 40, scopes=tuple(str(n) for n in range(20)))),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "seen"), NGC)
def test_what_get_caller_info_says(status: int, body: object, seen: OpinionSeen) -> None:
    assert asked("ngc", status, body) == seen


USER, BAD = {"login": "octo"}, {"message": "Bad credentials", "status": "401"}
ENDS: Final = datetime(2026, 12, 1, 3, 4, 5, tzinfo=UTC)
GITHUB: Final[list[tuple[int, object, dict[str, str], OpinionSeen]]] = [
    (200, USER, {}, knows(owner="octo", never_expires=True)), (200, USER, {"x-oauth-scopes": ""}, knows(owner="octo", scopes=(), never_expires=True)),
    (200, USER, {"x-oauth-scopes": "read:packages, repo,"}, knows(owner="octo", scopes=("read:packages", "repo"), never_expires=True)),
    (200, USER, {"github-authentication-token-expiration": "2026-12-01 03:04:05 UTC"}, knows(owner="octo", expires_at=ENDS)),
    (200, USER, {"github-authentication-token-expiration": "soon"}, knows(owner="octo")), (200, {"login": "o" * 90}, {}, knows(owner="o" * 80, never_expires=True)),
    (200, {"login": 7}, {}, SILENT), (200, [], {}, SILENT), (200, {}, {}, SILENT), (304, USER, {}, SILENT),
    (401, BAD, {}, AGREES), (401, {"message": "bad Credentials"}, {}, AGREES), (401, {"message": "Requires authentication"}, {}, SILENT), (401, {"message": 7}, {}, SILENT), (401, [], {}, SILENT),
    (403, BAD, {}, SILENT), (200, BAD, {}, SILENT),
    (403, {"message": "Resource not accessible by integration"}, {}, knows(kind="installation token")), (401, {"message": "Resource not accessible by integration"}, {}, SILENT),
    (403, {"message": "rate limit exceeded"}, {}, SILENT), (403, {}, {}, SILENT), (200, {"message": "Resource not accessible by integration"}, {}, SILENT),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "seen"), GITHUB)
def test_what_github_says_of_a_user(status: int, body: object, headers: dict[str, str], seen: OpinionSeen) -> None:
    assert asked("ghcr", status, body, headers) == seen


DETAIL: Final[list[tuple[int, object, dict[str, str], str]]] = [
    (403, {"message": "Resource protected by organization SAML enforcement."}, {}, "sso_required"), (403, {}, {"x-github-sso": "Required; url=https://github.com/x"}, "sso_required"),
    (403, {}, {"x-github-sso": "partial-results; organizations=1"}, ""), (404, {"message": "SAML enforcement"}, {"x-github-sso": "required"}, ""),
    (403, {"message": "the organization has an IP allow list enabled"}, {}, "address_refused"), (404, {"message": "ip allow list"}, {}, ""),
    (403, {"message": "`acme` forbids access via a personal access token (classic)"}, {}, "policy_denied"), (401, {"message": "forbids access via a personal access token"}, {}, ""),
    (403, {"message": "no"}, {}, ""), (200, {}, {}, ""), (403, None, {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "why"), DETAIL)
def test_why_github_refuses_a_package(status: int, body: object, headers: dict[str, str], why: str) -> None:
    provider = provider_named("ghcr")
    assert provider is not None
    assert provider.detail_read is not None
    assert provider.detail_read(status, headers, body) == (knows(why=Reason(why)) if why else SILENT)


def test_where_github_tells_of_a_package() -> None:
    assert detail_path("octo/app") == "/orgs/octo/packages/container/app"
    assert detail_path("octo/a/b/c") == "/orgs/octo/packages/container/a%2Fb%2Fc"


INSTANTS: Final = {
    "2026-12-01 03:04:05 UTC": ENDS, " 2026-12-01 03:04:05 UTC\n": ENDS, "2026-12-01 05:04:05 +0200": ENDS, "2026-11-30 21:34:05 -05:30": ENDS, "2026-12-01 03:04:05 -0000": ENDS,
    "2026-12-02 03:03:05 +23:59": ENDS, "2026-12-01 03:04:05 +2400": None, "2026-12-01 03:04:05": None, "2026-13-01 03:04:05 UTC": None, "0001-01-01 00:00:00 +0100": None, "x": None, "2026-12-01": None,
}  # fmt: skip


@pytest.mark.parametrize("text", INSTANTS)
def test_the_end_that_github_tells_is_read_in_both_its_forms(text: str) -> None:
    assert expiration(text) == INSTANTS[text]


ACTIVE: Final = {"active": True, "scopes": ["read_registry", 7], "expires_at": "2026-12-01"}
GITLAB: Final[list[tuple[int, object, OpinionSeen]]] = [
    (200, ACTIVE, knows(scopes=("read_registry",), expires_at=datetime(2026, 12, 1, tzinfo=UTC))), (200, {**ACTIVE, "expires_at": None}, knows(scopes=("read_registry",), never_expires=True)),
    (200, {**ACTIVE, "expires_at": "2026-12-01T10:00:00Z"}, knows(scopes=("read_registry",), expires_at=datetime(2026, 12, 1, tzinfo=UTC))), (200, {**ACTIVE, "expires_at": "never"}, knows(scopes=("read_registry",))),
    (200, {**ACTIVE, "expires_at": 7}, knows(scopes=("read_registry",))), (200, {**ACTIVE, "scopes": ["granular"], "expires_at": None}, knows(scopes=("granular",), kind="granular", never_expires=True)),
    (200, {**ACTIVE, "scopes": [str(n) for n in range(60)], "expires_at": None}, knows(scopes=tuple(str(n) for n in range(50)), never_expires=True)),
    (200, {**ACTIVE, "active": False}, SILENT), (200, {**ACTIVE, "active": "true"}, SILENT), (200, {**ACTIVE, "scopes": "api"}, SILENT), (200, [], SILENT), (201, ACTIVE, SILENT),
    (401, {"error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user."}, OpinionSeen(opinion=Opinion.AGREES, why=Reason.REVOKED)),
    (401, {"error": "invalid_token", "error_description": "Token is expired. You can either do re-authorization or token refresh."}, OpinionSeen(opinion=Opinion.AGREES, why=Reason.EXPIRED)),
    (401, {"error": "invalid_token"}, AGREES), (401, {"message": "401 Unauthorized"}, AGREES), (401, {"error": "insufficient_scope", "error_description": "revoked"}, SILENT), (401, {}, SILENT), (401, None, SILENT),
    (403, {"error": "invalid_token"}, SILENT), (403, {"message": "401 Unauthorized"}, SILENT), (404, ACTIVE, SILENT), (401, {"error_description": "unauthorized"}, AGREES),
    (401, {"error": "invalid_token", "message": "it was REVOKED"}, OpinionSeen(opinion=Opinion.AGREES, why=Reason.REVOKED)),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "seen"), GITLAB)
@pytest.mark.parametrize("key", ["gitlab", "gitlab-self-managed"])
def test_what_gitlab_says_of_a_token_itself(key: str, status: int, body: object, seen: OpinionSeen) -> None:
    assert asked(key, status, body) == seen


BASES: Final = {
    "https://gitlab.com/jwt/auth": "https://gitlab.com/", "https://git.example.com:8443/jwt/auth?a=b": "https://git.example.com:8443/",
    "https://example.com/git/jwt/auth": "https://example.com/git", "https://example.com/token": None, "https://example.com/jwt/auth/x": None,
}  # fmt: skip


@pytest.mark.parametrize("realm", BASES)
def test_which_gitlab_a_realm_belongs_to(realm: str) -> None:
    base = api_base(URL(realm))
    assert (str(base) if base is not None else None) == BASES[realm]


def test_the_vendors_own_checksums() -> None:
    """ghcr.md 2: CRC-32 in base 62 of the first 30; gitlab.md 2: CRC-32 in base 36 of all before."""
    assert checksum("0" * 30) == checksum("0" * 30).rjust(6, "0")
    assert checksum("validatorExampleNotARealToken0") == "07ytJV"
    assert [len(checksum(text)) for text in ("", "a", "é", "x" * 30)] == [6] * 4
    assert checksum("") == "000000"
    assert checksum("é") == checksum("?")
    good = next(f"{body}{crc}" for body, crc in [("glpat-abcdefghijklmnopqrst.01.0y0", _crc36("glpat-abcdefghijklmnopqrst.01.0y0"))])
    assert routable_checks(good)
    assert not routable_checks(good[:-1] + ("0" if good[-1] != "0" else "1"))
    assert not routable_checks("x" + good[1:])


def _crc36(text: str) -> str:
    import zlib

    number, digits = zlib.crc32(text.encode()), ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits.rjust(7, "0")


def test_a_reader_takes_what_json_gives() -> None:
    assert asked("ngc", 200, json.loads(json.dumps(SUCCESS))).opinion is Opinion.KNOWS
