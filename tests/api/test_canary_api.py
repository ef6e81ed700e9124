"""No route, status, problem, page, metric or log line shows a secret: of a body, a token, a stored credential, or a registry that echoes it."""

from __future__ import annotations

import base64
import io
import json
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest

from tests.api.conftest import Answered, Open, Service
from tests.cases.scripted import Answers, Say, Scripted, err
from validator.logs import configure_logging

USERNAME: Final = "jane"
CANARY: Final = "CANARY/s3cret+of jane§"


def forms() -> list[str]:
    raw = [CANARY, quote(CANARY), quote(CANARY, safe=""), quote_plus(CANARY), json.dumps(CANARY)[1:-1], CANARY.replace("+", "&#43;")]
    coded = [base64.b64encode(text.encode()).decode().rstrip("=") for text in (CANARY, f"{USERNAME}:{CANARY}")]
    return [*raw, *coded, *(text.replace("+", "-").replace("/", "_") for text in coded)]


def echo(status: int) -> Say:
    basic = base64.b64encode(f"{USERNAME}:{CANARY}".encode()).decode()
    return err("UNAUTHORIZED", status, f"no {CANARY} for you; you sent Basic {basic}; {quote(CANARY, safe='')}")


SCRIPTS: Final[dict[str, Answers]] = {
    "accepted": {"L!": err("UNAUTHORIZED"), "T!": err("UNAUTHORIZED")},
    "refused, echoed": {"L+": echo(401), "T+": echo(401), "L!": echo(401), "T!": echo(401)},
    "denied, echoed": {"L!": echo(403), "T!": echo(403), "H!": echo(403)},
    "ill, echoed": {"L!": echo(500), "T!": echo(500)},
    "not JSON": {"L!": Say(200, CANARY.encode(), kind="text/html"), "T!": Say(200, CANARY.encode(), kind="text/html")},
}


async def everything(service: Service, host: str) -> list[Answered]:
    """Every route with the secret where one may stand, and where none should."""
    await service.keep("ann", "key", host, CANARY, username=USERNAME)
    token = await service.token()
    body: dict[str, Any] = {"registry": host, "username": USERNAME, "auth": CANARY}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "1", "operation": "CREATE", "namespace": "team-a", "object": {
            "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": f"{host}/team/app", "env": [{"name": "X", "value": CANARY}]}]}}}}  # fmt: skip
    return [
        await service.post("/v1/check", body, token),
        await service.post("/v1/check", {**body, "image": f"{host}/team/app"}, token),
        await service.post("/v1/check", {**body, "auth": [CANARY]}, token),
        await service.post("/v1/check", {**body, f"auth={CANARY}": 1}, token),
        await service.post("/v1/check", {**body, "platform": CANARY}, token),
        await service.post("/v1/check", {**body, "registry": f"https://{USERNAME}:{quote(CANARY, safe='')}@{host}"}, token),
        await service.ask("POST", "/v1/check", json.dumps(body)[:-1].encode(), token=token),
        await service.post("/v1/preflight", {"user": "ann", "images": [f"{host}/team/app"]}, token),
        await service.post("/v1/preflight", {"user": "ann", "workflow": f"TOKEN={CANARY}"}, token),
        await service.post("/v1/users/ann/credentials/key/check", None, token),
        await service.get("/v1/users/ann/credentials", token),
        await service.get("/v1/users/ann/credentials/key", token),
        await service.get("/v1/registries", token),
        await service.post("/v1/admission", review, token),
        await service.get("/metrics", token),
        await service.get("/", token),
        await service.get("/openapi.json"),
        await service.get(f"/{quote(CANARY, safe='')}?token={quote(CANARY, safe='')}", token),
        await service.get("/v1/sweeps", headers={"Authorization": f"Basic {base64.b64encode(f'{USERNAME}:{CANARY}'.encode()).decode()}"}),
        await service.ask("POST", "/", f"token={quote(CANARY, safe='')}".encode(), headers={"Origin": f"{service.url}".rstrip("/")}),
    ]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_nothing_shows_a_secret(script: Answers, opening: Open) -> None:
    log = io.StringIO()
    configure_logging("debug", stream=log, json=True)
    # To this registry the canary secret is "!", as any that is not its own jane's.
    mapped = {"admission": {"users": {"team-a": "ann"}}}
    async with Scripted(dict(script)) as registry, opening(registries=registry.settings(), api=mapped) as service:
        answers = await everything(service, registry.host)
        sent = answers[0].status, registry.count("L!", "T!") > 0
        for answer in answers:
            text = answer.text + str(dict(answer.headers))
            assert [form for form in forms() if form in text] == []
    assert sent == (200, True)
    assert [form for form in forms() if form in log.getvalue()] == []
    assert "vld_" not in log.getvalue()


async def test_a_planted_leak_is_seen(opening: Open) -> None:
    """The forms above are those that are looked for."""
    async with Scripted({}) as registry, opening(registries=registry.settings()) as service:
        await service.keep(CANARY, "key", registry.host)
        answer = await service.get(f"/v1/users/{quote(CANARY, safe='')}/credentials", await service.token())
        assert [form for form in forms() if form in answer.text] != []
