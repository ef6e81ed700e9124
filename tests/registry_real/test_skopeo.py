"""`skopeo login` and `validator check` say the same of the same pairs at the same addresses.

skopeo knows two answers; where it cannot tell either, its words must not be about the login. It gets a home, an auth file
and registries' settings of its own, and never sees those of whoever runs the tests.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.registry_real.conftest import PASSWORD, Checker
from tests.registry_real.servers import DockerRegistry, Loop, TokenServer, free_port
from validator.emulator import DockerHub, Ghcr, Gitlab, Ngc
from validator.emulator.base import Emulated

pytestmark = pytest.mark.xdist_group("registry_real")

GOOD, BAD, CANNOT_TELL = "good", "bad", "cannot tell"
REFUSED = ("invalid username/password", "invalid status code from registry 403")  # the second: GHCR's refusal


@dataclass(frozen=True, slots=True)
class Skopeo:
    """`skopeo login` in a home of its own."""

    program: str
    home: Path

    def login(self, host: str, username: str, secret: str, *options: str) -> str:
        (self.home / "registries.conf").write_text("")
        environment = {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home), "XDG_CONFIG_HOME": str(self.home), "PATH": os.environ.get("PATH", ""),
            "CONTAINERS_REGISTRIES_CONF": str(self.home / "registries.conf"), "RES_OPTIONS": "timeout:1 attempts:1",
        }  # fmt: skip
        line = [self.program, "login", "--authfile", str(self.home / "auth.json"), "--username", username, "--password-stdin", *options, host]
        done = subprocess.run(line, input=secret, capture_output=True, text=True, env=environment, cwd=self.home, timeout=40)
        if done.returncode == 0:
            assert "Login Succeeded" in done.stdout
            return GOOD
        return BAD if any(words in done.stderr for words in REFUSED) else CANNOT_TELL


@pytest.fixture
def skopeo(program: Callable[[str], str], tmp_path: Path) -> Skopeo:
    home = tmp_path / "skopeo"
    home.mkdir()
    return Skopeo(program("skopeo"), home)


def word(shown: dict[str, Any]) -> str:
    """What `check` said, in skopeo's two words; a login that proves nothing is no refusal, and skopeo says yes to it."""
    return {"valid": GOOD, "unprovable": GOOD, "invalid": BAD, "insufficient": BAD, "misconfigured": BAD}.get(shown["verdict"], CANNOT_TELL)


PAIRS = {
    "good": ("alice", PASSWORD, GOOD),
    "bad secret": ("alice", "wrong-horse-staple", BAD),
    "unknown user": ("nobody", PASSWORD, BAD),
}
each_pair = pytest.mark.parametrize(("username", "secret", "expected"), PAIRS.values(), ids=PAIRS.keys())


def trusting(registry: DockerRegistry, folder: Path) -> tuple[Sequence[str], Sequence[str]]:
    """Options of skopeo and of ours that trust the private authority."""
    assert registry.certificate is not None
    certificates = folder / "certificates"
    certificates.mkdir(exist_ok=True)
    (certificates / "ca.crt").write_bytes(registry.certificate.authority.read_bytes())
    ours = ("--allow-private", registry.host, "--ca-file", f"{registry.host}={registry.certificate.authority}")
    return ("--cert-dir", str(certificates)), ours


@each_pair
def test_they_agree_on_htpasswd(
    skopeo: Skopeo, check: Checker, basic_registry: DockerRegistry, tmp_path: Path, username: str, secret: str, expected: str
) -> None:
    theirs, ours = trusting(basic_registry, tmp_path)
    said = skopeo.login(basic_registry.host, username, secret, *theirs), word(check(basic_registry.host, username, secret, *ours).shown)
    assert said == (expected, expected)


