"""The readers of what vendors' side calls, redirects, docker configs and secrets' own forms say: total, small, and silent about secrets."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from validator.credential import Credential, SecretKind, UnreadableRegistry, parse_scope
from validator.evidence import OpinionSeen
from validator.protocol.base import parse_json
from validator.protocol.realm import RealmFault, resolve_realm
from validator.providers import PROVIDERS, shape_of
from validator.registry.reach import redirect_target
from validator.stores.dockerconfig.base.manifest import pull_secrets
from validator.stores.dockerconfig.base.values import NoConfig, Source, old_source_of, read_json, source_of
from validator.verdict import Reason

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SIDE_CALLS = [(one.key, one.introspection.read) for one in PROVIDERS if one.introspection is not None]
DETAILS = [(one.key, one.detail_read) for one in PROVIDERS if one.detail_read is not None]

WORDS = st.sampled_from([
    "login", "message", "scopes", "expires_at", "active", "error", "error_description", "type", "products", "requestStatus", "statusCode", "SUCCESS",
    "invalid_token", "Token was revoked.", "Bad credentials", "read_registry", "PERSONAL_KEY", "9999-12-31", "0001-01-01", "2026-13-41",
])  # fmt: skip
DAYS = st.sampled_from(
    ["9999-12-31", "0001-01-01", "2026-11-23 02:00:00 UTC", "9999-12-31 23:59:59 -2359", "2026-11-23 02:00:00 +0200", "١٢٣٤-٠١-٠١"]
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | WORDS | DAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=6),
    max_leaves=15,
)
HEADERS = st.dictionaries(
    st.sampled_from(["x-oauth-scopes", "github-authentication-token-expiration", "x-github-sso"]), DAYS | WORDS | st.text(max_size=40), max_size=3
)
STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 429, 500])


@given(STATUSES, HEADERS, TREES)
def test_no_side_call_makes_its_reader_raise(status: int, headers: dict[str, str], body: Any) -> None:
    for _, read in (*SIDE_CALLS, *DETAILS):
        seen = read(status, headers, body)
        assert isinstance(seen, OpinionSeen)
        assert len(repr(seen)) < 8_000, "a few facts, whatever was sent"
        assert seen.expires_at is None or seen.expires_at.tzinfo is not None
        assert not seen.why or seen.why in set(Reason)


@given(st.binary(max_size=300))
def test_no_bytes_of_a_side_call_do_either(raw: bytes) -> None:
    body = parse_json(raw)
    for _, read in (*SIDE_CALLS, *DETAILS):
        read(200, {}, body)


URLS = st.sampled_from([
    "https://a.test/x", "/token", "//b.test", "http://a.test:99999/", "https://[::1", "https://a.test:0/", "javascript:x", "https://u:p@a.test/", "\\\\a", "",
    "https://%61.test/", "https://a.test/\u202e", "ht\ttps://a", "https://xn--/", "?x=1", "https:///x", "https://ä.test/é", "https://a..test/",
])  # fmt: skip
PLACES = URLS | st.text(max_size=60) | st.tuples(URLS, st.text(max_size=10)).map("".join)


@given(PLACES)
@example("https://xn--/x")
@example("https://xn--a.reg.test/x")
@example("https://\u00e4.test/x")
def test_no_place_that_is_named_makes_us_raise(text: str) -> None:
    here = URL("https://reg.test/v2/")
    target = redirect_target(text, here)
    assert target is None or (target.scheme in ("http", "https") and target.host and target.raw_user is None and target.port)
    if target is not None:
        assert target.host, "it can be dialled"
    realm = resolve_realm(text, here)
    assert isinstance(realm, RealmFault) or (realm.scheme in ("http", "https") and realm.host)


KEYS = st.sampled_from(
    ["auths", "Auths", "AUTHS", "auth", "username", "password", "identitytoken", "registrytoken", "HttpHeaders", "credHelpers", "credsStore"]
)
REGISTRIES = st.sampled_from(["nvcr.io", "https://index.docker.io/v1/", "http://u:CANARY@reg.test", "*.test", "reg.test/a/b", "", ":::", "a b"])
AUTHS = st.sampled_from(["", "YTpi", "YTpCTkFSWQ==", "====", "CANARY", "YWxpY2U6Q0FOQVJZCg==", "\udcff", base64.b64encode(b"\xff\xfe:x").decode()])
CONFIGS = st.recursive(
    st.none() | st.booleans() | st.integers() | AUTHS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | REGISTRIES | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(CONFIGS)
def test_any_docker_config_is_entries_or_a_fault(document: Any) -> None:
    read = read_json(json.dumps(document).encode("utf-8", "surrogatepass"))
    for source in (source_of("a", read), old_source_of("a", read)):
        assert isinstance(source, Source)
        for entry in source.entries:
            assert "CANARY" not in entry.key, "what may be a password in a key is cut off"
            assert "CANARY" not in (entry.fault or "") + (entry.docker_fault or "")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_docker_config_or_one_sentence(raw: bytes) -> None:
    try:
        read_json(raw)
    except NoConfig as error:
        assert "\n" not in str(error)


@given(st.text(max_size=60), CONFIGS, st.sampled_from(["data", "stringData", "both"]))
def test_any_secret_of_a_cluster_is_entries_or_one_sentence(name: str, document: Any, where: str) -> None:
    text = json.dumps(document)
    held: dict[str, Any] = {"data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()}, "stringData": {".dockerconfigjson": text}}
    parts = held if where == "both" else {where: held[where]}
    manifest = {"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "metadata": {"name": name}, **parts}
    assert all(isinstance(source, Source) for source in pull_secrets(json.dumps(manifest)))
    for odd in (name, f"kind: Secret\ntype: {name}", f"kind: List\nitems: [{name}"):
        try:
            pull_secrets(odd)
        except NoConfig as error:
            assert "\n" not in str(error)


def jwt(claims: Any) -> str:
    """A token that says this of itself."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join([*parts, "c2ln"])


