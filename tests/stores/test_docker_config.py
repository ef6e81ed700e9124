"""A docker config, `auth.json`, pull secret or `.dockercfg`: as its owner's logins, as a kubelet reads it, as docker looks it up."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from validator.credential import Credential, SecretKind
from validator.errors import StoreError
from validator.sealing import Fingerprinter
from validator.stores.base import BrokenPullSecret, UnreadableRow
from validator.stores.dockerconfig import DockerConfigStore


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def config(auths: dict[str, Any], **more: Any) -> str:
    return json.dumps({"auths": auths, **more})


def pull_secret(document: str, name: str = "pull", kind: str = "kubernetes.io/dockerconfigjson", key: str = ".dockerconfigjson") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": {key: b64(document)}}


def store_at(path: Path, *, environ: dict[str, str] | None = None) -> DockerConfigStore:
    return DockerConfigStore(path, "ada", Fingerprinter(b"f" * 32), environ=environ or {"PATH": ""}, monotonic=lambda: 0.0)


def store_of(folder: Path, text: str | bytes, name: str = "config.json") -> DockerConfigStore:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return store_at(path)


def told(row: Credential | UnreadableRow | BrokenPullSecret | None) -> Any:
    """A row as a table can hold it."""
    match row:
        case None:
            return None
        case Credential():
            secret = row.secret.get_secret_value()
            return (row.written, str(row.scope), row.username, secret, *(() if row.kind is SecretKind.PASSWORD else (row.kind.value,)))
        case UnreadableRow():
            return f"{row.written}: {row.why}"
        case BrokenPullSecret():
            return f"broken {row.name}: {row.why}"


DUPLICATES = '{"auths": {"reg.test": {"auth": "%s"}}, "AUTHS": {"other.test": {"AUTH": "%s"}, "reg.test": {"username": "x", "Password": "y"}}}'

LOGINS: dict[str, tuple[str, list[Any]]] = {
    "auth": (config({"reg.test:5000": {"auth": b64("jane:se:cret")}}), [("reg.test:5000", "reg.test:5000", "jane", "se:cret")]),
    "pair": (config({"reg.test/team": {"username": "jane", "password": "pw"}}), [("reg.test/team", "reg.test/team", "jane", "pw")]),
    "both": (config({"reg.test": {"auth": b64("jane:pw"), "username": "joe", "password": "no"}}), [("reg.test", "reg.test", "jane", "pw")]),
    "Docker Hub": (
        config({"https://index.docker.io/v1/": {"auth": b64("jane:pw")}}), [("https://index.docker.io/v1/", "docker.io", "jane", "pw")],
    ),
    "identity token": (
        config({"reg.test": {"auth": b64("00000000-0000-0000-0000-000000000000:"), "identitytoken": "tok"}}),
        [("reg.test", "reg.test", "<token>", "tok", "identity_token")],
    ),
    "registry token": (config({"reg.test": {"registrytoken": "tok"}}), [("reg.test", "reg.test", "", "tok", "registry_token")]),
    "an identity token goes before a pair": (
        config({"reg.test": {"auth": b64("jane:pw"), "identitytoken": "tok"}}), [("reg.test", "reg.test", "<token>", "tok", "identity_token")],
    ),
    "no secret is no login": (config({"a.test": {}, "b.test": None, "c.test": {"auth": b64("jane:")}}), []),
    "docker's own tokens are no registry's": (
        config({"https://index.docker.io/v1/access-token": {"auth": b64("jane:pw")}, "https://index.docker.io/v1/refresh-token": {"auth": b64("a:b")}}),
        [],
    ),
    "a pattern is nobody to ask": (
        config({"*.test": {"auth": b64("jane:pw")}}), ["*.test: its key is no one registry's, so that there is nobody to ask"],
    ),
    "one bad entry hides no other": (
        config({"a.test": {"auth": "?"}, "b.test": {"auth": b64("jane:pw")}, "c.test": 5}),
        ["a.test: its `auth` is not base64", ("b.test", "b.test", "jane", "pw"), "c.test: it is no object"],
    ),
    "names in any case, the last of two": (
        DUPLICATES % (b64("jane:pw"), b64("joe:pw")), [("other.test", "other.test", "joe", "pw"), ("reg.test", "reg.test", "x", "y")],
    ),
    "a userinfo is not kept": (
        config({"https://jane:pw@reg.test/v1/?x=pw": {"auth": b64("jane:pw")}}), [("https://reg.test/v1/", "reg.test", "jane", "pw")],
    ),
    "the old form": (json.dumps({"https://reg.test": {"auth": b64("jane:pw"), "email": "j@x"}}), [("https://reg.test", "reg.test", "jane", "pw")]),
    "empty": ("{}", []),
    "no auths": (json.dumps({"HttpHeaders": {"X": "y"}, "plugins": {"a": {"b": "c"}}}), []),
    "a Secret": (
        yaml.safe_dump(pull_secret(config({"reg.test": {"auth": b64("jane:pw")}}))), [("reg.test", "reg.test", "jane", "pw")],
    ),
    "a Secret in JSON": (
        json.dumps(pull_secret(config({"reg.test": {"auth": b64("jane:pw")}}))), [("reg.test", "reg.test", "jane", "pw")],
    ),
    "a Secret of the old type": (
        yaml.safe_dump(pull_secret(json.dumps({"reg.test": {"auth": b64("jane:pw")}}), kind="kubernetes.io/dockercfg", key=".dockercfg")),
        [("reg.test", "reg.test", "jane", "pw")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), LOGINS.values(), ids=LOGINS.keys())
async def test_what_its_owner_is_logged_in_with(text: str, rows: list[Any], tmp_path: Path) -> None:
    store = store_of(tmp_path, text)
    found = [one async for one in store.credentials()]
    assert [told(one) for one in found] == rows
    assert [await store.get("ada", one.name) for one in found] == found
    assert await store.get("bob", "reg.test") is None


KUBELET: dict[str, tuple[str, list[Any]]] = {
    "keys as written, in their order": (
        config({"reg.test/": {"auth": b64("a:b")}, "NVCR.IO": {"auth": b64("c:d")}, "*.test": {"auth": b64("e:f")}}),
        [("reg.test/", "reg.test", "a", "b"), ("NVCR.IO", "nvcr.io", "c", "d"), ("*.test", "*.test", "e", "f")],
    ),
    "KUBE-15 an empty password": (config({"reg.test": {"auth": b64("jane:")}}), [("reg.test", "reg.test", "jane", "")]),
    "KUBE-16 an identity token counts for nothing": (
        config({"reg.test": {"identitytoken": "tok"}}, credsStore="x", credHelpers={"other.test": "y"}), [("reg.test", "reg.test", "", "")],
    ),
    "KUBE-17 auth goes before the pair": (
        config({"reg.test": {"auth": b64("jane:pw"), "username": "joe", "password": "no"}}), [("reg.test", "reg.test", "jane", "pw")],
    ),
    "KUBE-18 auth without a colon": (
        config({"a.test": {"auth": b64("a:b")}, "reg.test": {"auth": b64("jane")}}),
        ["broken config.json: the entry reg.test: its `auth` holds no colon between username and password"],
    ),
    "KUBE-18 auth that is not base64": (
        config({"reg.test": {"auth": "jane:pw"}}), ["broken config.json: the entry reg.test: its `auth` is not base64"],
    ),
    "a number for a text": (config({"reg.test": {"password": 5}}), ["broken config.json: the entry reg.test: its `password` is no text"]),
    "a strange token": (config({"reg.test": {"auth": b64("jane:pw"), "identitytoken": 5}}), [("reg.test", "reg.test", "jane", "pw")]),
    "auths is a list": ('{"auths": []}', ["broken config.json: its `auths` is no object"]),
    "auths is null": ('{"auths": null}', []),
    "headers of another form": (
        '{"auths": {}, "HttpHeaders": {"a": 1}}', ["broken config.json: its `HttpHeaders` is no object of texts"],
    ),
    "without padding, with a line end": (config({"reg.test": {"auth": b64("jane:pw1").rstrip("=")[:4] + "\n" + b64("jane:pw1").rstrip("=")[4:]}}),
                                         [("reg.test", "reg.test", "jane", "pw1")]),
    "KUBE-18 one of two pull secrets is broken JSON": (
        yaml.safe_dump_all([pull_secret(config({"reg.test": {"auth": b64("jane:pw")}}), "good"), pull_secret("{", "bad")]),
        ["broken bad: its .dockerconfigjson: it is not JSON"],
    ),
    "KUBE-26 two pull secrets, one key": (
        yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [
            pull_secret(config({"reg.test": {"auth": b64("jane:old")}}), "first"), {"kind": "ConfigMap"},
            pull_secret(config({"reg.test": {"auth": b64("jane:new")}}), "second"),
            pull_secret("{", "opaque", kind="Opaque"),
        ]}),
        [("reg.test", "reg.test", "jane", "old"), ("reg.test", "reg.test", "jane", "new")],
    ),
    "stringData goes before data": (
        yaml.safe_dump({**pull_secret("{"), "stringData": {".dockerconfigjson": config({"reg.test": {"auth": b64("jane:pw")}})}}),
        [("reg.test", "reg.test", "jane", "pw")],
    ),
    "data that is not base64": (
        yaml.safe_dump({**pull_secret("{}"), "data": {".dockerconfigjson": "?"}}), ["broken pull: its .dockerconfigjson is not base64"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), KUBELET.values(), ids=KUBELET.keys())
async def test_what_a_kubelet_reads(text: str, rows: list[Any], tmp_path: Path) -> None:
    held = await store_of(tmp_path, text).as_kubelet("ada")
    assert [told(one) for one in held] == rows
    assert len({one.name for one in held}) == len(held), "each has a name of its own"


HUB = "https://index.docker.io/v1/"
ALL = {HUB: {"auth": b64("hub:pw")}, "docker.io": {"auth": b64("no:no")}, "https://reg.test/v1/": {"auth": b64("old:pw")},
       "b.test": {"auth": b64("exact:pw")}, "https://b.test": {"auth": b64("no:no")}, "b.test/team": {"auth": b64("no:no")},
       "id.test": {"identitytoken": "tok"}, "half.test": {"auth": b64("jane:")}}  # fmt: skip

DOCKER: dict[str, tuple[dict[str, Any], str, Any]] = {
    "Docker Hub by its one key": (ALL, "docker.io", (HUB, "docker.io", "hub", "pw")),
    "Docker Hub by no other": ({"docker.io": {"auth": b64("no:no")}}, "docker.io", None),
    "exactly the registry's name": (ALL, "b.test", ("b.test", "b.test", "exact", "pw")),
    "an old key by its host": (ALL, "reg.test", ("https://reg.test/v1/", "reg.test", "old", "pw")),
    "an identity token": (ALL, "id.test", ("id.test", "id.test", "<token>", "tok", "identity_token")),
    "an empty password is none": (ALL, "half.test", None),
    "no port is folded": (ALL, "b.test:443", None),
    "no pattern": ({"*.test": {"auth": b64("no:no")}}, "b.test", None),
    "a file that docker cannot read": (
        {**ALL, "x.test": {"auth": b64(":pw")}}, "b.test", "b.test: docker cannot read the file for its entry x.test: docker takes no `auth` like it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("auths", "domain", "row"), DOCKER.values(), ids=DOCKER.keys())
async def test_what_docker_looks_up(auths: dict[str, Any], domain: str, row: Any, tmp_path: Path) -> None:
    assert told(await store_of(tmp_path, config(auths)).as_docker(domain)) == row


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("auths: {", "cannot be used: it is not JSON."),
    "two documents": ("{} {}", "cannot be used: it is not JSON."),
    "a list": ("[]", "cannot be used: it is neither a docker config nor a Kubernetes Secret."),
    "too deep": ("[" * 200_000, "cannot be used: it is nested too deep, or holds a number too long."),
    "NaN": ('{"auths": NaN}', "cannot be used: it is not JSON."),
    "binary": (b"\x7fELF\x00\xff", "cannot be used: it is not JSON."),
    "empty": ("", "cannot be used: it is not JSON."),
    "too long": ('{"a": "%s"}' % ("x" * (1024 * 1024)), "is longer than 1 MiB: it is another file."),
    "a Pod": ("kind: Pod\napiVersion: v1\n", "cannot be used: it is neither a docker config nor a Kubernetes Secret."),
    "no YAML": ("kind: {Secret", "cannot be used: it is neither JSON nor a Kubernetes manifest."),
    "another kind of Secret": (
        yaml.safe_dump(pull_secret("{}", kind="Opaque")),
        "cannot be used: its Secret is no pull secret: a node reads the type kubernetes.io/dockerconfigjson (key .dockerconfigjson) alone.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_file_that_is_none_is_one_sentence(text: str | bytes, sentence: str, tmp_path: Path) -> None:
    store = store_of(tmp_path, text)
    with pytest.raises(StoreError) as raised:
        [one async for one in store.credentials()]
    assert str(raised.value) == f"the docker config {tmp_path / 'config.json'} {sentence}"
    with pytest.raises(StoreError):
        await store.as_kubelet("ada")


async def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "closed").write_text("{}")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    said = []
    for name in ("missing", "pipe", "", "closed"):
        if name == "closed":  # root may read everything
            monkeypatch.setattr(os, "open", refused)
        with pytest.raises(StoreError) as raised:
            await store_at(tmp_path / name).as_kubelet("ada")
        said.append(str(raised.value).removeprefix(f"the docker config {tmp_path / name} ").removeprefix("there is no docker config "))
    assert said == [
        f"{tmp_path / 'missing'}; log in by `docker login` first, or name another by dockerconfig:PATH.",
        "is not a file; name one by dockerconfig:PATH.",
        "is not a file; name one by dockerconfig:PATH.",
        "may not be read by this user; give it the right to.",
    ]


async def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    store = store_of(tmp_path, config({"reg.test": {"auth": b64("jane:pw")}}))
    assert [one async for one in store.credentials("bob")] == []
    assert await store.as_kubelet("bob") == ()
    assert [one.user async for one in store.credentials("ada")] == ["ada"]


async def test_a_row_is_known_by_its_key_kind_and_secret_and_shows_none(tmp_path: Path) -> None:
    rows = []
    for auths in ({"reg.test": {"auth": b64("jane:pw")}}, {"reg.test": {"auth": b64("jane:new")}}, {"reg.test/a": {"auth": b64("jane:pw")}},
                  {"reg.test": {"username": "jane", "password": "pw"}}, {"reg.test": {"identitytoken": "pw"}}):  # fmt: skip
        [row] = [one async for one in store_of(tmp_path, config(auths)).credentials()]
        assert isinstance(row, Credential)
        rows.append(row.row)
    assert rows[0] == rows[3]
    assert len(set(rows)) == 4
    assert all(len(row) == 64 for row in rows)


async def test_names_are_unique_and_fit_to_be_shown(tmp_path: Path) -> None:
    auths = {"https://jane:pw@reg.test": {"auth": b64("a:b")}, "https://reg.test": {"auth": b64("c:d")}, "x\x1b[31m": {"auth": b64("e:f")}}
    held = await store_of(tmp_path, config(auths)).as_kubelet("ada")
    assert [one.name for one in held][:2] == ["https://reg.test", "https://reg.test (2)"]
    assert "\x1b" not in held[2].name
