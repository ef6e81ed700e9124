"""What the form of a pair shows offline, vendor by vendor: others.md, ngc.md 2, dockerhub.md 2, ghcr.md 2, gitlab.md 2, and the rules for all (README 4.2.5, 7)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest
from pydantic import SecretStr

from validator.credential import Credential, Host, RegistryScope, SecretKind
from validator.providers import PROVIDERS, Shape, made_up_pair, provider_named, shape_of
from validator.providers.base import common_fault, jwt_end
from validator.providers.ghcr import checksum

NOW: Final = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
GUID, HEX40 = "0f8fad5b-d9cb-469f-a165-70867728950e", "0123456789abcdef" * 2 + "01234567"
BODY: Final = "validatorExampleNotARealToken0"
GHP: Final = f"{BODY}{checksum(BODY)}"
LEGACY: Final = base64.b64encode(f"abcdefghijklmnop:{GUID}".encode()).decode()
FINE: Final = "github_pat_1" + "A" * 21 + "_" + "b" * 59
CHECKED: Final = "github_pat_1VALIDATORNOTAREALTOKE_" + "x" * 43 + "MFUIMBZJ" + "AAAAAAAA"
"""ghcr.md 2: characters 78 to 85 are base32 of the SHA-256 of those before."""
KEY: Final = json.dumps({"type": "service_account", "private_key": "-----BEGIN", "client_email": "a@b"})


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def jwt(**claims: Any) -> str:
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "RS256"}, claims))
    return f"{head}.{body}.c2ln"


SOON: Final = jwt(iat=NOW.timestamp(), exp=NOW.timestamp() + 3600)
FOREIGN, EMPTY, KIND, ENCODED, CUT = "foreign_token", "empty_username", "wrong_kind", "encoded_secret", "malformed_token"
NAME: Final = "wrong_username"

# vendor -> username, secret -> what `look` says: fault, or what is not the default
LOOKS: Final[dict[str, list[tuple[str, str, dict[str, Any]]]]] = {
    "ngc": [
        ("jane", "nvapi-x", {"fault": NAME}), ("", "nvapi-x", {"fault": NAME}), ("$oauthtoken", "nvapi-x", {"kind": "nvapi", "introspect": True}), ("$oauthtoken", " nvapi-x\n", {"kind": "nvapi", "introspect": True}),
        ("$oauthtoken", b64("$oauthtoken:nvapi-x"), {"fault": ENCODED}), ("$oauthtoken", b64("nvapi-abcdef"), {"fault": ENCODED}), ("$oauthtoken", "'nvapi-x'", {"fault": ENCODED}), ("$oauthtoken", '"x"', {"fault": ENCODED}),
        ("$oauthtoken", "`x`", {"fault": ENCODED}), ("$oauthtoken", "''", {}), ("$oauthtoken", "'x\"", {}), ("$oauthtoken", "ghp_x", {"fault": FOREIGN}), ("$oauthtoken", LEGACY, {"kind": "legacy"}), ("$oauthtoken", "x" * 84, {}),
        ("$oauthtoken", LEGACY.rstrip("="), {"kind": "legacy"}), ("$oauthtoken", b64("nouuid" * 8), {}), ("$oauthtoken", "xax", {}), ("$oauthtoken", LEGACY[:-1] + "é", {}), ("$oauthtoken", base64.b64encode(b"\xff" * 40).decode(), {}),
    ],
    "dockerhub": [
        ("<token>", "x", {"fault": KIND}), ("", "x", {"fault": EMPTY}), ("jane", "nvapi-x", {"fault": FOREIGN}), ("jane", "dckr_pat_x", {"kind": "personal access token"}),
        ("acme", "dckr_oat_x", {"kind": "organization access token", "hints": ("username_form",)}), ("jane@x.test", "dckr_pat_x", {"kind": "personal access token", "hints": ("username_form",)}),
        ("jane", "hunter2", {"hints": ("use_a_token",)}), ("jane@x.test", "hunter2", {"hints": ("username_form", "use_a_token")}),
    ],
    "ghcr": [
        ("jane", f"ghp_{GHP}", {"kind": "classic personal access token", "introspect": True}), ("jane", f"gho_{GHP}", {"kind": "OAuth token", "introspect": True}),
        ("jane", f"ghu_{GHP}", {"kind": "App user token", "introspect": True, "short_lived": True}), ("", f"ghp_{GHP}", {"kind": "classic personal access token", "introspect": True}),
        ("jane", f"ghp_{GHP[:-1]}", {"fault": CUT, "kind": "classic personal access token"}), ("jane", f"ghp_{GHP}0", {"fault": CUT, "kind": "classic personal access token"}),
        ("jane", f"ghp_{GHP[:-1]}W", {"fault": CUT, "kind": "classic personal access token"}), ("jane", f"gho_{GHP[:-1]}-", {"fault": CUT, "kind": "OAuth token"}), ("jane", f"ghp_{'é' * 36}", {"fault": CUT, "kind": "classic personal access token"}),
        ("jane", f"ghp_{'é' * 30}{checksum('é' * 30)}", {"fault": CUT, "kind": "classic personal access token"}),
        ("jane", "ghr_x", {"fault": KIND}), ("jane", "glpat-x", {"fault": FOREIGN}), ("jane", FINE, {"kind": "fine-grained personal access token", "introspect": True, "hints": ("looks_cut",)}),
        ("jane", CHECKED, {"kind": "fine-grained personal access token", "introspect": True}), ("jane", CHECKED[:-1] + "B", {"kind": "fine-grained personal access token", "introspect": True}),
        ("jane", CHECKED[:76] + "y" + CHECKED[77:], {"kind": "fine-grained personal access token", "introspect": True, "hints": ("looks_cut",)}),
        ("jane", FINE[:-1], {"fault": CUT, "kind": "fine-grained personal access token"}), ("jane", "github_pat_x", {"fault": CUT, "kind": "fine-grained personal access token"}),
        ("jane", "ghs_" + "a" * 36, {"kind": "installation token", "introspect": True}), ("jane", "ghs_" + "a.-_" * 60, {"kind": "installation token", "introspect": True}),
        ("jane", "ghs_" + "a" * 35, {"fault": CUT, "kind": "installation token"}), ("jane", HEX40, {"kind": "token of before April 2021", "introspect": True}), ("jane", HEX40[:-1], {"kind": "password", "hints": ("use_a_token",)}),
        ("jane", "hunter2", {"kind": "password", "hints": ("use_a_token",)}),
    ],
    "gitlab": [
        ("jane", "ghp_x", {"fault": FOREIGN}), *[("jane", f"{kind}-x", {"fault": KIND}) for kind in ("glrt", "glrtr", "glptt", "glft", "glimt", "glagent", "gloas", "glsoat", "glffct", "glwt")],
        ("jane", "GR1348941x", {"fault": KIND}), ("gitlab-ci-token", "x", {"fault": "short_lived"}), ("jane", "glcbt-x", {"fault": "short_lived"}), ("", "glpat-x", {"fault": EMPTY}), ("", "glrt-x", {"fault": KIND}),
        ("jane", "gldt-x", {"kind": "deploy token", "hints": ("username_form",)}), ("gitlab+deploy-token-1", "x", {"kind": "deploy token", "hints": ("username_form",)}), ("jane", "glpat-" + "a" * 20, {"kind": "access token", "introspect": True}),
        ("jane", "acme-glpat-" + "a" * 20, {"kind": "access token"}), ("jane", "a" * 35 + "glpat-x", {"kind": "password", "hints": ("use_a_token",)}), ("jane", "a" * 34 + "glpat-x", {"kind": "access token"}),
        ("jane", "glpat-" + "a" * 20 + ".01.0y1234567", {"kind": "access token", "introspect": True, "hints": ("looks_cut",)}), ("jane", "glnew-x", {}), ("jane", "glnew-" + "a" * 20 + ".01.0y1234567", {"hints": ("looks_cut",)}),
        ("jane", "hunter2", {"kind": "password", "hints": ("use_a_token",)}), ("jane", "x.01.0y1234567", {"kind": "password", "hints": ("looks_cut", "use_a_token")}),
        ("oauth2", "0a" * 32, {"kind": "OAuth access token", "short_lived": True}), *[(name, secret, {"kind": "password", "hints": ("use_a_token",)}) for name, secret in (("jane", "0a" * 32), ("oauth2", "0A" * 32), ("oauth2", "0a" * 31))],
    ],
    "gitlab-self-managed": [
        ("jane", "hunter2", {"kind": "password", "hints": ("use_a_token",), "no_repeat": True}), ("jane", "glpat-" + "a" * 20, {"kind": "access token", "introspect": True}), ("jane", "glrt-x", {"fault": KIND}), ("", "x", {"fault": EMPTY}),
        ("jane", "gldt-x", {"kind": "deploy token", "hints": ("username_form",)}),
    ],
    "quay": [
        ("", "x", {"fault": EMPTY}), ("jane", "ghp_x", {"fault": FOREIGN}), ("a+b", "x", {"kind": "robot"}), ("a+b", SOON, {"kind": "robot", "expires_at": NOW + timedelta(hours=1), "short_lived": True}),
        ("$app", "x", {"kind": "token"}), ("$oauthtoken", "x", {"kind": "token"}), ("$token", "x", {"kind": "token"}), ("$x", "x", {"kind": "person", "hints": ("use_a_token",), "leave_dead": True}),
    ],
    "gar": [
        ("", "x", {"fault": EMPTY}), ("_json_key", "glpat-x", {"fault": FOREIGN}), ("oauth2accesstoken", "{}", {"fault": NAME}), ("oauth2accesstoken", "ya29.x", {"kind": "access token", "short_lived": True}),
        ("oauth2accesstoken", SOON, {"kind": "access token", "short_lived": True, "expires_at": NOW + timedelta(hours=1)}), ("_json_key", KEY, {"kind": "key"}), ("_json_key", "ya29.x", {"kind": "key", "fault": NAME}),
        ("_json_key", b64(KEY), {"kind": "key", "fault": ENCODED}), ("_json_key", "x", {"kind": "key", "fault": CUT}), ("_json_key", b64("no"), {"kind": "key", "fault": CUT}), ("_json_key", "[]", {"kind": "key", "fault": CUT}),
        ("_json_key", '{"private_key": "x"}', {"kind": "key", "fault": CUT}), ("_json_key", '{"client_email": "x"}', {"kind": "key", "fault": CUT}), ("_json_key", '{"private_key": 1, "client_email": "x"}', {"kind": "key", "fault": CUT}),
        ("_json_key", '{"type": "authorized_user"}', {"kind": "key"}), ("_json_key_base64", b64(KEY), {"kind": "key"}), ("_json_key_base64", b64(KEY).rstrip("="), {"kind": "key"}), ("_json_key_base64", KEY, {"kind": "key", "fault": NAME}),
        ("_json_key_base64", "ya29.x", {"kind": "key", "fault": NAME}), ("_json_key_base64", "!!", {"kind": "key", "fault": CUT}), ("_json_key_base64", b64("ya29.x"), {"kind": "key", "fault": NAME}), ("jane", "x", {"hints": ("username_form",)}),
        ("_json_key_base64", base64.b64encode(b"\xff").decode(), {"kind": "key", "fault": CUT}), ("_json_key_base64", b64(b64(KEY)), {"kind": "key", "fault": ENCODED}),
    ],
    "ecr": [
        ("", "x", {"fault": EMPTY}), ("AWS", "ghp_x", {"fault": FOREIGN}), ("AKIAIOSFODNN7EXAMPLE", "w" * 40, {"fault": KIND}), ("ASIAIOSFODNN7EXAMPLE", "w" * 40, {"fault": KIND}), ("AKIAIOSFODNN7EXAMPLE", "w" * 39, {"hints": ("username_form",)}),
        ("AXIAIOSFODNN7EXAMPLE", "w" * 40, {"hints": ("username_form",)}), ("AWS", b64("AWS:x"), {"fault": ENCODED}), ("jane", b64("AWS:x"), {"fault": ENCODED}), ("jane", "x", {"hints": ("username_form",)}),
        ("AWS", "x", {"kind": "12-hour password", "short_lived": True}), ("AWS", b64('{"expiration": 1800000000}'), {"kind": "12-hour password", "short_lived": True, "expires_at": datetime(2027, 1, 15, 8, 0, tzinfo=UTC)}),
        ("AWS", b64('{"expiration": 1800000000}').rstrip("="), {"kind": "12-hour password", "short_lived": True, "expires_at": datetime(2027, 1, 15, 8, 0, tzinfo=UTC)}),
        ("AWS", "!" + b64('{"expiration": 1800000000}'), {"kind": "12-hour password", "short_lived": True}),
        *[("AWS", b64(json.dumps({"expiration": ends})), {"kind": "12-hour password", "short_lived": True}) for ends in (0, -1, 253_402_300_800, True, "1800000000", 1.5)],
        ("AWS", b64(json.dumps({"expiration": 253_402_300_799})), {"kind": "12-hour password", "short_lived": True, "expires_at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)}),
        ("AWS", b64(json.dumps({"expiration": 1})), {"kind": "12-hour password", "short_lived": True, "expires_at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}), ("AWS", b64("[]"), {"kind": "12-hour password", "short_lived": True}),
    ],
    "acr": [
        ("", "x", {"fault": EMPTY}), ("jane", "ghp_x", {"fault": FOREIGN}), (GUID, "x", {"kind": "service principal"}), (GUID.upper(), "x", {"kind": "service principal"}), (GUID[:-1], "x", {}), ("jane", "x", {}),
        ("00000000-0000-0000-0000-000000000000", "x", {"kind": "refresh token", "short_lived": True}),
        ("00000000-0000-0000-0000-000000000000", f" {SOON}\n", {"kind": "refresh token", "short_lived": True, "expires_at": NOW + timedelta(hours=1)}),
    ],
    "artifactory": [
        ("", "x", {"fault": EMPTY}), ("jane", SOON, {"kind": "token", "no_repeat": True, "short_lived": True, "expires_at": NOW + timedelta(hours=1)}), ("jane", "eyJx", {"kind": "token", "no_repeat": True}),
        ("jane", "cmVmdGtux", {"kind": "token", "no_repeat": True}), ("jane", " AKCpx", {"kind": "token", "no_repeat": True}), ("jane", "hunter2", {"kind": "password", "hints": ("use_a_token",), "no_repeat": True}),
    ],
    "redhat": [("", "x", {"fault": EMPTY}), ("1|a", "ghp_x", {"fault": FOREIGN}), ("1|a", "x", {"kind": "service account"}), ("jane", "x", {"kind": "person", "hints": ("username_form", "use_a_token"), "no_repeat": True})],
    "ibm": [
        ("", "x", {"fault": EMPTY}), ("iamapikey", "ghp_x", {"fault": FOREIGN}), ("iamapikey", "x", {"kind": "iamapikey"}), ("cp", "x", {"kind": "cp"}), ("jane", "x", {"hints": ("username_form",)}),
        ("iambearer", SOON, {"kind": "IAM token", "short_lived": True, "expires_at": NOW + timedelta(hours=1)}),
    ],
    "ocir": [
        ("", "x", {"fault": EMPTY}), ("a/b", "ghp_x", {"fault": FOREIGN}), ("a/b", "x", {"kind": "auth token"}), ("b", "x", {"kind": "auth token", "hints": ("username_form",)}), ("a/BEARER_TOKEN", "x", {"kind": "bearer token", "short_lived": True}),
        ("BEARER_TOKEN", SOON, {"kind": "bearer token", "short_lived": True, "expires_at": NOW + timedelta(hours=1)}), ("BEARER_TOKEN/a", "x", {"kind": "auth token"}),
    ],
    "oracle": [("", "x", {"fault": EMPTY}), ("jane", "ghp_x", {"fault": FOREIGN}), ("jane", "x", {})],
    "digitalocean": [
        ("", "ghp_x", {"fault": FOREIGN}), *[("", f"{kind}_v1_x", {"kind": "API token"}) for kind in ("dop", "doo", "dor")], ("", "dox_v1_x", {"kind": "docker config's token"}), ("", f"dop_v1_{'a' * 64}", {"kind": "API token"}), ("x", " dop_v1_x", {"kind": "API token"}),
    ],
    "scaleway": [("", "ghp_x", {"fault": FOREIGN}), ("", GUID, {"kind": "secret key"}), ("x", f" {GUID.upper()}\n", {"kind": "secret key"}), ("", GUID[:-1], {"kind": "secret key", "hints": ("looks_cut",)})],
    "cloudsmith": [("", "x", {"fault": EMPTY}), ("jane", "ghp_x", {"fault": FOREIGN}), ("jane", "x", {})],
    "harbor": [
        ("", "x", {"fault": EMPTY}), ("robot", "x", {"kind": "robot", "hints": ("username_form",)}), *[(f"robot{sign}ci", "x", {"kind": "robot"}) for sign in "$@_+-"], ("robotx", "x", {"kind": "person", "hints": ("use_a_token",), "no_repeat": True}),
        ("robot$", "x", {"kind": "person", "hints": ("use_a_token",), "no_repeat": True}), ("jane", "ghp_x", {"kind": "person", "hints": ("use_a_token",), "no_repeat": True}),
    ],
    "gitea": [("", "x", {"fault": EMPTY}), ("jane", HEX40, {"kind": "access token"}), ("jane", f" {HEX40}\n", {"kind": "access token"}), ("jane", HEX40[:-1], {"kind": "password", "hints": ("use_a_token",)}), ("jane", HEX40.upper(), {"kind": "password", "hints": ("use_a_token",)})],
    "nexus": [("", "x", {"fault": EMPTY}), ("jane", "x", {"no_repeat": True})],
    "zot": [("", "x", {"fault": EMPTY}), ("jane", " zak_x", {"kind": "API key"}), ("jane", "x", {"kind": "password", "no_repeat": True})],
    "generic": [("", "x", {"fault": EMPTY}), ("jane", "glpat-x", {}), ("jane", "nvapi-x", {})],
}  # fmt: skip
LOOKS["ecr-public"] = LOOKS["ecr"]
LOOKS["github-packages"] = [("jane", "x", {})]
PAIRS: Final = [(key, *each) for key, rows in LOOKS.items() for each in rows]


@pytest.mark.parametrize(("key", "username", "secret", "said"), PAIRS, ids=[f"{each[0]} {at}" for at, each in enumerate(PAIRS)])
def test_what_the_form_of_a_pair_says(key: str, username: str, secret: str, said: dict[str, Any]) -> None:
    provider = provider_named(key)
    assert provider is not None
    assert provider.look(username, secret) == Shape(**said)


def test_every_vendor_is_here() -> None:
    assert set(LOOKS) == {one.key for one in PROVIDERS}


# vendor -> the forms of a pair that nobody has: username and secret
MADE: Final = {
    "ngc": (r"\$oauthtoken", r"nvapi-[\w-]{64}"), "dockerhub": (r"vc[a-z0-9]{18}", r"dckr_pat_[A-Za-z0-9]{27}"), "ghcr": (r"validator-control-[a-z0-9]{10}", r"ghp_[A-Za-z0-9]{36}"),
    "gitlab": (r"validator-control-[a-z0-9]{12}", r"glpat-[A-Za-z0-9]{20}"), "gitlab-self-managed": (r"validator-control-[a-z0-9]{12}", r"glpat-[A-Za-z0-9]{20}"),
    "quay": (r"validator_control_([a-z0-9]{12})\+\1", r"[0-9A-Z]{64}"), "ecr": (r"AWS", r"eyJwYXlsb2Fk[\w+/=]{900,}"), "ecr-public": (r"AWS", r"eyJwYXlsb2Fk[\w+/=]{900,}"),
    "gar": (r"_json_key", r'\{"type": "service_account", "project_id": "validator-control-[a-z0-9]{12}", "private_key_id": "[0-9a-f]{40}", "private_key": "-----BEGIN PRIVATE KEY-----\\n\w{1600}\\n'
            r'-----END PRIVATE KEY-----\\n", "client_email": "validator-control@validator-control-[a-z0-9]{12}\.iam\.gserviceaccount\.com", "client_id": "\d{21}"\}'),
    "acr": (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"[A-Za-z0-9]{40}"), "redhat": (r"[1-9]{8}\|validator-control-[a-z0-9]{12}", r"\w{20}\.\w{340}\.\w{340}"), "ibm": (r"iamapikey", r"[A-Za-z0-9]{44}"),
    "ocir": (r"vc[a-z0-9]{10}/validator-control-[a-z0-9]{12}", r"[A-Za-z0-9]{20}"), "digitalocean": (r"validator-control-[a-z0-9]{12}", r"dop_v1_[0-9a-f]{64}"), "scaleway": (r"nologin", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "harbor": (r"robot\$validator-control-[a-z0-9]{12}", r"[A-Za-z0-9]{32}"), "gitea": (r"validator-control-[a-z0-9]{12}", r"[0-9a-f]{40}"),
}  # fmt: skip
"""Of all others: `validator-control-` and twelve, and forty characters."""


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_a_pair_that_nobody_has_is_of_the_vendors_form(provider: Any) -> None:
    import re

    username, secret = made_up_pair(provider, Random(3))
    form = MADE.get(provider.key, (r"validator-control-[a-z0-9]{12}", r"[A-Za-z0-9]{40}"))
    assert re.fullmatch(form[0], username)
    assert re.fullmatch(form[1], secret.get_secret_value())
    assert provider.look(username, secret.get_secret_value()).fault == ""


def test_aws_sees_a_made_up_password_that_has_not_ended() -> None:
    provider = provider_named("ecr")
    assert provider is not None
    inside = json.loads(base64.b64decode(made_up_pair(provider, Random(3))[1].get_secret_value()))
    assert {name: len(inside[name]) for name in ("payload", "datakey")} == {"payload": 600, "datakey": 200}
    assert (inside["version"], inside["type"]) == ("2", "DATA_KEY")
    assert datetime.fromtimestamp(inside["expiration"], UTC) == datetime(2100, 1, 1, tzinfo=UTC)


COMMON: Final[list[tuple[str, str, str]]] = [
    ("jane", "", "empty_secret"), ("jane", " \n\t", "empty_secret"), ("ja:ne", "x", "bad_characters"), *[(f"ja{c}ne", "x", "bad_characters") for c in "\x00\x01\n\r\x1f\x7f"], ("jane", "a\x00b", "bad_characters"), ("jane", "a\x7f", "bad_characters"),
    ("jane", "a\nb", "bad_characters"), ("jane", "a\rb", "bad_characters"), ("jane", " a\r\n", ""), ("jane", "a\tb", ""), ("jane", "a:b", ""), ("jürgen", "§", ""), ("jane", "\udc80", "bad_characters"), ("\udc80", "x", "bad_characters"),
    ("jane", '{\n"a": 1}', ""), ("jane", "[\n]", "bad_characters"), ("", "x", ""), ("jane", '{"a":\x00}', "bad_characters"),
]  # fmt: skip


@pytest.mark.parametrize(("username", "secret", "fault"), COMMON)
def test_what_no_login_can_carry(username: str, secret: str, fault: str) -> None:
    assert common_fault(username, secret) == fault
    if "\n" in secret.strip():
        assert common_fault(username, secret, lines_inside=True) == ""


def shape(secret: str, *, key: str = "generic", username: str = "jane", written: str = "", scope: str = "reg.test", **more: Any) -> Shape:
    provider = provider_named(key)
    assert provider is not None
    host, _, path = scope.partition("/")
    return shape_of(
        provider,
        Credential(user="u", name="n", scope=RegistryScope(Host(host), path), username=username, secret=SecretStr(secret), written=written, **more),
        NOW,
    )


def test_what_a_store_saw_decides_before_the_form() -> None:
    for flaw in ("disabled_by_operator", "username_lost", "unreadable"):
        assert shape("x", flaws=(flaw, "plaintext_in_store")) == Shape(fault=flaw, hints=("plaintext_in_store",))
    assert shape("", flaws=("unreadable",)).fault == "unreadable"
    assert shape("x", flaws=("unreadable", "disabled_by_operator")).fault == "disabled_by_operator"
    assert shape("x", flaws=("store_damaged",)) == Shape(hints=("store_damaged",))
    assert shape(" x", flaws=("store_damaged",), written="reg.test:443").hints == ("store_damaged", "whitespace", "never_matches")


def test_the_hints_of_how_it_is_stored() -> None:
    assert [shape(secret).hints for secret in ("x", " x", "x\n", "\tx")] == [(), ("whitespace",), ("whitespace",), ("whitespace",)]
    assert [shape("x", written=text).hints for text in ("", "reg.test", "https://reg.test", "reg.test:443", "http://reg.test/v1/")] == [
        (),
        (),
        (),
        ("never_matches",),
        (),
    ]
    assert shape("hunter2\n", key="ghcr").hints == ("whitespace", "use_a_token")


def test_a_token_is_looked_at_by_no_vendors_eye() -> None:
    """An identity token has no username and no form; a registry's own bearer lives for minutes."""
    assert shape("nvapi-x", key="ghcr", kind=SecretKind.IDENTITY_TOKEN, username="") == Shape()
    assert shape("x", kind=SecretKind.REGISTRY_TOKEN) == Shape(fault="short_lived")
    assert shape("", kind=SecretKind.REGISTRY_TOKEN).fault == "empty_secret"
    assert shape("x", username="a:b", kind=SecretKind.IDENTITY_TOKEN).fault == ""
    assert shape("x", username="a:b", kind=SecretKind.REGISTRY_TOKEN).fault == "bad_characters"


