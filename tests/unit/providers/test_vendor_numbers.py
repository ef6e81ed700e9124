"""How fast, how often and where each vendor is asked: the table of registries/README.md 8 and the vendors' pages, held row by row."""

from __future__ import annotations

from typing import Any, Final

import pytest
from yarl import URL

from validator.credential import Host
from validator.evidence import Step
from validator.providers import PROVIDERS, Provider, provider_named
from validator.providers.base import CLOCKS_DIFFER, DAY_S, NEVER_AGAIN
from validator.verdict import Meaning, Reason

MIN, H, DAY = 60, 3600, 86_400

# requests/s, burst, in flight, refused logins per window (window -> most), confirmation wait, control fresh, challenge fresh; registries/README.md 8
PACE: Final[dict[str, tuple[float, int, int, dict[int, int], float, float, float]]] = {
    "generic": (1, 5, 1, {60: 4, 180: 15}, 10 * MIN, 24 * H, 24 * H),
    "ngc": (1, 5, 2, {H: 20}, 15 * MIN, 24 * H, 5 * MIN),
    "dockerhub": (1, 2, 1, {10 * MIN: 10}, 20 * MIN, 24 * H, 24 * H),
    "ghcr": (5, 5, 4, {10 * MIN: 10}, 10 * MIN, 24 * H, 24 * H),
    "gitlab": (2, 5, 2, {60: 20}, 10 * MIN, 24 * H, 24 * H),
    "gitlab-self-managed": (1, 5, 1, {60: 4, 180: 15}, 10 * MIN, 24 * H, 24 * H),
}
PER_USERNAME: Final = {"dockerhub": {30 * MIN: 2}, "artifactory": {120: 1, DAY: 2}}
"""README 8: of Docker Hub; others.md 7: of Artifactory."""
BY_KEY: Final = {provider.key: provider for provider in PROVIDERS}


@pytest.mark.parametrize("key", BY_KEY)
def test_the_pace_is_the_tables(key: str) -> None:
    """A vendor without a row of its own has the generic one's."""
    pace = BY_KEY[key].pace
    told = (pace.per_second, pace.burst, pace.in_flight, dict(pace.refused), pace.confirm_after_s, pace.control_fresh_s, pace.challenge_fresh_s)
    assert told == PACE.get(key, PACE["generic"])
    assert (pace.preflight_in_flight, pace.preflight_burst) == (8, 60)
    assert pace.refused_per_username == PER_USERNAME.get(key, {})
    assert pace.repeat_after_s == 3, "the one repeat, README 6.2"
    assert pace.per_day is None, "a quota is the operator's to set"


# where, path, method, how the secret travels, requests/s, burst, refused, of made-up secrets too, of good keys, before the login, by default
INTROSPECTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "ngc": ("https://api.ngc.nvidia.com", "/v3/keys/get-caller-info", "POST", "form", "credentials", "", 10 / MIN, 1, {}, False, False, False, True),
    "ghcr": ("https://api.github.com", "/user", "GET", "bearer", "", "", 1, 1, {15 * MIN: 5}, True, True, False, True),
    "gitlab": ("https://gitlab.com", "/api/v4/personal_access_tokens/self", "GET", "header", "", "PRIVATE-TOKEN", 2, 5, {}, False, True, True, True),
    "gitlab-self-managed": (None, "/api/v4/personal_access_tokens/self", "GET", "header", "", "PRIVATE-TOKEN", 2, 5, {}, False, True, True, False),
}  # fmt: skip


