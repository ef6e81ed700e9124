"""`/v1/users/{user}/credentials`: the last confirmed word, and asking anew; never a secret, never a death by one refusal."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

import pytest

from tests.api.conftest import Open, Service
from tests.cases.scripted import SECRET, Scripted, err
from validator.credential import OSMOS_OWN
from validator.logs import MASK

HONEST = {"L!": err("UNAUTHORIZED"), "T!": err("UNAUTHORIZED")}
ROW = ["user", "name", "registry", "verdict", "reason", "level", "state", "transition", "checked_at", "last_attempt", "expires_at"]


async def test_a_checked_credential_shows_what_was_confirmed(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        await service.keep("ann", "key", registry.host, proof=f"{registry.host}/team/app:1")
        token = await service.token(user="ann")
        before = (await service.get("/v1/users/ann/credentials/key", token)).body
        assert (list(before), before["state"], before["verdict"]) == (ROW, "never_checked", None)
        answer = (await service.post("/v1/users/ann/credentials/key/check", None, token)).body
        assert (answer["verdict"], answer["level"], answer["image"]["outcome"]) == ("valid", "pull", "pullable")
        [row] = (await service.get("/v1/users/ann/credentials", token)).body["credentials"]
        assert (row["state"], row["verdict"], row["level"]) == ("alive", "valid", "pull")
        assert row == (await service.get("/v1/users/ann/credentials/key", token)).body


async def test_of_osmos_own_credential_no_username_is_shown(opening: Open) -> None:
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings()) as service:
        await service.keep(OSMOS_OWN, "backend_images", registry.host)
        answer = await service.post(f"/v1/users/{OSMOS_OWN}/credentials/backend_images/check", None, await service.token())
        assert (answer.body["verdict"], answer.body["username"]) == ("valid", MASK)


async def test_one_refusal_makes_a_suspect_whose_former_verdict_is_shown(opening: Open) -> None:
    wide = {"pace": {"refused": {60: 400}, "refused_per_username": {}}}
    async with Scripted(dict(HONEST)) as registry, opening(registries=registry.settings(**wide)) as service:
        await service.keep("ann", "key", registry.host)
        token = await service.token(user="ann")
        path = "/v1/users/ann/credentials/key"
        assert (await service.post(f"{path}/check", None, token)).body["verdict"] == "valid"
        registry.script |= {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED")}
        for later in (timedelta(), timedelta(hours=1)):
            service.house.probe.now = partial(_at, service.house.now(), later)
            assert (await service.post(f"{path}/check", None, token)).body["verdict"] == "invalid"
        row = (await service.get(path, token)).body
        assert (row["state"], row["verdict"]) == ("suspect", "valid"), "whether the registry was well between is a sweep's to see"


def _at(now: datetime, later: timedelta) -> datetime:
    return now + later


async def test_a_user_is_named_as_the_platform_names_them(service: Service) -> None:
    for user in ("ann@example.org", "a/b", "jörg", "a b", "%"):
        await service.keep(user, "key", "nvcr.io")
        token = await service.token(user=user)
        assert [row["user"] for row in (await service.get(f"/v1/users/{quote(user, safe='')}/credentials", token)).body["credentials"]] == [user]


async def test_a_row_that_cannot_be_opened_is_the_operators_fault(service: Service) -> None:
    from sqlalchemy import text

    await service.keep("ann", "key", "nvcr.io")
    database = service.house.ledger._database

    async def spoil(connection) -> None:
        await connection.execute(text("UPDATE credentials SET secret = 'x'"))

    await database.write(spoil)
    token = await service.token(user="ann")
    answer = (await service.post("/v1/users/ann/credentials/key/check", None, token)).body
    assert (answer["verdict"], answer["reason"]) == ("unknown", "unreadable")
    assert (await service.get("/v1/users/ann/credentials/key", token)).body["state"] == "never_checked"


@pytest.mark.parametrize(
    "path", ["/v1/users/ann/credentials/none", "/v1/users//credentials", "/v1/users/ann/credentials/", "/v1/none", "/v2/", "/healthz/"]
)
async def test_what_is_not_there_is_404(path: str, service: Service) -> None:
    await service.keep("ann", "key", "nvcr.io")
    answer = await service.get(path, await service.token())
    assert (answer.status, answer.kind) == (404, "not_found")


async def test_refused_checks_of_stored_credentials_count_for_their_caller(opening: Open) -> None:
    wide = {"pace": {"refused": {60: 400}, "refused_per_username": {}, "repeat_after_s": 0}}
    async with Scripted({**HONEST, "L+": err("UNAUTHORIZED")}) as registry, opening(registries=registry.settings(**wide)) as service:
        await service.keep("ann", "key", registry.host, SECRET)
        token = await service.token("preflight", user="ann")
        statuses = [(await service.post("/v1/users/ann/credentials/key/check", None, token)).status for _ in range(6)]
        assert statuses == [200] * 5 + [429]
