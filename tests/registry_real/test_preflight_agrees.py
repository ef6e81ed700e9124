"""`validator preflight` and `skopeo inspect --raw` say the same of the same images with the same auth file.

skopeo tries one key, the most specific; where a kubelet would try the next one too, it cannot tell what a cluster does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.registry_real.conftest import PASSWORD
from tests.registry_real.servers import DockerRegistry, TokenServer
from validator.cli import app
from validator.cli.base.options import hoisted

pytestmark = pytest.mark.xdist_group("registry_real")

Said = tuple[bool, str | None]
"""Whether the image can be pulled, and its digest."""

ALICE = ("alice", PASSWORD)
DEAD = ("alice", "wrong-horse-staple")


@dataclass(frozen=True, slots=True)
class Puller:
    """Both programs with one auth file and one home; `authority` None: plain http."""

    skopeo: str
    home: Path
    registry: DockerRegistry
    realm: str | None = None

    def write(self, auths: dict[str, tuple[str, str]]) -> None:
        held = {key: {"auth": base64.b64encode(":".join(pair).encode()).decode()} for key, pair in auths.items()}
        (self.home / "auth.json").write_text(json.dumps({"auths": held}))
        (self.home / "registries.conf").write_text("")

    def theirs(self, image: str) -> Said:
        """What `skopeo inspect --raw` says: the manifest itself."""
        environment = {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home), "XDG_CONFIG_HOME": str(self.home), "PATH": os.environ.get("PATH", ""),
            "CONTAINERS_REGISTRIES_CONF": str(self.home / "registries.conf"),
        }  # fmt: skip
        trust = ["--tls-verify=false"]
        if self.registry.certificate is not None:
            (self.home / "certificates").mkdir(exist_ok=True)
            (self.home / "certificates" / "ca.crt").write_bytes(self.registry.certificate.authority.read_bytes())
            trust = ["--cert-dir", str(self.home / "certificates")]
        line = [self.skopeo, "inspect", "--raw", "--authfile", str(self.home / "auth.json"), *trust, f"docker://{image}"]
        done = subprocess.run(line, capture_output=True, env=environment, cwd=self.home, timeout=40)
        return (True, f"sha256:{hashlib.sha256(done.stdout).hexdigest()}") if done.returncode == 0 else (False, None)

    def ours(self, image: str) -> tuple[Said, dict[str, Any]]:
        """What a pre-flight says."""
        host = self.registry.host
        leave = ["--allow-private", host, *(["--realm-host", self.realm] if self.realm else [])]
        leave += ["--plain-http", host] if self.registry.certificate is None else ["--ca-file", f"{host}={self.registry.certificate.authority}"]
        config = self.home / "validator.yaml"
        config.write_text('registries: {"*": {pace: {repeat_after_s: 0, per_second: 100}}}')
        line = ["preflight", image, "--format", "json", "--store", f"dockerconfig:{self.home / 'auth.json'}", "--config", str(config), *leave]
        environment = {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home), "VALIDATOR_USER": "ada"}
        done = CliRunner().invoke(app, hoisted(line), env=environment)
        shown: dict[str, Any] = json.loads(done.stdout)["images"][0]
        pullable = shown["outcome"] == "pullable"
        assert done.exit_code == (0 if pullable else 1), done.stderr
        return (pullable, shown["digest"] if pullable else None), shown

    def agree(self, image: str) -> dict[str, Any]:
        """Assert that they do; what ours says."""
        ours, shown = self.ours(image)
        assert (ours, image) == (self.theirs(image), image)
        return shown


@pytest.fixture
def puller(program: Callable[[str], str], tmp_path: Path) -> Callable[..., Puller]:
    home = tmp_path / "home"
    home.mkdir()
    return lambda registry, realm=None: Puller(program("skopeo"), home, registry, realm)


TOKENS: dict[str, tuple[dict[str, tuple[str, str]], str, str]] = {
    # the keys ("" is the registry), the image, the reason
    "private, by its key": ({"": ALICE}, "team/private:1", "pull_ok"),
    "public, by a key": ({"": ALICE}, "public/app:1", "pull_ok"),
    "docker's form": ({"": ALICE}, "team/private:single", "pull_ok"),
    "a path's key": ({"/team": ALICE, "": DEAD}, "team/private:1", "pull_ok"),
    "a repository's key": ({"/team/private": ALICE, "/team": DEAD}, "team/private:1", "pull_ok"),
    "private, by a dead key": ({"": DEAD}, "team/private:1", "credential_refused"),
    "public, by a dead key": ({"": DEAD}, "public/app:1", "credential_refused"),
    "public, without a key": ({}, "public/app:1", "public"),
    "private, without a key": ({}, "team/private:1", "no_credential"),
    "public, another registry's dead key": ({"other.test": DEAD}, "public/app:1", "public"),
    "private, by another account": ({"": ("bob", "bob's own")}, "team/private:1", "hidden_or_denied"),
    "no such tag": ({"": ALICE}, "team/private:none", "tag_not_found"),
    "no such repository": ({"": ALICE}, "team/nothing:1", "tag_not_found"),
}


@pytest.mark.parametrize(("keys", "image", "reason"), TOKENS.values(), ids=TOKENS.keys())
def test_they_agree_on_tokens(
    puller: Callable[..., Puller], token_registry: DockerRegistry, tokens: TokenServer, keys: dict[str, tuple[str, str]], image: str, reason: str
) -> None:
    host = token_registry.host
    both = puller(token_registry, tokens.host)
    both.write({key if key.endswith(".test") else f"{host}{key}": pair for key, pair in keys.items()})
    assert both.agree(f"{host}/{image}")["reason"] == reason


BASIC: dict[str, tuple[dict[str, tuple[str, str]], str, str]] = {
    "by its key": ({"": ALICE}, "team/private:1", "pull_ok"),
    "by a dead key": ({"": DEAD}, "team/private:1", "credential_refused"),
    "without a key": ({}, "team/private:1", "no_credential"),
    "no such tag": ({"": ALICE}, "team/private:none", "tag_not_found"),
}


@pytest.mark.parametrize(("keys", "image", "reason"), BASIC.values(), ids=BASIC.keys())
def test_they_agree_on_htpasswd(
    puller: Callable[..., Puller], basic_registry: DockerRegistry, keys: dict[str, tuple[str, str]], image: str, reason: str
) -> None:
    both = puller(basic_registry)
    both.write({f"{basic_registry.host}{key}": pair for key, pair in keys.items()})
    assert both.agree(f"{basic_registry.host}/{image}")["reason"] == reason


@pytest.mark.parametrize("keys", [{}, {"": DEAD}], ids=["without a key", "with any key"])
def test_they_agree_on_a_registry_that_asks_nobody(puller: Callable[..., Puller], open_registry: DockerRegistry, keys: dict[str, Any]) -> None:
    both = puller(open_registry)
    both.write({f"{open_registry.host}{key}": pair for key, pair in keys.items()})
    assert both.agree(f"{open_registry.host}/public/app:1")["outcome"] == "pullable"
    assert both.agree(f"{open_registry.host}/public/app:none")["reason"] == "tag_not_found"
