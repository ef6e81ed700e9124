"""Docker's credential helpers: which program is started, with what, for how long, and what is made of its answer."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.stores.test_docker_config import b64, config, pull_secret, store_at, told
from validator.sealing import Fingerprinter
from validator.stores.dockerconfig import DockerConfigStore
from validator.stores.dockerconfig.program import MOST, Kept, ProgramFault, ask_program

PAIR = '{"ServerURL":"reg.test","Username":"jane","Secret":"pw"}'


class Keychain:
    """A folder on PATH with programs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"PATH": str(folder), "HOME": "/home/ada", "VALIDATOR_STORE": "CANARY", "NGC_API_KEY": "CANARY", "AWS_PROFILE": "p"}

    def keep(self, name: str, script: str) -> None:
        path = self.folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    async def ask(self, name: str = "x", server: str = "reg.test", *, limit_s: float = 20) -> Kept | str | None:
        try:
            return await ask_program(name, server, self.environ, limit_s=limit_s)
        except ProgramFault as fault:
            return str(fault)


@pytest.fixture
def keychain(tmp_path: Path) -> Keychain:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Keychain(folder)


def said(answer: Kept | str | None) -> Any:
    return (answer.username, answer.secret.get_secret_value()) if isinstance(answer, Kept) else answer


SCRIPTS: dict[str, tuple[str, Any]] = {
    "an answer": (f"echo '{PAIR}'", ("jane", "pw")),
    "names in any case": ("""echo '{"username":"jane","SECRET":"pw"}'""", ("jane", "pw")),
    "nothing kept": ("echo credentials not found in native keychain; exit 1", None),
    "an empty secret": ("""echo '{"Username":"jane","Secret":""}'""", None),
    "a failure": ("echo the password is hunter2; exit 7", "the program docker-credential-x failed (exit code 7); run it by hand to see why"),
    "a failure without words": ("exit 1", "the program docker-credential-x failed (exit code 1); run it by hand to see why"),
    "killed": ("kill -9 $$", "the program docker-credential-x failed (exit code -9); run it by hand to see why"),
    "no JSON": ("echo hunter2", "the program docker-credential-x gave an answer that is no JSON object"),
    "nothing at all": ("true", "the program docker-credential-x gave an answer that is no JSON object"),
    "no secret": ("""echo '{"Username":"jane"}'""", "the program docker-credential-x gave an answer without Username and Secret"),
    "a number": ("""echo '{"Username":"jane","Secret":7}'""", "the program docker-credential-x gave an answer without Username and Secret"),
    "too much": ("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done", "the program docker-credential-x said more than is read"),
    "what it says to people": (f"echo hunter2 >&2; echo '{PAIR}'", ("jane", "pw")),
}  # fmt: skip