@pytest.mark.parametrize("key", BY_KEY)
def test_who_may_be_asked_about_a_secret_beside_the_login(key: str) -> None:
    about = BY_KEY[key].introspection
    if key not in INTROSPECTIONS:
        assert about is None
        return
    assert about is not None
    where = str(about.url).rstrip("/") if about.url is not None else None
    assert (where, about.path, about.method, about.send, about.field_name, about.header, about.per_second, about.burst, dict(about.refused),
            about.control, about.of_good_keys, about.first_when_refused, about.default_on) == INTROSPECTIONS[key]  # fmt: skip
    if key == "ghcr":
        assert dict(about.headers) == {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    base = about.base_of(URL("https://git.example.com/sub/jwt/auth?service=x")) if about.base_of is not None else None
    assert base == (URL("https://git.example.com/sub") if key.startswith("gitlab") else None)


HOSTS: Final = {
    "ngc": {"nvcr.io"}, "dockerhub": {"docker.io"}, "ghcr": {"ghcr.io"}, "github-packages": {"docker.pkg.github.com"}, "gitlab": {"registry.gitlab.com"}, "quay": {"quay.io"},
    "gar": {"gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"}, "ecr-public": {"public.ecr.aws"}, "redhat": {"registry.redhat.io", "registry.connect.redhat.com"},
    "ibm": {"icr.io"}, "oracle": {"container-registry.oracle.com"}, "digitalocean": {"registry.digitalocean.com"}, "cloudsmith": {"docker.cloudsmith.io"},
}  # fmt: skip
REALMS: Final = {
    "ngc": {"nvcr.io", "authn.nvidia.com"}, "dockerhub": {"auth.docker.io"}, "ghcr": {"ghcr.io"}, "gitlab": {"gitlab.com"},
    "redhat": {"registry.redhat.io", "sso.redhat.com"}, "scaleway": {"api.scaleway.com"}, "digitalocean": {"api.digitalocean.com"},
}  # fmt: skip
"""others.md 21: whoever is not here has its realm at its own host."""


@pytest.mark.parametrize("key", BY_KEY)
def test_where_a_vendors_secret_may_go(key: str) -> None:
    provider = BY_KEY[key]
    assert provider.hosts == HOSTS.get(key, set())
    assert provider.realm_hosts == REALMS.get(key, set())
    assert provider.dial == (Host("registry-1.docker.io") if key == "dockerhub" else None)


# what a vendor's page says of its conversations, by field: who has it
SWITCHES: Final[dict[str, dict[str, Any]]] = {
    "login_scope": {"ghcr": "repository:user/image:pull"}, "default_username": {"ghcr": "x-access-token", "scaleway": "nologin", "digitalocean": "validator"},
    "fixed_username": {"ngc": "$oauthtoken"}, "canary_is_token": {"dockerhub": True}, "own_namespace": {"dockerhub": True},
    "health_at_own_realm": {"ngc": True}, "opinion_on_denied": {"ngc": True, "gitlab": True, "gitlab-self-managed": True}, "recheck_words": {"dockerhub": True},
    "repeat_at_login": {"ngc": True, "ghcr": True, "scaleway": True, "cloudsmith": True}, "scope_first": {"gar": True, "digitalocean": True},
    "lines_inside": {"gar": True}, "nodes_bring": {"gar": True, "ecr": True, "acr": True}, "metered": {"dockerhub": True}, "realm_elsewhere": {"dockerhub": True},
    "pull_401_twice": {"ghcr": True, "acr": True}, "get_on_403": {"ghcr": True}, "doubts_403": {"gitlab": True, "gitlab-self-managed": True},
    "dead_again_days": {"gitlab": (7,), "gitlab-self-managed": (7,), "artifactory": (7, NEVER_AGAIN)}, "token_pace": {"dockerhub": (2, 2)},
}  # fmt: skip
NONE: Final = {"login_scope": "", "default_username": "", "fixed_username": "", "dead_again_days": None, "token_pace": None}


@pytest.mark.parametrize("field", SWITCHES)
def test_who_has_a_way_of_its_own(field: str) -> None:
    for key, provider in BY_KEY.items():
        assert getattr(provider, field) == SWITCHES[field].get(key, NONE.get(field, False)), key


GITLABS: Final = {"gitlab", "gitlab-self-managed"}
TRAITS: Final[dict[str, dict[str, Any]]] = {
    "scope_blind": dict.fromkeys(("ngc", "dockerhub", "ghcr"), True),
    "repeat": {"artifactory": False},
    "known_yet_refused": {"ngc": Reason.SERVICE_MISSING},
    "denied": dict.fromkeys(("ngc", "dockerhub", "ghcr", "gitlab", "gitlab-self-managed", "quay", "harbor"), Reason.HIDDEN_OR_DENIED),
    "foreign_key_blocks": {"ngc": True},
    "terms_under": {"ngc": ("nim/",)},
    "anonymous_401_twice": {"ngc": True},
    "anonymous_usual": {
        "ngc": {Meaning.ACCEPTED}, "dockerhub": {Meaning.ACCEPTED}, "ghcr": {Meaning.ACCEPTED, Meaning.DENIED, Meaning.REFUSED},
    },
    "token_for_public_only": {"ghcr": True},
    "owner_is_username": {"ghcr": True},
    "scopes_that_pull": {"ghcr": {"read:packages", "write:packages"}, **{key: {"read_registry", "read_api", "api"} for key in sorted(GITLABS)}},
    "kinds_that_never_pull": {"ghcr": {"fine-grained personal access token"}, **{key: {"granular"} for key in sorted(GITLABS)}},
    "kinds_that_die_soon": {"ghcr": {"installation token"}},
    "kinds_of_no_person": {"ngc": {"service_key"}},
    "tokens_doubted": {"dockerhub": True},
    "closed_for_s": {
        "dockerhub": {Reason.THROTTLED: 900.0, Reason.ACCOUNT_LOCKED: 900.0}, "gitlab": {Reason.ADDRESS_BANNED: 15.0 * MIN},
        "gitlab-self-managed": {Reason.ADDRESS_BANNED: 60.0 * MIN},
    },
    "wait_s": {"quay": {Reason.ACCOUNT_LOCKED: 60.0}, "artifactory": {Reason.ACCOUNT_LOCKED: 120.0}},
}  # fmt: skip
PLAIN: Final[dict[str, Any]] = {
    "repeat": True, "known_yet_refused": None, "denied": Reason.NO_PULL_PERMISSION, "terms_under": (), "anonymous_usual": set(), "scopes_that_pull": set(),
    "kinds_that_never_pull": set(), "kinds_that_die_soon": set(), "kinds_of_no_person": set(), "closed_for_s": {}, "wait_s": {},
}  # fmt: skip


@pytest.mark.parametrize("field", TRAITS)
def test_whose_answers_are_judged_otherwise(field: str) -> None:
    for key, provider in BY_KEY.items():
        assert getattr(provider.traits, field) == TRAITS[field].get(key, PLAIN.get(field, False)), key


def test_the_spans_that_all_share() -> None:
    assert (DAY_S, CLOCKS_DIFFER.total_seconds()) == (24 * H, 300)
    assert NEVER_AGAIN > 36_000, "days"


# a secret of the vendor's form, and what looks like it and is too short or another's: what logs and error texts are masked by
FORMS: Final[dict[str, tuple[list[str], list[str]]]] = {
    "ngc": (["nvapi-abcDEF_1234-5678"], ["nvapi-abcDEF_12345", "napi-abcdefghijklmnopqrst"]),
    "dockerhub": (["dckr_pat_abcDEF-_12", "dckr_oat_abcDEF-_12"], ["dckr_pat_abcdefghi", "dckr_xat_abcdefghijkl"]),
    "ghcr": (["ghp_abcDEF._-1234567", "gho_abcDEF0123456789", "ghu_abcDEF0123456789", "ghs_abcDEF0123456789", "ghr_abcDEF0123456789", "github_pat_abcDEF_123456789"],
             ["ghx_abcDEF0123456789", "ghp_abcDEF012345678", "github_pat_abcDEF_12345678"]),
    "gitlab": (["glpat-abcDEF._-123456789012", "gldt-abcdefghijklmnopqrst"], ["glpat-abcdefghijklmnopqrs", "pat-abcdefghijklmnopqrst"]),
    "quay": (["A1" * 32], ["A1" * 31, "A1" * 33, "a1" * 32]),
    "gar": (["ya29.abcDEF_.-012345678", "-----BEGIN PRIVATE KEY-----abcdefghijklmnop"], ["ya29.abcDEF_.-01234", "-----BEGIN PRIVATE KEY-----abcdefghijklmno-"]),
    "ecr": (["eyJwYXlsb2Fk" + "a" * 40], ["eyJwYXlsb2Fk" + "a" * 39, "eyJ" + "a" * 60]),
    "ecr-public": (["eyJwYXlsb2Fk" + "a" * 40], ["eyJwYXlsb2Fk" + "a" * 39]),
    "acr": (["a" * 42 + "+ACRabcDEF"], ["a" * 41 + "+ACRabcDEF", "a" * 42 + "+ACRabcDE", "a" * 42 + "ACRabcDEF"]),
    "artifactory": (["AKCp" + "a" * 69, "cmVmdGtu" + "a" * 56], ["AKCp" + "a" * 68, "cmVmdGtu" + "a" * 55]),
    "digitalocean": (["dop_v1_" + "a" * 16, "doo_v1_" + "0" * 16, "dor_v1_" + "f" * 64], ["dop_v1_" + "a" * 15, "dox_v1_" + "a" * 20]),
    "zot": (["zak_abcDEF_-12345678"], ["zak_abcDEF_-1234567"]),
}  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.key)
def test_a_secret_of_its_form_is_known_wherever_it_stands(provider: Provider) -> None:
    known, unknown = FORMS.get("gitlab" if provider.key == "gitlab-self-managed" else provider.key, ([], []))

    def found(text: str) -> bool:
        return any((match := shape.search(f"x {text}: y")) is not None and match[0].startswith(text) for shape in provider.secret_shapes)

    assert [text for text in known if not found(text)] == []
    assert [text for text in unknown if found(text)] == []
    assert bool(provider.secret_shapes) == bool(known)


