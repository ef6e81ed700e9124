"""What the other vendors' providers know without asking: hosts, challenges, usernames, the forms and ends of secrets."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from validator.credential import Credential, Host, RegistryScope
from validator.emulator.aws import password
from validator.emulator.base import make_jwt
from validator.emulator.google import key_file
from validator.evidence import Demand
from validator.providers import PROVIDERS, Provider, made_up_pair, provider_for, provider_named, shape_of
from validator.verdict import Reason

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

HOSTS = {
    "quay.io": "quay", "gcr.io": "gar", "eu.gcr.io": "gar", "us-docker.pkg.dev": "gar", "europe-west1-docker.pkg.dev": "gar",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": "ecr",
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "ecr", "123456789012.dkr-ecr.eu-west-1.on.aws": "ecr", "public.ecr.aws": "ecr-public",
    "acme.azurecr.io": "acr", "acme-h4sh.azurecr.io": "acr", "acme.azurecr.cn": "acr", "acme.jfrog.io": "artifactory",
    "registry.redhat.io": "redhat", "registry.connect.redhat.com": "redhat", "icr.io": "ibm", "us.icr.io": "ibm", "cp.icr.io": "ibm",
    "private.us.icr.io": "ibm", "fra.ocir.io": "ocir", "us-ashburn-1.ocir.io": "ocir", "container-registry.oracle.com": "oracle",
    "registry.digitalocean.com": "digitalocean", "rg.fr-par.scw.cloud": "scaleway", "docker.cloudsmith.io": "cloudsmith",
    # not theirs
    "quay.example.com": "generic", "evil-quay.io": "generic", "gcr.io.example.com": "generic", "mirror.gcr.io": "generic", "pkg.dev": "generic",
    "evil.docker.pkg.dev": "generic", "12345.dkr.ecr.us-east-1.amazonaws.com": "generic", "x.123456789012.dkr.ecr.us-east-1.amazonaws.com": "generic",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.net": "generic", "a.b.azurecr.io": "generic", "azurecr.io": "generic", "jfrog.io": "generic",
    "a.b.jfrog.io": "generic", "acme.azurecr.io:8443": "generic", "evilicr.io": "generic", "rg.fr-par.scw.cloud.evil.net": "generic",
    "xrg.fr-par.scw.cloud": "generic", "api.scaleway.com": "generic", "registry.access.redhat.com": "generic", "sso.redhat.com": "generic",
    "public.ecr.aws.evil.net": "generic", "ocir.io": "generic", "a.fra.ocir.io": "generic", "quay.io:8443": "generic",
}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_whose_host_it_is(host: str) -> None:
    provider = provider_for(Host(host))
    assert (provider.key, provider.names(host)) == (HOSTS[host], HOSTS[host] != "generic")


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_the_operators_word_comes_before_a_name(provider: Provider) -> None:
    if provider.key not in ("gitlab", "gitlab-self-managed"):
        assert provider_for(Host("reg.test"), provider.key) is provider
    assert provider_named(provider.key) is provider
    assert provider_for(Host("quay.io"), "generic").key == "generic"


def bearer(realm: str, service: str) -> Demand:
    return Demand(scheme="bearer", realm=URL(realm), service=service)


CHALLENGES = {
    "Quay": (bearer("https://quay.example.com/v2/auth", "quay.example.com"), "quay"),
    "Quay on a port": (bearer("https://quay.example.com:8443/v2/auth", "quay.example.com:8443"), "quay"),
    "Quay's path, another service": (bearer("https://x.example.com/v2/auth", "y.example.com"), "generic"),
    "Harbor": (bearer("https://harbor.example.com/service/token", "harbor-registry"), "harbor"),
    "Harbor behind a path": (bearer("https://example.com/harbor/service/token", "harbor-registry"), "harbor"),
    "GitLab": (bearer("https://gitlab.example.com/jwt/auth", "container_registry"), "gitlab-self-managed"),
    "Gitea": (bearer("https://codeberg.org/v2/token", "container_registry"), "gitea"),
    "Gitea under a path": (bearer("https://example.com/git/v2/token", "container_registry"), "gitea"),
    "Artifactory": (bearer("https://a.example.com:443/artifactory/api/docker/local/v2/token", "a.example.com:443"), "artifactory"),
    "Artifactory at its root": (bearer("https://a.example.com/api/docker/local/v2/token", "a.example.com"), "artifactory"),
    "Nexus": (bearer("https://n.example.com/repository/docker/v2/token", "https://n.example.com/repository/docker/v2/token"), "nexus"),
    "Nexus on a port": (bearer("https://n.example.com:5000/v2/token", "https://n.example.com:5000/v2/token"), "nexus"),
    "somebody's": (bearer("https://auth.example.com/token", "registry.example.com"), "generic"),
    "somebody's /v2/token": (bearer("https://auth.example.com/v2/token", "registry.example.com"), "generic"),
    "an old Artifactory": (Demand(scheme="basic", label="Artifactory Realm"), "artifactory"),
    "a Nexus with Basic": (Demand(scheme="basic", label="Sonatype Nexus Repository Manager"), "nexus"),
    "zot": (Demand(scheme="basic", label="Authorization Required"), "zot"),
    "htpasswd": (Demand(scheme="basic", label="Registry Realm"), "generic"),
    "Basic without a word": (Demand(scheme="basic"), "generic"),
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_whose_challenge_it_is(name: str) -> None:
    demand, key = CHALLENGES[name]
    assert provider_for(Host("reg.test"), None, demand).key == key
    assert provider_for(Host("nvcr.io"), None, demand).key == "ngc"
    assert provider_for(Host("reg.test"), "generic", demand).key == "generic"


JWT_OF_AN_HOUR = make_jwt({"iat": NOW.timestamp() - 60, "exp": NOW.timestamp() + 3540})
JWT_ENDED = make_jwt({"iat": NOW.timestamp() - 7200, "exp": NOW.timestamp() - 3600})
JWT_OF_A_YEAR = make_jwt({"iat": NOW.timestamp() - 400 * 86_400, "exp": NOW.timestamp() - 35 * 86_400})
FRESH, JUST_ENDED, ENDED = (password("x", "seed", (NOW + timedelta(minutes=m)).timestamp()) for m in (180, -4, -6))
KEY = key_file("key", "seed")

# host, username, secret -> fault, short-lived, kind, hints that a refusal would bring
FORMS: dict[str, tuple[str, str, str, tuple[str, bool, str, tuple[str, ...]]]] = {
    "a robot of Quay": ("quay.io", "team+ci", "X" * 64, ("", False, "robot", ())),
    "a federated robot": ("quay.io", "team+ci", JWT_OF_AN_HOUR, ("", True, "robot", ())),
    "a federated robot of yesterday": ("quay.io", "team+ci", JWT_ENDED, ("short_lived", True, "robot", ())),
    "NGC's username at Quay": ("quay.io", "$oauthtoken", "x" * 40, ("", False, "token", ())),
    "a person at Quay": ("quay.io", "jane", "hunter2", ("", False, "person", ("use_a_token",))),
    "a key of Google": ("gcr.io", "_json_key", KEY, ("", False, "key", ())),
    "a key in base64": ("gcr.io", "_json_key_base64", base64.b64encode(KEY.encode()).decode(), ("", False, "key", ())),
    "a key in base64 of many lines": ("gcr.io", "_json_key_base64", base64.encodebytes(KEY.encode()).decode(), ("", False, "key", ())),
    "half a key": ("gcr.io", "_json_key", KEY[:300], ("malformed_token", False, "key", ())),
    "another JSON": ("gcr.io", "_json_key", '{"type": "service_account"}', ("malformed_token", False, "key", ())),
    "a key of another type": ("gcr.io", "_json_key", '{"type": "external_account", "audience": "x"}', ("", False, "key", ())),
    "no JSON in base64": ("gcr.io", "_json_key_base64", "bm8=", ("malformed_token", False, "key", ())),
    "no base64": ("gcr.io", "_json_key_base64", "!!", ("malformed_token", False, "key", ())),
    "base64 under the plain name": ("gcr.io", "_json_key", base64.b64encode(KEY.encode()).decode(), ("encoded_secret", False, "key", ())),
    "an access token": ("us-docker.pkg.dev", "oauth2accesstoken", "ya29.a0abcdef", ("", True, "access token", ())),
    "an access token that ended": ("us-docker.pkg.dev", "oauth2accesstoken", JWT_ENDED, ("short_lived", True, "access token", ())),
    "an access token as a key": ("us-docker.pkg.dev", "_json_key", "ya29.a0abcdef", ("wrong_username", False, "key", ())),
    "a key as an access token": ("us-docker.pkg.dev", "oauth2accesstoken", KEY, ("wrong_username", False, "", ())),
    "another username at Google": ("us-docker.pkg.dev", "jane", "x", ("", False, "", ("username_form",))),
    "ECR's password": ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AWS", FRESH, ("", True, "12-hour password", ())),
    "one that ended now": ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AWS", JUST_ENDED, ("", True, "12-hour password", ())),
    "one that ended": ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AWS", ENDED, ("short_lived", True, "12-hour password", ())),
    "one that ended, in public": ("public.ecr.aws", "AWS", ENDED, ("short_lived", True, "12-hour password", ())),
    "one without an end": ("public.ecr.aws", "AWS", "x" * 40, ("", True, "12-hour password", ())),
    "an access key": ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "AKIAIOSFODNN7EXAMPLE", "w" * 40, ("wrong_kind", False, "", ())),
    "a refresh token of ACR": ("acme.azurecr.io", "00000000-0000-0000-0000-000000000000", JWT_OF_AN_HOUR, ("", True, "refresh token", ())),
    "one that is over": ("acme.azurecr.io", "00000000-0000-0000-0000-000000000000", JWT_ENDED, ("short_lived", True, "refresh token", ())),
    "a service principal": ("acme.azurecr.io", GUID, "x" * 40, ("", False, "service principal", ())),
    "an old token of Artifactory": ("acme.jfrog.io", "jane", JWT_OF_A_YEAR, ("", False, "token", ())),
    "an hour's token of Artifactory": ("acme.jfrog.io", "jane", JWT_ENDED, ("short_lived", True, "token", ())),
    "a password at Artifactory": ("acme.jfrog.io", "jane", "hunter2", ("", False, "password", ("use_a_token",))),
    "a service account of Red Hat": ("registry.redhat.io", "1234|ci", "x" * 700, ("", False, "service account", ())),
    "a person at Red Hat": ("registry.redhat.io", "jane", "x", ("", False, "person", ("username_form", "use_a_token"))),
    "IBM's key": ("us.icr.io", "iamapikey", "x" * 44, ("", False, "iamapikey", ())),
    "IBM's token that ended": ("us.icr.io", "iambearer", JWT_ENDED, ("short_lived", True, "IAM token", ())),
    "Oracle's name": ("fra.ocir.io", "tenancy/jane", "x" * 20, ("", False, "auth token", ())),
    "Oracle's name, cut": ("fra.ocir.io", "jane", "x" * 20, ("", False, "auth token", ("username_form",))),
    "Oracle's bearer": ("fra.ocir.io", "BEARER_TOKEN", JWT_ENDED, ("short_lived", True, "bearer token", ())),
    "DigitalOcean's token": ("registry.digitalocean.com", "", f"dop_v1_{'a' * 64}", ("", False, "API token", ())),
    "DigitalOcean's token elsewhere": ("quay.io", "team+ci", f"dop_v1_{'a' * 64}", ("foreign_token", False, "", ())),
    "Scaleway's key": ("rg.fr-par.scw.cloud", "", GUID, ("", False, "secret key", ())),
    "GitHub's token at a cloud": ("acme.azurecr.io", "jane", "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", ("foreign_token", False, "", ())),
    "lines in a secret": ("quay.io", "team+ci", "a\nb", ("bad_characters", False, "", ())),
    "a key file anywhere": ("cr.yandex", "json_key", '{\n "id": "x"\n}\n', ("", False, "", ())),
    "no username": ("acme.azurecr.io", "", "x", ("empty_username", False, "", ())),
}  # fmt: skip


def credential(host: str, username: str, secret: str) -> Credential:
    return Credential(user="jane", name="it", scope=RegistryScope(Host(host)), username=username, secret=SecretStr(secret))


@pytest.mark.parametrize("name", FORMS)
def test_what_a_form_says(name: str) -> None:
    host, username, secret, expected = FORMS[name]
    seen = shape_of(provider_for(Host(host)), credential(host, username, secret), NOW)
    hints = tuple(hint for hint in seen.hints if hint != "whitespace")
    assert (seen.fault, seen.short_lived, seen.kind, hints if not seen.fault else ()) == expected


def test_what_is_asked_once_and_left_alone() -> None:
    def shape(host: str, username: str, secret: str, demand: Demand | None = None) -> tuple[bool, bool]:
        seen = shape_of(provider_for(Host(host), None, demand), credential(host, username, secret), NOW)
        return seen.no_repeat, seen.leave_dead

    assert (shape("quay.io", "jane", "x"), shape("quay.io", "a+b", "x"), shape("quay.io", "$app", "x")) == (
        (False, True),
        (False, False),
        (False, False),
    )
    harbor, zot, nexus = (CHALLENGES[name][0] for name in ("Harbor", "zot", "Nexus"))
    assert [shape("reg.test", name, "x", harbor)[0] for name in ("jane", "robot$ci", "robot@ci", "robot-ci", "robot_ci", "robot")] == [True] + [
        False
    ] * 5
    assert (shape("reg.test", "jane", "x", zot)[0], shape("reg.test", "jane", "zak_x", zot)[0], shape("reg.test", "j", "x", nexus)[0]) == (
        True,
        False,
        True,
    )
    assert (shape("acme.jfrog.io", "jane", "AKCpx")[0], shape("registry.redhat.io", "jane", "x")[0]) == (True, True)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_a_made_up_pair_has_the_form_and_is_nobodys(provider: Provider) -> None:
    pairs = {made_up_pair(provider, Random(seed)) for seed in range(20)}
    assert len({secret.get_secret_value() for _, secret in pairs}) == 20
    names = {username for username, _ in pairs}
    assert len(names) == 20 or names <= {"$oauthtoken", "_json_key", "AWS", "iamapikey", "nologin"}  # those that the vendor fixes
    for username, secret in pairs:
        shape = shape_of(provider, credential("reg.test", username, secret.get_secret_value()), NOW)
        assert (shape.fault, re.search(r"[\x00-\x1f:]", username)) == ("", None)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_words_are_sentences_and_name_their_page(provider: Provider) -> None:
    for cause in provider.causes.values():
        assert cause[0].isupper() or cause.startswith("This")
        assert cause.endswith(".")
    for advice in provider.advice.values():
        assert not advice.endswith(".")
        assert "  " not in advice
    if provider.renew is not None and provider.key not in ("ecr-public",):
        assert any(str(provider.renew.host) in advice for advice in provider.advice.values())


TEXT = st.one_of(st.text(max_size=60), st.builds(lambda value: json.dumps(value), st.dictionaries(st.text(max_size=9), st.integers(), max_size=4)),
                 st.binary(max_size=90).map(lambda raw: base64.b64encode(raw).decode()), st.sampled_from([JWT_ENDED, FRESH, KEY, "ya29.", "eyJ", "QVdTO"]))  # fmt: skip


@given(st.sampled_from(PROVIDERS), TEXT, TEXT)
def test_no_pair_makes_a_look_raise_and_a_fault_is_a_reason(provider: Provider, username: str, secret: str) -> None:
    seen = shape_of(provider, credential("reg.test", username, secret), NOW)
    assert seen.fault == "" or Reason(seen.fault)
    assert not seen.short_lived or seen.expires_at is None or seen.expires_at.tzinfo is UTC


@pytest.mark.parametrize("number", [-1, 0, 253_402_300_800, 10**30, 1.5e308, True, None, "1757147299", float("nan")])
def test_an_end_that_is_no_instant_is_none(number: object) -> None:
    inside = base64.b64encode(json.dumps({"payload": "x", "expiration": number}).encode()).decode()
    for host, username, secret in (
        ("public.ecr.aws", "AWS", inside), ("acme.azurecr.io", "00000000-0000-0000-0000-000000000000", make_jwt({"exp": number})),
    ):  # fmt: skip
        seen = shape_of(provider_for(Host(host)), credential(host, username, secret), NOW)
        assert (seen.fault, seen.expires_at, seen.short_lived) == ("", None, True)