@pytest.mark.parametrize(("script", "answer"), SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_what_is_made_of_its_answer(script: str, answer: Any, keychain: Keychain) -> None:
    keychain.keep("x", script)
    assert said(await keychain.ask()) == answer
    assert MOST < 100_000


async def test_it_gets_the_registry_and_no_more(keychain: Keychain) -> None:
    keychain.keep("x", f"/bin/cat >{keychain.folder}/stdin; echo \"$0 $*\" >{keychain.folder}/argv; /usr/bin/env >{keychain.folder}/env; pwd >{keychain.folder}/pwd; echo '{PAIR}'")  # fmt: skip
    assert said(await keychain.ask(server="https://index.docker.io/v1/; $(id)")) == ("jane", "pw")
    given = {name: (keychain.folder / name).read_text() for name in ("stdin", "argv", "env", "pwd")}
    assert given["stdin"] == "https://index.docker.io/v1/; $(id)"
    assert given["argv"] == f"{keychain.folder}/docker-credential-x get\n"
    assert given["pwd"] == "/\n"
    assert {line.partition("=")[0] for line in given["env"].splitlines()} - {"PWD", "_", "SHLVL", "OLDPWD"} == {"PATH", "HOME", "AWS_PROFILE"}


def runs(process: int) -> bool:
    """False for one that nobody has reaped, too."""
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_one_that_gives_no_answer_is_ended_with_all_that_it_started(keychain: Keychain) -> None:
    os.mkfifo(keychain.folder / "started")
    keychain.keep("x", f"/bin/sleep 60 & echo $! >{keychain.folder}/started; wait")
    asked = asyncio.ensure_future(keychain.ask(limit_s=0.5))
    child = int(await asyncio.to_thread((keychain.folder / "started").read_text))
    assert await asked == "the program docker-credential-x gave no answer in 0.5 s"
    for _ in range(100):  # the kernel takes a moment to end it
        if not runs(child):
            return
        await asyncio.sleep(0.02)
    pytest.fail("what the program started runs on")


@pytest.mark.parametrize("name", ["", "../x", "x/../../bin/sh", "x y", "x;id", "$(id)", "ü", "x" * 65])
async def test_a_name_that_no_program_has_starts_nothing(name: str, keychain: Keychain) -> None:
    keychain.keep("x", "exit 0")
    assert await keychain.ask(name) == "its credential helper has a name that no program has"


async def test_none_is_started_from_the_current_folder(keychain: Keychain, monkeypatch: pytest.MonkeyPatch) -> None:
    keychain.keep("x", f"echo '{PAIR}'")
    monkeypatch.chdir(keychain.folder)
    for path in ("", ".", "bin:", ":/nowhere", "../bin", "/nowhere::."):
        keychain.environ["PATH"] = path
        assert await keychain.ask() == "the program docker-credential-x is not on PATH"
    keychain.environ["PATH"] = f".:/nowhere:{keychain.folder}"
    assert said(await keychain.ask()) == ("jane", "pw")


async def test_one_that_cannot_be_started_is_said(keychain: Keychain) -> None:
    (keychain.folder / "docker-credential-x").write_text("no program")
    (keychain.folder / "docker-credential-x").chmod(0o755)
    assert await keychain.ask() == "the program docker-credential-x cannot be started: Exec format error"
    (keychain.folder / "docker-credential-x").chmod(0o644)
    assert await keychain.ask() == "the program docker-credential-x is not on PATH"


def by_server(*known: str) -> str:
    """A program that keeps a secret for these servers: the secret is the server's name."""
    return "\n".join([
        "read -r server",
        *(f"""[ "$server" = "{one}" ] && echo '{{"Username":"jane","Secret":"of {one}"}}' && exit 0""" for one in known),
        "echo credentials not found in native keychain; exit 1",
    ])  # fmt: skip


async def test_logins_are_what_the_programs_keep_of_the_files_keys(keychain: Keychain, tmp_path: Path) -> None:
    keychain.keep("store", by_server("https://index.docker.io/v1/", "both.test"))
    keychain.keep("own", by_server("own.test", "listed.test"))
    keychain.keep("token", """echo '{"Username":"<token>","Secret":"tok"}'""")
    keychain.keep("bad", "exit 1")
    path = tmp_path / "config.json"
    path.write_text(config(
        {"https://index.docker.io/v1/": {}, "gone.test": {}, "both.test": {"auth": b64("a:b")}, "file.test": {"auth": b64("c:d")}, "own.test": {}},
        credsStore="store", credHelpers={"own.test": "own", "listed.test": "own", "id.test": "token", "z.test": "bad", "none.test": "own"},
    ))  # fmt: skip
    store = store_at(path, environ=keychain.environ)
    assert [told(one) async for one in store.credentials()] == [
        ("both.test", "both.test", "jane", "of both.test"),
        ("file.test", "file.test", "c", "d"),
        ("https://index.docker.io/v1/", "docker.io", "jane", "of https://index.docker.io/v1/"),
        ("id.test", "id.test", "<token>", "tok", "identity_token"),
        ("listed.test", "listed.test", "jane", "of listed.test"),
        ("own.test", "own.test", "jane", "of own.test"),
        "z.test: the program docker-credential-bad failed (exit code 1); run it by hand to see why",
    ]


async def test_docker_asks_the_registrys_program_then_the_store_and_no_file_beside_it(keychain: Keychain, tmp_path: Path) -> None:
    keychain.keep("store", by_server("https://index.docker.io/v1/", "reg.test"))
    keychain.keep("own", by_server("own.test"))
    path = tmp_path / "config.json"
    path.write_text(
        config({"gone.test": {"auth": b64("a:b")}}, credsStore="store", credHelpers={"own.test": "own", "reg.test": "", "x.test": "none"})
    )
    store = store_at(path, environ=keychain.environ)
    found = {domain: told(await store.as_docker(domain)) for domain in ("docker.io", "own.test", "reg.test", "gone.test", "x.test")}
    assert found == {
        "docker.io": ("https://index.docker.io/v1/", "docker.io", "jane", "of https://index.docker.io/v1/"),
        "own.test": ("own.test", "own.test", "jane", "of own.test"),
        "reg.test": None,
        "gone.test": None,
        "x.test": "x.test: the program docker-credential-none is not on PATH",
    }


@pytest.mark.parametrize("form", ["a manifest", "its name", "a mounted volume"])
async def test_a_file_of_kubernetes_starts_no_program(form: str, keychain: Keychain, tmp_path: Path) -> None:
    keychain.keep("x", f"echo started >{keychain.folder}/started; echo '{PAIR}'")
    text = config({"reg.test": {}}, credsStore="x", credHelpers={"other.test": "x"})
    match form:
        case "a manifest":
            path = tmp_path / "secret.yaml"
            path.write_text(json.dumps(pull_secret(text)))
        case "its name":
            path = tmp_path / ".dockerconfigjson"
            path.write_text(text)
        case _:
            (tmp_path / "..2026_11_23").mkdir()
            (tmp_path / "..2026_11_23" / "config.json").write_text(text)
            (tmp_path / "..data").symlink_to("..2026_11_23")
            path = tmp_path / "config.json"
            path.symlink_to("..data/config.json")
    store = store_at(path, environ=keychain.environ)
    assert [one async for one in store.credentials()] == []
    assert await store.as_docker("reg.test") is None
    assert len(await store.as_kubelet("ada")) == 1
    assert not (keychain.folder / "started").exists()


async def test_an_answer_is_used_again_for_a_minute(keychain: Keychain, tmp_path: Path) -> None:
    keychain.keep("x", f"echo asked >>{keychain.folder}/asked; echo '{PAIR}'")
    (tmp_path / "config.json").write_text(config({"reg.test": {}}, credsStore="x"))
    now = [100.0]
    store = DockerConfigStore(
        tmp_path / "config.json", "ada", Fingerprinter(b"f" * 32), environ=keychain.environ, monotonic=lambda: now[0]
    )  # fmt: skip
    counts = []
    for at in (100.0, 159.0, 161.0):
        now[0] = at
        assert told(await store.get("ada", "reg.test")) == ("reg.test", "reg.test", "jane", "pw")
        counts.append((keychain.folder / "asked").read_text().count("asked"))
    assert counts == [1, 1, 2]
