"""`POST /v1/admission` with a recorded review: it warns, denies only by setting, never by a doubt, and knows whose key counts."""

from __future__ import annotations

import copy
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.api.conftest import Answered, Open, Service
from tests.cases.scripted import SECRET, Answers, Say, Scripted, err, image
from validator.api.admission import ReviewRequest, whose
from validator.config import Admission

RECORDED = json.loads((Path(__file__).parent / "recorded" / "pod-create.json").read_text())
PUBLIC: Answers = {"H0": image()[0]}
LABEL = "example.org/user"
PLATFORM = "system:serviceaccount:osmo:osmo-backend"
MAPPED = {"users": {"team-a": "ann"}}
LABELLED = {"user_label": LABEL, "service_accounts": [PLATFORM]}


def review(registry: str = "reg.test", **changes: Any) -> dict[str, Any]:
    """The recorded review, of images of `registry`; `changes` are of its request."""
    made: dict[str, Any] = json.loads(json.dumps(RECORDED).replace("REGISTRY", registry))
    made["request"] |= changes
    return made


async def told(service: Service, sent: Any, *, query: str = "") -> dict[str, Any]:
    answer = await service.post(f"/v1/admission{query}", sent, await service.token("preflight"))
    assert (answer.status, answer.body["apiVersion"], answer.body["kind"]) == (200, "admission.k8s.io/v1", "AdmissionReview")
    response: dict[str, Any] = answer.body["response"]
    assert response["uid"] == RECORDED["request"]["uid"]
    assert all(len(warning) <= 256 and warning.isprintable() for warning in response.get("warnings", []))
    return response


async def test_over_tls_the_recorded_pod_of_a_mapped_namespace_passes_with_its_users_key(opening: Open, tmp_path: Path) -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    made = authority.issue_cert("localhost", "127.0.0.1")
    files = {"cert_file": str(tmp_path / "tls.crt"), "key_file": str(tmp_path / "tls.key")}
    made.private_key_and_cert_chain_pem.write_to_path(files["cert_file"])
    made.private_key_pem.write_to_path(files["key_file"])
    async with Scripted({}) as registry, opening(registries=registry.settings(), api={"tls": files, "admission": MAPPED}) as service:
        await service.keep("ann", "key", registry.host)
        assert service.url.scheme == "https"
        answer = await service.post("/v1/admission?timeout=10s", review(registry.host), await service.token("preflight"), ssl=trusting)
        assert answer.body["response"] == {"uid": RECORDED["request"]["uid"], "allowed": True}
        assert registry.count("H+") == 2, "both containers, with ann's key"


@pytest.mark.parametrize(("deny", "allowed"), [(False, True), (True, False)])
async def test_what_is_blocked_is_warned_of_and_denied_only_by_setting(deny: bool, allowed: bool, opening: Open) -> None:
    script: Answers = {"L+": err("UNAUTHORIZED"), "T+": err("UNAUTHORIZED"), **PUBLIC}
    async with Scripted(script) as registry, opening(registries=registry.settings(), api={"admission": {**MAPPED, "deny": deny}}) as service:
        await service.keep("ann", "old-key", registry.host)
        response = await told(service, review(registry.host))
        assert (response["allowed"], len(response["warnings"])) == (allowed, 2)
        assert "denied (credential_refused)" in response["warnings"][0]
        assert SECRET not in str(response)
        if deny:
            assert response["status"]["code"] == 403
            assert "old-key" in response["status"]["message"]


async def test_a_doubt_denies_nothing(opening: Open) -> None:
    strict = {"admission": {**MAPPED, "deny": True}}
    async with Scripted({"P0": Say(503), "H0": Say(503)}) as registry, opening(registries=registry.settings(), api=strict) as service:
        response = await told(service, review(registry.host))
        assert response["allowed"]
        assert "unknown (server_error)" in response["warnings"][0]


async def test_a_slow_registry_is_let_pass_before_the_webhooks_timeout(opening: Open) -> None:
    strict = {"admission": {**MAPPED, "deny": True, "deadline_s": 20}}
    async with Scripted({"H0": Say(200, delay_s=30)}) as registry, opening(registries=registry.settings(), api=strict) as service:
        before = service.house.monotonic()
        response = await told(service, review(registry.host), query="?timeout=1s")
        assert response["allowed"]
        assert "unknown (deadline)" in response["warnings"][0]
        assert service.house.monotonic() - before < 14


async def test_without_a_user_only_anonymous_pulls_are_proven_and_it_says_so(opening: Open) -> None:
    async with Scripted({}) as registry, opening(registries=registry.settings(), api={"admission": {"deny": True}}) as service:
        await service.keep("ann", "key", registry.host)
        response = await told(service, review(registry.host))
        assert response["allowed"], "somebody's key may pull it: nothing is certain"
        assert "no user is known" in response["warnings"][-1]
        assert registry.count("H+", "T+", "L+") == 0


def request_of(sent: dict[str, Any]) -> ReviewRequest:
    return ReviewRequest.model_validate(sent["request"])


ANYBODY = {"username": "eve", "groups": ["system:masters"]}
WHOSE: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "a namespace's user": (MAPPED, {}, "ann"),
    "another namespace": (MAPPED, {"namespace": "team-b"}, None),
    "no namespace": (MAPPED, {"namespace": ""}, None),
    "the platform's label": (LABELLED, {}, "ann"),
    "the label by anybody": (LABELLED, {"userInfo": ANYBODY}, None),
    "the label by nobody": (LABELLED, {"userInfo": {}}, None),
    "another service account": (LABELLED, {"userInfo": {"username": "system:serviceaccount:team-a:osmo-backend"}}, None),
    "a label that the settings do not name": ({"service_accounts": [PLATFORM]}, {}, None),
    "the platform's label before the namespace's user": ({**LABELLED, "users": {"team-a": "bob"}}, {}, "ann"),
    "the namespace's user where anybody wrote a label": ({**LABELLED, "users": {"team-a": "bob"}}, {"userInfo": ANYBODY}, "bob"),
}


