"""The emulated registries of the other vendors answer as their pages tell: registries/others.md."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.emulated.conftest import Answered, Ask, Clock
from validator.emulator.artifactory import Artifactory
from validator.emulator.aws import Ecr, EcrPublic
from validator.emulator.azure import Acr
from validator.emulator.base import ACCEPT_ALL, read_jwt
from validator.emulator.clouds import DIGITALOCEAN, IBM, SCALEWAY, Cloud
from validator.emulator.google import ArtifactRegistry
from validator.emulator.plain import Plain
from validator.emulator.quay import Quay


@pytest.fixture
async def running() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def token(ask: Ask, plain: Plain, who: str | tuple[str, str] | None, repository: str | None = None) -> Answered:
    query = f"?service={plain.options.service}" + (f"&scope=repository:{repository}:pull" if repository else "")
    return await ask(plain.realm + query, login=plain.login(who) if isinstance(who, str) else who)


async def head(ask: Ask, plain: Plain, repository: str, **more: object) -> Answered:
    return await ask(plain.registry.url(f"/v2/{repository}/manifests/1"), "GET", headers={"Accept": ACCEPT_ALL}, **more)  # type: ignore[arg-type]


def said(answered: Answered) -> tuple[int, str]:
    error = answered.content["errors"][0]
    return answered.status, f"{error['code']} {error['message']}"


async def test_quay(ask: Ask, running: AsyncExitStack, clock: Clock) -> None:
    quay = await running.enter_async_context(Quay(clock=clock))
    good = await token(ask, quay, "robot", "team/app")
    assert (good.status, read_jwt(good.content["token"])["access"][0]["actions"]) == (200, ["pull"])  # type: ignore[index]
    assert "expires_in" not in good.content
    nobody = await token(ask, quay, None, "team/app")
    assert read_jwt(nobody.content["token"])["access"][0]["actions"] == []  # type: ignore[index]
    assert said(await token(ask, quay, None)) == (401, "UNAUTHORIZED access to the requested resource is not authorized")
    for repository in (None, "team/app"):
        assert (await token(ask, quay, ("team+ci", "wrong"), repository)).status == 401
    assert said(await token(ask, quay, "robot_disabled")) == (401, "UNAUTHORIZED Robot gone+ci owner gone is disabled")
    quay.disabled.add("team")
    assert said(await token(ask, quay, "robot", "team/app"))[0] == 405
    for _ in range(7):
        assert (await token(ask, quay, ("alice", "wrong"))).status == 401
        clock.now += 120
    clock.now -= 119
    locked = await token(ask, quay, "good")
    assert (locked.status, locked.headers["Retry-After"], locked.body[:23]) == (429, "62", b"Too many login attempts")
    clock.now += 63
    assert ((await token(ask, quay, "good")).status, quay.failures["alice"]) == (200, 0)


async def test_artifact_registry(ask: Ask, running: AsyncExitStack) -> None:
    google = await running.enter_async_context(ArtifactRegistry())
    assert (await token(ask, google, "key", "project/repo/app")).status == 200
    assert (await token(ask, google, None, "project/open/app")).status == 200
    for who in ("key_dead", None):
        status, text = said(await token(ask, google, who, "project/repo/app"))
        assert (status, text.startswith("DENIED Unauthenticated request. ")) == (403, True)
    assert 'Permission "artifactregistry' in said(await token(ask, google, "key_outside", "project/repo/app"))[1]


async def test_ecr(ask: Ask, running: AsyncExitStack) -> None:
    ecr = await running.enter_async_context(Ecr())
    nobody = await ask(ecr.registry.url("/v2/"))
    assert (nobody.status, nobody.body, nobody.challenge) == (401, b"Not Authorized\n", f'Basic realm="{ecr.realm}",service="ecr.amazonaws.com"')
    assert (await ask(ecr.registry.url("/v2/"), login=ecr.login("good"))).status == 200
    assert said(await ask(ecr.registry.url("/v2/"), login=ecr.login("ended")))[1].startswith("DENIED Your authorization token has expired")
    assert (await head(ask, ecr, "team/app", login=ecr.login("good"))).status == 200
    assert said(await head(ask, ecr, "team/app", login=ecr.login("outsider")))[0] == 403
    public = await running.enter_async_context(EcrPublic())
    bearer = (await token(ask, public, None, "team/app")).content["token"]
    assert (await head(ask, public, "team/app", bearer=bearer)).status == 200
    public.forget_tokens()
    old = await head(ask, public, "team/app", bearer=bearer)
    assert (old.status, old.challenge) == (400, None)


async def test_acr(ask: Ask, running: AsyncExitStack) -> None:
    acr = await running.enter_async_context(Acr())
    assert list((await token(ask, acr, "principal")).content) == ["access_token"]
    assert (await ask(acr.registry.url("/v2/"), login=acr.login("token"))).status == 200
    guest = (await token(ask, acr, "guest", "team/app")).content["access_token"]
    assert (await head(ask, acr, "team/app", bearer=guest)).status == 401
    acr.closed = True
    assert "is not allowed access" in said(await ask(acr.registry.url("/v2/")))[1]


async def test_artifactory(ask: Ask, running: AsyncExitStack, clock: Clock) -> None:
    artifactory = await running.enter_async_context(Artifactory(clock=clock, suspend_after=2))
    assert (await token(ask, artifactory, "good")).status == 200
    for _ in range(2):
        refused = await token(ask, artifactory, ("alice", "wrong"))
        assert (refused.status, refused.content) == (401, {"statusCode": 401, "details": "BAD_CREDENTIAL"})
    assert (await token(ask, artifactory, "good")).status == 403
    clock.now += 61
    assert (await token(ask, artifactory, "good")).status == 200


async def test_clouds(ask: Ask, running: AsyncExitStack) -> None:
    ibm = await running.enter_async_context(Cloud(IBM))
    assert (await ask(ibm.registry.url("/v2/"))).challenge == (
        f"Bearer realm={ibm.registry.url('/oauth/token')}, service=registry, scope=repository:namespace/app:pull"
    )
    for manner, status in ((DIGITALOCEAN, 400), (SCALEWAY, 404)):
        cloud = await running.enter_async_context(Cloud(manner))
        assert cloud.realm.startswith(cloud.auth.url())
        secret = cloud.login("good")[1]
        assert (await token(ask, cloud, ("whoever", secret), "team/app")).status == 200
        assert (await token(ask, cloud, ("whoever", secret), "nowhere/app")).status == status
        assert (await token(ask, cloud, "dead")).status == 401
