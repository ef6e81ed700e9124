"""Where a secret may go: rows of others.md section 24 about realms and challenges, in the made-up world of names and TLS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import BEARERS, SECRET, Site, challenged, refused, token
from validator.protocol.challenge import choose_challenge, parse_challenges


async def served(world: World, registry: str, realm: str, service: str = "registry", *, names: tuple[str, ...] = (), more: str = "") -> Site:
    """A site under the registry's name, the realm's and `names`: any of them takes the secret and refuses another."""
    host = realm.partition("://")[2].partition("/")[0].partition(":")[0]
    path = "/" + realm.partition("://")[2].partition("/")[2]
    site = await world.serve(
        {"P": challenged(f'Bearer realm="{realm}",service="{service}"{more}'), path: [token(BEARERS["+"]), refused()]}, registry, host, *names
    )
    world.cli.registries = {}
    return site


def basic_at(site: Site) -> set[str]:
    """The hosts that a pair was sent to."""
    return {asked.host.removesuffix(":443") for asked in site.asked_of if asked.wire.login()[0] == "basic"}


@case("OTHER-29")
@pytest.mark.parametrize("path", ["/artifactory/api/docker/local/v2/token", "/api/docker/local/v2/token"])
async def test_artifactorys_realm_at_its_base_host(row: Row, path: str, world: World) -> None:
    site = await served(world, "docker.artifactory.example.com", f"https://artifactory.example.com:443{path}", "artifactory.example.com:443")
    row.holds(await world.check(registry="docker.artifactory.example.com"))
    assert basic_at(site) == {"artifactory.example.com"}


SSO = "https://sso.redhat.com/auth/realms/rhcc/protocol/redhat-docker-v2/auth"
SCW = "https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens"
SCALEWAY_KEY = "11111111-2222-3333-4444-555555555555"


@case("OTHER-39")
@pytest.mark.parametrize("own", ["registry.redhat.io", "registry.connect.redhat.com"])
async def test_red_hats_login_server(row: Row, own: str, world: World) -> None:
    for at, registry in enumerate((own, "registry.example.com", "quay.io")):
        site = await served(world, registry, SSO, "docker-registry")
        row.holds(await world.check(registry=registry, username="7654321|ci" if at == 0 else "jane"), at)
        assert basic_at(site) == ({"sso.redhat.com"} if at == 0 else set())
        assert at == 0 or site.secrets == []


@case("OTHER-40")
async def test_scaleways_login_server(row: Row, world: World) -> None:
    for at, registry in enumerate(("rg.fr-par.scw.cloud", "registry.example.com", "rg.fr-par.scw.cloud.example.com", "evil.scw.cloud")):
        site = await served(world, registry, SCW)
        result = await world.check(registry=registry, username="nologin", secret=SCALEWAY_KEY if at == 0 else SECRET)
        row.holds(result, at)
        assert basic_at(site) == ({"api.scaleway.com"} if at == 0 else set())


@pytest.mark.parametrize(
    "path", ["https://api.scaleway.com.evil.net/tokens", "https://api.scaleway.com:8443/tokens", "http://api.scaleway.com/tokens"]
)
async def test_what_looks_like_a_known_realm_is_none(path: str, world: World) -> None:
    site = await served(world, "rg.fr-par.scw.cloud", path)
    result = await world.check(registry="rg.fr-par.scw.cloud", username="nologin", secret=SCALEWAY_KEY)
    assert result.credential in ("unknown (unsafe_realm)", "unknown (insecure_scheme)")
    assert basic_at(site) == set()


@case("OTHER-41")
async def test_an_unquoted_challenge_of_ibm(row: Row, world: World) -> None:
    field = "Bearer realm=https://us.icr.io/oauth/token, service=registry, scope=repository:namespace/app:pull"
    chosen = choose_challenge(parse_challenges([field]))
    assert chosen is not None
    assert dict(chosen.parameters) == {
        "realm": "https://us.icr.io/oauth/token", "service": "registry", "scope": "repository:namespace/app:pull",
    }  # fmt: skip
    site = await world.serve({"P": challenged(field), "/oauth/token": [token(BEARERS["+"]), refused()]}, "us.icr.io")
    world.cli.registries = {}
    row.holds(await world.check(registry="us.icr.io", username="iamapikey"))
    assert [asked.wire.target for asked in site.asked_of if asked.wire.login()[0] == "basic"] == ["/oauth/token?service=registry"] * 2


@case("OTHER-44")
@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("evil.jfrog.io", "https://other.jfrog.io/artifactory/api/docker/x/v2/token"),
        ("evil.azurecr.io", "https://victim.azurecr.io/oauth2/token"),
        ("us-docker.pkg.dev", "https://evil-docker.pkg.dev/v2/token"),
        ("fra.ocir.io", "https://evil.ocir.io/20180419/docker/token"),
        ("us.icr.io", "https://evil.icr.io/oauth/token"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "https://evil.amazonaws.com/token"),
        ("docker.cloudsmith.io", "https://evil.cloudsmith.io/token"),
    ],
)
async def test_a_realm_of_another_tenant(row: Row, registry: str, realm: str, world: World) -> None:
    site = await served(world, registry, realm)
    row.holds(await world.check(registry=registry, username="AWS" if "ecr" in registry else "iamapikey"))
    assert site.secrets == []
    assert basic_at(site) == set()


async def test_a_challenge_widens_nothing(world: World) -> None:
    """Known by its challenge, a registry brings no realm host of its vendor's: only its own host and site."""
    for service, realm in (("harbor-registry", "https://sso.redhat.com/service/token"), ("container_registry", "https://codeberg.org/v2/token")):
        site = await served(world, "registry.example.com", realm, service)
        result = await world.check(registry="registry.example.com")
        assert (result.credential, site.secrets) == ("unknown (unsafe_realm)", [])


OWN: dict[str, Any] = {
    "quay.io": "https://quay.io/v2/auth",
    "europe-docker.pkg.dev": "https://europe-docker.pkg.dev/v2/token",
    "gcr.io": "https://gcr.io/v2/token",
    "acme.azurecr.io": "https://acme.azurecr.io/oauth2/token",
    "acme.jfrog.io": "https://acme.jfrog.io/artifactory/api/docker/x/v2/token",
    "registry.redhat.io": "https://registry.redhat.io/auth/realms/rhcc/protocol/redhat-docker-v2/auth",
    "cp.icr.io": "https://cp.icr.io/oauth/token",
    "iad.ocir.io": "https://iad.ocir.io/20180419/docker/token",
    "registry.digitalocean.com": "https://api.digitalocean.com/v2/registry/auth",
    "public.ecr.aws": "https://public.ecr.aws/token/",
    "registry.fr-par.aliyuncs.com": "https://dockerauth.fr-par.aliyuncs.com/auth",
}


@pytest.mark.parametrize("registry", OWN)
async def test_each_vendors_own_realm_gets_the_pair(registry: str, world: World) -> None:
    site = await served(world, registry, OWN[registry], registry)
    result = await world.check(registry=registry, username="team+ci" if registry == "quay.io" else "someone")
    assert result.credential == "valid (login_accepted)", result.out
    assert basic_at(site) == {OWN[registry].split("/")[2]}