@pytest.mark.parametrize(("said", "changes", "user"), WHOSE.values(), ids=WHOSE.keys())
def test_whose_credentials_count_is_the_operators_word(said: dict[str, Any], changes: dict[str, Any], user: str | None) -> None:
    found, why = whose(Admission.model_validate(said), request_of(review(**changes)))
    assert (found, bool(why)) == (user, user is None)


@pytest.mark.parametrize("value", ["", "*", 7, None, ["ann"], "a\nb"])
def test_a_label_that_names_nobody_is_none(value: Any) -> None:
    sent = review()
    sent["request"]["object"]["metadata"]["labels"][LABEL] = value
    assert whose(Admission.model_validate(LABELLED), request_of(sent))[0] is None


def test_an_annotation_may_name_what_no_label_can_hold() -> None:
    sent = review()
    del sent["request"]["object"]["metadata"]["labels"][LABEL]
    sent["request"]["object"]["metadata"]["annotations"] = {LABEL: "ann@example.org"}
    assert whose(Admission.model_validate(LABELLED), request_of(sent))[0] == "ann@example.org"


async def test_templates_of_workloads_are_read_too(opening: Open) -> None:
    pod = RECORDED["request"]["object"]
    template = {"metadata": pod["metadata"], "spec": pod["spec"]}
    deployment = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}, "spec": {"replicas": 2, "template": template}}
    async with Scripted(dict(PUBLIC)) as registry, opening(registries=registry.settings()) as service:
        sent = review(registry.host)
        sent["request"]["object"] = json.loads(json.dumps(deployment).replace("REGISTRY", registry.host))
        response = await told(service, sent)
        assert (response["allowed"], registry.count("H0")) == (True, 2)


async def test_an_update_is_judged_by_its_new_images_alone(opening: Open) -> None:
    async with Scripted(dict(PUBLIC)) as registry, opening(registries=registry.settings()) as service:
        sent = review(registry.host, operation="UPDATE")
        sent["request"]["oldObject"] = copy.deepcopy(sent["request"]["object"])
        assert await told(service, sent) == {"uid": RECORDED["request"]["uid"], "allowed": True}
        sent["request"]["object"]["spec"]["containers"][0]["image"] = f"{registry.host}/team/app:2"
        assert (await told(service, sent))["allowed"]
        assert registry.count("H0") == 1


PASSING: dict[str, dict[str, Any]] = {
    "a deletion": {"operation": "DELETE", "object": None},
    "a connection": {"operation": "CONNECT", "object": {"kind": "PodExecOptions", "apiVersion": "v1"}},
    "no containers": {"object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x"}, "data": {"containers": "x"}}},
    "an object that is none": {"object": {"hello": "world"}},
    "containers of another kind": {"object": {"kind": "X", "apiVersion": "y/v1", "metadata": {"name": "x"}, "containers": [{"image": 7}]}},
    "too many images": {"object": {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": f"a/b:{n}"} for n in range(1001)]}}},
    "an odd character": {"object": {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": "a\u0085b\ufeff\u007f"}]}}},
}


async def test_what_has_no_images_to_judge_passes(opening: Open) -> None:
    async with opening(api={"admission": {"deny": True}}) as service:
        for name, changes in PASSING.items():
            assert (await told(service, review(**changes)))["allowed"], name


async def test_a_fault_of_ours_stops_no_cluster(opening: Open) -> None:
    async with opening(api={"admission": {**MAPPED, "deny": True}}) as service:

        def broken(user: str) -> None:
            raise RuntimeError("boom")

        service.house.store.as_kubelet = broken  # type: ignore[method-assign,assignment]
        response = await told(service, review())
        assert response["allowed"]
        assert response["warnings"] == ["validator: not judged: the service has a fault of its own"]


NONE: dict[str, Any] = {
    "nothing": {},
    "no request": {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"},
    "an older version": {**RECORDED, "apiVersion": "admission.k8s.io/v1beta1"},
    "another kind": {**RECORDED, "kind": "Pod"},
    "no uid": {**RECORDED, "request": {}},
    "a list": [],
}


async def test_what_is_no_review_is_a_400(service: Service) -> None:
    token = await service.token("preflight")
    for name, sent in NONE.items():
        answer = await service.post("/v1/admission", sent, token)
        assert (answer.status, answer.kind) == (400, "bad_request"), name


async def test_api_servers_that_cannot_send_a_token_are_listed_by_address(opening: Open) -> None:
    def status(answer: Answered) -> int:
        return answer.status

    async with opening(api={"admission": {"addresses": ["127.0.0.1"]}}) as service:
        assert status(await service.post("/v1/admission", review(operation="DELETE"))) == 200
        assert status(await service.get("/v1/sweeps")) == 401, "for this one route alone"
    async with opening(api={"admission": {"addresses": ["10.0.0.0/8"]}}) as service:
        assert status(await service.post("/v1/admission", review(operation="DELETE"))) == 401


async def test_a_token_of_one_user_never_judges_with_anothers_key(opening: Open) -> None:
    async with Scripted({}) as registry, opening(registries=registry.settings(), api={"admission": MAPPED}) as service:
        await service.keep("ann", "key", registry.host)
        answer = await service.post("/v1/admission", review(registry.host), await service.token("preflight", user="bob"))
        assert answer.body["response"]["allowed"]
        assert registry.count("H+", "T+", "L+") == 0