def test_what_is_past_its_own_end_is_not_asked_about() -> None:
    """Five minutes past it, for our clock may be ahead (others.md G10)."""
    for seconds, fault in ((-301, "short_lived"), (-300, "short_lived"), (-299, ""), (60, "")):
        ends = NOW + timedelta(seconds=seconds)
        assert shape(jwt(iat=ends.timestamp() - 3600, exp=ends.timestamp()), key="quay", username="a+b").fault == fault
    year = jwt(iat=NOW.timestamp() - 400 * 86_400, exp=NOW.timestamp() - 3600)
    assert shape(year, key="quay", username="a+b").fault == "", "a long-lived one is the wire's to judge"
    assert shape(f"ghp_{GHP}", key="ghcr").introspect
    assert not shape(f"ghp_{GHP} ", key="ghcr").introspect, "white space travels in no header"
    assert shape("nvapi-x ", key="ngc", username="$oauthtoken").introspect, "but in a form"
    for control in "\x01\x0b\x1b\x1f":
        assert not shape(f"glpat-{control}x", key="gitlab").introspect, "nor does a control character"
        assert shape(f"nvapi-{control}x", key="ngc", username="$oauthtoken").introspect
    assert shape("glpat-a\tx\x85y", key="gitlab").introspect
    assert (shape("x", key="quay").leave_dead, shape("x", key="nexus").no_repeat) == (True, True)


def test_the_end_of_a_jwt() -> None:
    day = 86_400
    assert jwt_end(jwt(iat=1000, exp=1000 + day)) == (datetime.fromtimestamp(1000 + day, UTC), True)
    assert jwt_end(jwt(iat=1000, exp=1001 + day)) == (datetime.fromtimestamp(1001 + day, UTC), False)
    assert jwt_end(jwt(exp=1000)) == (datetime.fromtimestamp(1000, UTC), False)
    assert [jwt_end(text) for text in ("x", jwt(iat=1), jwt(exp=0), jwt(exp=-1), jwt(exp=253_402_300_800))] == [(None, False)] * 5
    assert jwt_end(jwt(exp=253_402_300_799))[0] == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert jwt_end(jwt(exp=1))[0] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
