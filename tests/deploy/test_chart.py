"""What is shipped to be run: the chart by a renderer of its own few words, the compose file by its schema, the unit by systemd."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from tests.deploy.chart import CHART, RELEASE, rendered, values
from validator.config import Settings, load_settings
from validator.postgres import server_of

DEPLOY = CHART.parents[1]
EVERYTHING: dict[str, Any] = {
    "sweepJob": {"enabled": True}, "workers": {"replicas": 3}, "podMonitor": {"enabled": True}, "networkPolicy": {"morePorts": [5000, 25]}, "image": {"pullSecret": "pull"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
}  # fmt: skip


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each object that makes pods, and its pod."""
    for one in objects:
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one.get("spec", {})
        if "template" in spec:
            yield one, spec["template"]["spec"]


def test_the_chart_makes_what_it_says_and_nothing_twice() -> None:
    kinds = [(one["kind"], one["metadata"]["name"]) for one in rendered()]
    assert sorted(kinds) == [
        ("ConfigMap", f"{RELEASE}-settings"), ("Deployment", RELEASE), ("Job", f"{RELEASE}-migrate"), ("NetworkPolicy", RELEASE), ("Service", RELEASE),
        ("ServiceAccount", "validator"),
    ]  # fmt: skip
    more = {(one["kind"], one["metadata"]["name"]) for one in rendered(**EVERYTHING)} - set(kinds)
    assert more == {("CronJob", f"{RELEASE}-sweep"), ("Deployment", f"{RELEASE}-worker"), ("PodMonitor", RELEASE)}


def test_every_pod_keeps_the_restricted_profile_and_holds_no_secret() -> None:
    objects = rendered(**EVERYTHING)
    assert len(list(pods(objects))) == 4
    for one, pod in pods(objects):
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"], pod["serviceAccountName"]) == (False, False, "validator")
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert one["kind"] == "Deployment" or pod["restartPolicy"] == "Never"
        mounted = {volume["name"] for volume in pod["volumes"]}
        for container in (*pod["initContainers"], *pod["containers"]):
            said = container["securityContext"]
            assert (said["allowPrivilegeEscalation"], said["readOnlyRootFilesystem"], said["capabilities"]) == (False, True, {"drop": ["ALL"]})
            assert {mount["name"] for mount in container["volumeMounts"]} <= mounted
            assert not any("subPath" in mount for mount in container["volumeMounts"]), "a rotation of a mounted file would not be seen"
            assert {"requests", "limits"} <= set(container["resources"])
        secret = [entry for container in pod["containers"] for entry in container["env"] if "valueFrom" in entry]
        assert [(entry["name"], entry["valueFrom"]["secretKeyRef"]["name"]) for entry in secret] == [("OSMO_POSTGRES_PASSWORD", "validator-postgres")]


def test_a_sweep_is_never_run_again_by_kubernetes() -> None:
    for workers, args in ((0, ["sweep"]), (4, ["worker", "--once"])):
        objects = rendered(sweepJob={"enabled": True, "workers": workers})
        [job] = [one["spec"]["jobTemplate"]["spec"] for one in objects if one["kind"] == "CronJob"]
        pod = job["template"]["spec"]
        assert (job["backoffLimit"], pod["restartPolicy"], pod["containers"][0]["args"]) == (0, "Never", args)
        assert (job.get("parallelism", 0), job.get("completions", 0)) == (workers, workers)


def test_workers_are_as_many_as_wanted_and_are_ended_when_they_show_no_life() -> None:
    [workers] = [one["spec"] for one in rendered(workers={"replicas": 3}) if one["metadata"]["name"] == f"{RELEASE}-worker"]
    [container] = workers["template"]["spec"]["containers"]
    assert (workers["replicas"], container["args"]) == (3, ["worker", "--lanes", "20", "--alive", "/data/alive"])
    assert {"/data/alive"} == {word for word in container["startupProbe"]["exec"]["command"] if word.startswith("/")}
    assert "/data/alive" in container["livenessProbe"]["exec"]["command"][-1]
    assert "/data" in {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}