def test_who_gives_out_what_is_another_vendors_at_all_others() -> None:
    """README 7, row 5: named vendors refuse another's prefix before anything is sent."""
    from validator.providers.base import foreign

    prefixes = {
        "ngc": ["nvapi-x"], "dockerhub": ["dckr_pat_x", "dckr_oat_x"], "ghcr": ["ghp_x", "gho_x", "ghu_x", "ghs_x", "ghr_x", "github_pat_x"],
        "gitlab": [f"gl{kind}-x" for kind in ("pat", "dt", "cbt", "rt", "rtr", "ptt", "ft", "imt", "agent", "oas", "soat", "ffct", "wt")],
        "huggingface": ["hf_" + "a" * 20], "digitalocean": ["dop_v1_" + "a" * 64, "doo_v1_" + "0" * 64, "dor_v1_" + "f" * 64],
    }  # fmt: skip
    for owner, texts in prefixes.items():
        for text in texts:
            assert foreign(f" {text}\n", "quay"), text
            assert not foreign(text, owner), text
            assert not foreign(f"a{text}", "quay"), text
    assert not any(foreign(text, "quay") for text in ("hf_" + "a" * 19, "dop_v1_" + "a" * 63, "dckr_x", "ghx_x", "glx-x", "nvapi", "x"))


def test_harbor_and_hub_and_gitlab_tell_of_nobody() -> None:
    """Their tokens' own claims: an empty subject, `auth_type` none; what does not tell says nothing."""
    from validator.protocol.token import TokenClaims

    told = {key: provider.nobody_claims for key, provider in BY_KEY.items() if provider.nobody_claims is not None}
    assert set(told) == {"dockerhub", "harbor", "gitlab", "gitlab-self-managed"}
    for key in ("dockerhub", "harbor"):
        assert [told[key](TokenClaims(sub=sub)) for sub in (None, "", "jane")] == [None, True, False]
    assert [told["gitlab"](TokenClaims(auth_type=kind)) for kind in (None, "none", "gitlab_or_ldap")] == [None, True, False]
    assert provider_named("nobody") is None


def test_the_steps_are_those_of_the_contract() -> None:
    assert [step.value for step in Step] == ["ping", "login", "scoped_login", "pull", "manifest", "config", "opinion", "detail", "elsewhere"]