TIMES = st.sampled_from([0, 1, -1, 1.8e9, 253_402_300_799, 253_402_300_800, 253_402_300_799 - 60, 1e308, -1e308, 10**30, "1800000000", None, True])
CLAIMS = st.dictionaries(st.sampled_from(["exp", "iat", "nbf", "iss", "sub", "jti", "grant_type", "access"]), TIMES | TREES, max_size=6)
PASSWORDS = st.dictionaries(
    st.sampled_from(["payload", "datakey", "version", "type", "expiration", "private_key", "client_email"]), TIMES | TREES, max_size=6
)
SECRETS = (
    CLAIMS.map(jwt)
    | PASSWORDS.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
    | PASSWORDS.map(json.dumps)
    | st.tuples(st.sampled_from(["nvapi-", "dckr_pat_", "ghp_", "github_pat_", "ghs_", "glpat-", "glcbt-", "ya29.", "ABSK", ""]), st.text(max_size=60)).map("".join)
)  # fmt: skip
USERNAMES = st.sampled_from(
    ["", "jane", "$oauthtoken", "AWS", "_json_key", "_json_key_base64", "oauth2accesstoken", "00000000-0000-0000-0000-000000000000", "a:b"]
)


@given(USERNAMES | st.text(max_size=20), SECRETS, st.sampled_from(["reg.test", "nvcr.io", "europe-docker.pkg.dev", "acme.azurecr.io"]))
@example("oauth2accesstoken", jwt({"exp": 253_402_300_799}), "reg.test")
def test_any_pair_has_a_shape(username: str, secret: str, host: str) -> None:
    for provider in PROVIDERS:
        for kind in SecretKind:
            credential = Credential(user="u", name="n", scope=parse_scope(host), username=username, secret=SecretStr(secret), kind=kind)
            shape = shape_of(provider, credential, NOW)
            assert not shape.fault or shape.fault in set(Reason)
            assert shape.expires_at is None or shape.expires_at.tzinfo is not None
            if len(secret) > 12:
                assert secret not in repr(shape)


HOSTS = st.lists(st.sampled_from(["xn--", "a", "xn--a", "xn--bcher-kva", "test", "80ak6", ":443", "/a", "-"]), max_size=5).map(".".join)


@given(PLACES | HOSTS | st.text(max_size=300))
def test_any_registry_is_a_scope_or_one_sentence(text: str) -> None:
    try:
        scope = parse_scope(text)
    except UnreadableRegistry as error:
        assert "\n" not in str(error)
    else:
        assert parse_scope(str(scope)) == scope
        assert not scope.host or URL(f"https://{scope.host}/").host, "it can be dialled"