def test_what_a_pod_is_told_is_settings_that_the_program_takes(tmp_path: Path) -> None:
    objects = rendered()
    [text] = [one["data"]["validator.yaml"] for one in objects if one["kind"] == "ConfigMap"]
    for _, pod in pods(objects):
        [container] = pod["containers"]
        environ = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts["/etc/validator/settings"] == "settings"
        (tmp_path / "validator.yaml").write_text(text)
        loaded = load_settings(tmp_path / "validator.yaml", environ, user_dir=tmp_path, system_file=tmp_path / "none").settings
        assert loaded.store is not None
        server = server_of(loaded.store, {"OSMO_POSTGRES_PASSWORD": "p"})
        assert (server.name, server.parameters()["sslmode"], server.parameters()["password"]) == ("osmo at postgres.osmo.svc:5432", "require", "p")
        assert (str(loaded.key_file), str(loaded.osmo.mek_file)) == ("/run/validator/master.key", "/etc/validator/osmo/mek.yaml")
        assert container["args"][0] in ("serve", "migrate", "sweep", "worker")
        [key] = pod["initContainers"]
        assert key["command"] == ["install", "--mode=0600", "/etc/validator/master-key/master.key", "/run/validator/master.key"]


def test_labels_and_ports_lead_to_the_service() -> None:
    objects = {one["kind"]: one for one in rendered(**EVERYTHING) if not one["metadata"]["name"].endswith("-worker")}
    pod = objects["Deployment"]["spec"]["template"]
    assert objects["Service"]["spec"]["selector"] == pod["metadata"]["labels"] == objects["Deployment"]["spec"]["selector"]["matchLabels"]
    [port] = pod["spec"]["containers"][0]["ports"]
    assert (port["name"], port["containerPort"]) == (objects["Service"]["spec"]["ports"][0]["targetPort"], Settings().api.port)
    policy = objects["NetworkPolicy"]["spec"]
    assert [one["port"] for one in policy["egress"][0]["ports"]] == [53, 53, 443, 5432, 5000, 25]
    [chosen] = policy["podSelector"]["matchExpressions"]
    assert chosen["values"] == [RELEASE, *(f"{RELEASE}-{name}" for name in ("migrate", "sweep", "worker"))]
    assert policy["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8080}]}]
    assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]


SCHEMA = json.loads((CHART / "values.schema.json").read_text())
WRONG: dict[str, dict[str, Any]] = {
    "a misspelt key": {"replica": 2}, "no replica": {"replicas": 0}, "a password": {"postgres": {**values()["postgres"], "password": "p"}},
    "a store of its own": {"settings": {"store": "sqlite:////x"}}, "a port that is none": {"networkPolicy": {**values()["networkPolicy"], "morePorts": [0]}},
    "no secret's name": {"mek": {"secretName": "", "file": "mek.yaml"}}, "a path for a file": {"masterKey": {"secretName": "k", "file": "../x"}},
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_values_are_held_to_their_schema(wrong: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(values(), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values(), **wrong}, SCHEMA)


def test_every_value_is_used_by_a_template() -> None:
    used = "".join(path.read_text() for path in (CHART / "templates").iterdir())

    def leaves(found: Any, path: str) -> Iterator[str]:
        whole = f"toYaml {path} " in used or f"range {path} " in used
        for key, value in found.items() if isinstance(found, dict) and not whole else ():
            yield from leaves(value, f"{path}.{key}")
        if not isinstance(found, dict) or whole:
            yield path

    assert [path for path in leaves(values(), ".Values") if not re.search(re.escape(path) + r"\b", used)] == []


def test_the_compose_file_is_one_and_its_programs_are_there(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    environ = {name: text for name, text in services["serve"]["environment"].items() if name.startswith("VALIDATOR_")}
    loaded = load_settings(None, environ, user_dir=tmp_path, system_file=tmp_path / "none").settings
    assert (str(loaded.osmo.mek_file), len(loaded.notices.urls)) == ("/data/mek.yaml", 1)
    worker = services["worker"]
    assert (worker["command"], worker["deploy"]["replicas"], worker["environment"]) == (["worker"], 2, services["serve"]["environment"])
    assert (services["serve"]["command"], services["osmo"]["entrypoint"][2]) == (["serve"], "validator.emulator.osmo")


@pytest.mark.parametrize("name", ["validator.service", "validator-worker.service"])
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path, name: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    text = (DEPLOY / "systemd" / name).read_text()
    unit = tmp_path / name
    unit.write_text(text.replace("/opt/validator/bin/validator", shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        [program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "SYSTEMD_PAGER": ""}
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
