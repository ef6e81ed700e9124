"""Runs the command line's own entry in this process, as a user would: settings in a file, the secret on standard input, JSON out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from typer.testing import CliRunner

from tests.cases import peers, record
from validator.cli import app
from validator.cli.base.options import hoisted
from validator.credential import UnreadableRegistry, parse_scope

QUICK: dict[str, Any] = {"repeat_after_s": 0.05}
"""The one repeat of a refused login waits this long in tests; its default is held by a test of its own."""


@dataclass(frozen=True)
class Result:
    """What one run said."""

    code: int
    out: str
    err: str
    peers: dict[str, str] = field(default_factory=dict)
    """What other checkers said of the same pair there, by name; only for `make accuracy`."""

    @property
    def shown(self) -> dict[str, Any]:
        """The one JSON object of standard output."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def credential(self) -> str:
        """`verdict (reason)`."""
        return f"{self.shown['verdict']} ({self.shown['reason']})"

    @property
    def image(self) -> str:
        """`outcome (reason)` of the image."""
        return f"{self.shown['image']['outcome']} ({self.shown['image']['reason']})"


@dataclass
class Cli:
    """The command line with a home of its own. `registries` is the settings' mapping; `pace` is laid under every host's."""

    home: Path
    registries: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    pace: dict[str, Any] = field(default_factory=lambda: dict(QUICK))
    net: peers.Led | None = None
    """The made-up network that this command line is led by, if it is."""

    def configured(self) -> Path:
        """The settings file of now."""
        hosts = {host: {**said, "pace": {**self.pace, **said.get("pace", {})}} for host, said in self.registries.items()}
        path = self.home / "validator.yaml"
        path.write_text(
            yaml.safe_dump(
                {
                    "store": f"sqlite:///{self.home}/validator.db",
                    "key_file": str(self.home / "master.key"),
                    **self.more,
                    "registries": hosts,
                }
            )
        )
        return path

    def rest(self) -> None:
        """Let the pace's slots be free again, as for somebody who comes a while later; pauses and bans stay."""
        if (path := self.home / "validator.db").exists():
            with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as database, database:  # some tests have another file there
                if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'slots'").fetchone():
                    database.execute("UPDATE slots SET next_slot_at = 0")

    async def run(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Result:
        """One command; the loop goes on meanwhile, so that servers of the test can answer."""
        self.rest()
        words = hoisted(["--config", str(self.configured()), *arguments])
        result = await asyncio.to_thread(CliRunner().invoke, app, words, input=stdin, env={"CI": "", **(env or {})})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    async def check(self, registry: str, username: str, secret: str, *arguments: str) -> Result:
        """`validator check` with `--format json`; other checkers are asked first, where a run is about them."""
        if peers.ASKED:
            await peers.asked(self.way(registry, arguments), username, secret)
        said = peers.taken()
        result = await self.run("check", registry, "--username", username, "--secret-stdin", "--format", "json", *arguments, stdin=secret)
        if result.out.startswith("{"):
            for about in (result.shown, result.shown.get("image")):
                record.reached(about["reason"], host=(result.shown["registry"] or "").partition("/")[0]) if about else None
        return replace(result, peers=said)

    def way(self, registry: str, arguments: tuple[str, ...] = ()) -> peers.Way | None:
        """How another program gets to `registry` as the settings and `arguments` lead there; None where it cannot."""
        try:
            host = parse_scope(registry).host
        except UnreadableRegistry:
            return None
        said = self.registries.get(host, {})
        place = urlsplit(str(said["endpoint"])) if "endpoint" in said else urlsplit(f"{'http' if said.get('plain_http') else 'https'}://{host}")
        if place.scheme == "http" and place.hostname == "127.0.0.1":
            return peers.Way(place.netloc)
        proxied = "proxy" in self.more.get("network", {})
        if place.scheme == "https" and self.net is not None and place.hostname in self.net.names and not proxied:
            host_of, _, named = arguments[arguments.index("--ca-file") + 1].rpartition("=") if "--ca-file" in arguments else ("", "", "")
            if host_of and "--realm-host" not in arguments:
                named = ""  # not for the realm: other programs know no such thing
            authority = named or said.get("ca_file") or self.more.get("network", {}).get("ca_file")
            return peers.Way(place.netloc, self.net, Path(authority) if authority else None)
        return None


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A command line that nothing was ever asked with."""
    return Cli(tmp_path)