@each_pair
@pytest.mark.parametrize("anonymous", ["token", "refused"])
def test_they_agree_on_tokens(
    skopeo: Skopeo, check: Checker, token_registry: DockerRegistry, tokens: TokenServer, tmp_path: Path, username: str, secret: str,
    expected: str, anonymous: str,
) -> None:  # fmt: skip
    tokens.anonymous = anonymous  # type: ignore[assignment]  # of the two words of the token server
    theirs, ours = trusting(token_registry, tmp_path)
    done = check(token_registry.host, username, secret, *ours, "--realm-host", tokens.host)
    assert (skopeo.login(token_registry.host, username, secret, *theirs), word(done.shown)) == (expected, expected)


def test_they_agree_that_a_registry_without_a_login_refuses_nobody(skopeo: Skopeo, check: Checker, open_registry: DockerRegistry) -> None:
    host = open_registry.host
    done = check(host, "alice", "right-horse-staple", "--plain-http", host, "--allow-private", host)
    assert (skopeo.login(host, "alice", "right-horse-staple", "--tls-verify=false"), word(done.shown)) == (GOOD, GOOD)
    assert done.shown["verdict"] == "unprovable"  # where skopeo says "Login Succeeded!"


def test_they_agree_that_an_unknown_authority_is_no_refusal(skopeo: Skopeo, check: Checker, basic_registry: DockerRegistry) -> None:
    host = basic_registry.host
    done = check(host, "alice", PASSWORD, "--allow-private", host)
    assert (skopeo.login(host, "alice", PASSWORD), word(done.shown)) == (CANNOT_TELL, CANNOT_TELL)


def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.mark.parametrize("host", ["registry.invalid:5000", ""], ids=["no such host", "a closed port"])
def test_they_agree_that_silence_is_no_refusal(skopeo: Skopeo, check: Checker, host: str) -> None:
    where = host or nowhere()
    done = check(where, "alice", PASSWORD, "--plain-http", where, "--allow-private", where)
    assert (skopeo.login(where, "alice", PASSWORD, "--tls-verify=false"), word(done.shown)) == (CANNOT_TELL, CANNOT_TELL)


@pytest.fixture
def emulated(loop: Loop) -> Iterator[Callable[[str], tuple[Emulated, str, dict[str, Any]]]]:
    """`emulated("ngc")`: the emulator, its `host:port`, and the settings by which that address is this vendor's."""
    running: list[Emulated] = []
    kinds: dict[str, type[Emulated]] = {"ngc": Ngc, "dockerhub": DockerHub, "ghcr": Ghcr, "gitlab": Gitlab}

    async def started(kind: type[Emulated]) -> Emulated:
        made = kind()  # on the loop: its events belong there
        await made.start()
        return made

    def start(name: str) -> tuple[Emulated, str, dict[str, Any]]:
        made = loop.call(started(kinds[name]))
        running.append(made)
        (settings,) = made.settings().values()
        host = settings["endpoint"].removeprefix("http://").rstrip("/")
        return made, host, {host: {**settings, "provider": name, "pace": {"repeat_after_s": 0}}}

    yield start
    for made in running:
        loop.call(made.stop())


VENDORS = {
    "ngc": ("good", "regenerated"),
    "dockerhub": ("good", "deleted"),
    "ghcr": ("good", "revoked"),
    "gitlab": ("good", "revoked"),
}


@pytest.mark.parametrize("state", [GOOD, BAD])
@pytest.mark.parametrize("vendor", VENDORS)
def test_they_agree_on_each_vendor(
    skopeo: Skopeo, check: Checker, emulated: Callable[[str], tuple[Emulated, str, dict[str, Any]]], vendor: str, state: str
) -> None:
    registry, host, settings = emulated(vendor)
    name = VENDORS[vendor][state == BAD]
    planted = next(one for one in registry.planted() if one.name == name)
    assert registry.truth(planted.username, planted.secret).accepted is (state == GOOD)
    ours = word(check(host, planted.username, planted.secret, registries=settings).shown)
    assert (skopeo.login(host, planted.username, planted.secret, "--tls-verify=false"), ours) == (state, state)
