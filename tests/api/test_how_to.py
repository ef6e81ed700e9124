"""What `docs/how-to` says of the service: its request, its Python, its webhook and the manifests around it."""

from __future__ import annotations

import base64
import shlex
import ssl
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.api.conftest import Open
from tests.api.test_admission import RECORDED, review
from tests.cases.scripted import Answers, Say, Scripted, err
from tests.docs.pages import block, blocks, commands
from tests.docs.programs import REGISTRY, example
from validator.api import routes_of
from validator.api.admission import MARGIN_S
from validator.client import Client
from validator.config import Settings

DEAD: Answers = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED")}
WORKFLOW = f"workflow:\n  name: train\n  tasks:\n  - name: a\n    image: {REGISTRY}/team/app:1\n"


async def test_the_request_of_the_page(opening: Open) -> None:
    [command] = commands("submission-service.md")
    words = shlex.split(command)[1:]
    headers = dict(word.split(": ", 1) for option, word in pairwise(words) if option == "--header")
    [sent] = [word for option, word in pairwise(words) if option == "--data"]
    [url] = [word for word in words if word.startswith("$VALIDATOR")]
    async with Scripted({}) as registry, opening(registries=example(registry)) as service:
        await service.keep("ann", "key", REGISTRY)
        headers["Authorization"] = headers["Authorization"].replace("$TOKEN", await service.token("preflight"))
        answer = await service.ask("POST", url.removeprefix("$VALIDATOR"), sent.encode(), headers=headers)
        assert (answer.status, answer.body["outcome"], answer.body["images"][0]["via"]) == (200, "ready", "key")


WORDS: dict[str, tuple[Answers, list[str], str]] = {
    "ready": ({}, [], ""),
    "blocked": (DEAD, [f"{REGISTRY}/team/app:1 (line 5): Every stored credential that matches is refused"], ""),
    "unknown": ({"P0": Say(503), "T+": Say(503), "L+": Say(503), "H0": Say(503)}, [], "submitted, though not every image could be checked\n"),
}


@pytest.mark.parametrize(("script", "lines", "said"), WORDS.values(), ids=WORDS.keys())
async def test_the_python_of_the_page(
    script: Answers, lines: list[str], said: str, opening: Open, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    names: dict[str, Any] = {}
    exec(block("submission-service.md", "async def refusal"), names)
    async with Scripted(dict(script)) as registry, opening(registries=example(registry)) as service:
        await service.keep("ann", "key", REGISTRY)
        async with Client(str(service.url), await service.token("preflight")) as client:
            told = await names["refusal"](client, "ann", WORKFLOW)
    assert [line.startswith(begin) for line, begin in zip(told.splitlines(), lines, strict=True)] == [True] * len(lines)
    assert capsys.readouterr().out == said


async def test_a_service_that_does_not_answer_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(block("submission-service.md", "async def refusal"), names)
    async with Client("http://127.0.0.1:9", "token") as client:
        assert await names["refusal"](client, "ann", WORKFLOW) == ""
    assert capsys.readouterr().out.startswith("submitted unchecked: the service did not answer")


def of_kind(kind: str) -> dict[str, Any]:
    """The page's manifest of this kind."""
    [found] = [made for text in blocks("admission-webhook.md") for made in yaml.safe_load_all(text) if made.get("kind") == kind]
    assert isinstance(found, dict)
    return found


API: dict[str, Any] = yaml.safe_load(block("admission-webhook.md", "deadline_s"))["api"]
[WEBHOOK] = of_kind("ValidatingWebhookConfiguration")["webhooks"]


def test_the_manifests_fit_one_another_the_settings_and_the_routes() -> None:
    settings = Settings.model_validate({"api": API}).api
    service, deployment = of_kind("Service"), of_kind("Deployment")
    template = deployment["spec"]["template"]
    [container] = template["spec"]["containers"]
    routes = {(route.method, route.path) for route in routes_of()}
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")]
    to = WEBHOOK["clientConfig"]["service"]
    assert ("POST", to["path"]) in routes
    assert {("GET", probe["path"]) for probe in probes} <= routes
    assert (to["name"], to["namespace"]) == (service["metadata"]["name"], service["metadata"]["namespace"])
    assert service["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    [port] = service["spec"]["ports"]
    assert (port["port"], to.get("port", 443)) == (443, 443)
    [listened] = container["ports"]
    assert {port["targetPort"], listened["containerPort"], *(probe["port"] for probe in probes)} == {settings.port}
    assert {probe["scheme"] for probe in probes} == {"HTTPS"}
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounted.values()) == {volume["name"] for volume in template["spec"]["volumes"]}
    assert settings.tls.cert_file is not None
    assert str(settings.tls.cert_file.parent) in mounted
    assert str(Path(container["args"][2]).parent) in mounted
    assert container["args"][:2] == ["serve", "--config"]


def test_the_webhook_never_stands_in_the_clusters_way() -> None:
    settings = Settings.model_validate({"api": API}).api
    assert WEBHOOK["failurePolicy"] == "Ignore"
    assert settings.admission.deadline_s + MARGIN_S <= WEBHOOK["timeoutSeconds"] <= 30
    assert (WEBHOOK["sideEffects"], WEBHOOK["admissionReviewVersions"], settings.admission.deny) == ("None", ["v1"], False)
    [expression] = WEBHOOK["namespaceSelector"]["matchExpressions"]
    assert (expression["operator"], expression["values"]) == ("NotIn", ["kube-system", of_kind("Deployment")["metadata"]["namespace"]])
    assert base64.b64decode(WEBHOOK["clientConfig"]["caBundle"], validate=True)


async def test_the_api_server_asks_as_the_webhook_says(opening: Open, tmp_path: Path) -> None:
    """Over TLS, by the Service's name, without a token, with the recorded review."""
    to = WEBHOOK["clientConfig"]["service"]
    name = f"{to['name']}.{to['namespace']}.svc"
    authority, trusting = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trusting)
    made = authority.issue_cert(name)
    tls = {"cert_file": str(tmp_path / "tls.crt"), "key_file": str(tmp_path / "tls.key")}
    made.private_key_and_cert_chain_pem.write_to_path(tls["cert_file"])
    made.private_key_pem.write_to_path(tls["key_file"])
    api = {**API, "host": "127.0.0.1", "port": 0, "tls": tls, "admission": {**API["admission"], "addresses": ["127.0.0.1"]}}
    assert RECORDED["request"]["namespace"] in API["admission"]["users"]
    async with Scripted(dict(DEAD)) as registry, opening(registries=example(registry), api=api) as service:
        await service.keep("ann", "old-key", REGISTRY)
        path = f"{to['path']}?timeout={WEBHOOK['timeoutSeconds']}s"
        answer = await service.post(path, review(REGISTRY), ssl=trusting, server_hostname=name)
        response = answer.body["response"]
        assert (answer.status, response["allowed"]) == (200, True)
        assert "denied (credential_refused)" in response["warnings"][0]
        assert "old-key" in response["warnings"][0], "ann's key, for the namespace is hers"
