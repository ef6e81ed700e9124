"""How each finding comes about: a scenario sets something up in the made-up world and says what the doctor then finds."""

from __future__ import annotations

import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cases.network import World
from tests.cases.running import Cli
from tests.cases.servers import REALM, Site, page, refused, reply
from tests.doctor.authorities import certificate
from tests.unwritable import kept_in, reachable, unwritable
from validator.doctor import Finding, Ways, look_at_place, look_at_trust
from validator.doctor.nights import look_at_nights
from validator.ledger import Embedded, open_embedded
from validator.ledger.keys import write_master_keys
from validator.ledger.notices import Kind, NoticeState, Route
from validator.ledger.sweeps import Filters

NOW: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NIGHTLY: Final = ("0 2 * * *", "UTC")
SECRET: Final = "CANARY/9f3c-of-the-doctor"


@dataclass
class At:
    """Where a scenario plays. `found` is what the doctor said, as JSON rows; `exit` its exit code."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    found: list[dict[str, Any]] = field(default_factory=list)
    exit: int = -1
    outcome: str = ""
    shown: str = ""

    @property
    def cli(self) -> Cli:
        return self.world.cli

    async def ask(self, *, cli: Cli | None = None, env: dict[str, str] | None = None) -> None:
        """Run `validator doctor`."""
        result = await (cli or self.cli).run("doctor", "--format", "json", env=env)
        self.shown = result.out + result.err
        self.found, self.outcome, self.exit = result.shown["findings"], result.shown["outcome"], result.code

    def heard(self, findings: list[Finding]) -> None:
        """What a part of the doctor said, asked by itself."""
        self.found += [{"code": f.code, "state": f.state.value, "said": f.said, "advice": f.advice or None} for f in findings]

    async def store(self, cli: Cli | None = None) -> None:
        """A credential in the store."""
        words = ("credential", "set", "key", "--user", "ada", "--no-check", "--payload", "registry=reg.test", "username=alice", "auth=-")
        assert (await (cli or self.cli).run(*words, stdin=SECRET)).code == 0

    @property
    def path(self) -> Path:
        return self.cli.home / "validator.db"

    @property
    def key(self) -> Path:
        return self.cli.home / "master.key"

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Embedded]:
        async with open_embedded(self.path, self.key) as embedded:
            yield embedded

    def sql(self, statement: str) -> None:
        """Change the database behind the program's back."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement)


Scenario = Callable[[At], Awaitable[None]]
SCENARIOS: Final[dict[str, tuple[Scenario, frozenset[str]]]] = {}


def provokes(*codes: str) -> Callable[[Scenario], Scenario]:
    """These findings, at least."""

    def kept(scenario: Scenario) -> Scenario:
        SCENARIOS[scenario.__name__] = scenario, frozenset(codes)
        return scenario

    return kept


def ping(**headers: str) -> Any:
    """A demand for a login, with fields more."""
    fields = (("WWW-Authenticate", f'Bearer realm="{REALM}",service="reg.test"'), *((name.title(), value) for name, value in headers.items()))
    return reply(401, {"errors": [{"code": "UNAUTHORIZED"}]}, fields)


def dated(by: timedelta = timedelta(0)) -> Any:
    """The same, telling the time."""
    return ping(date=format_datetime(datetime.now(UTC) + by, usegmt=True))


async def served(at: At, **scripted: Any) -> Site:
    return await at.world.serve({"P": dated(), **scripted})


@provokes(
    "settings_read", "clock_right", "dns_answers", "tls_trusts", "proxy_none", "registry_answers", "store_opens", "schema_newest", "key_opens",
    "disk_room", "sweep_recent", "notices_told",
)  # fmt: skip
async def all_is_well(at: At) -> None:
    site = await served(at)
    at.cli.more["notices"] = {"urls": ["mailto://127.0.0.1:9?from=v@example.org&to={address}"], "address": "{user}@example.org"}
    await at.store()
    async with at.ledger() as embedded:
        sweep = await embedded.ledger.sweeps.begin("s", Filters(), "nobody", now=datetime.now(UTC) - timedelta(minutes=5))
        await embedded.ledger.sweeps.finish(sweep, now=datetime.now(UTC))
    await at.ask()
    assert (at.exit, at.outcome, site.secrets, site.asked > 1) == (0, "good", [], True), at.found
    assert SECRET not in at.shown


@provokes("store_none", "registry_none")
async def nothing_was_ever_done(at: At) -> None:
    at.cli.registries = {}
    at.path.unlink(missing_ok=True)
    await at.ask()
    assert (sorted(path.name for path in at.cli.home.iterdir()), at.exit) == (["validator.yaml"], 0), "nothing is made"


@provokes("settings_default")
async def no_settings(at: At) -> None:
    from validator.config import Settings
    from validator.doctor import look_at_files

    at.heard(look_at_files(Settings(), None))


@provokes("settings_open", "file_open", "file_missing")
async def files_that_others_may_touch(at: At) -> None:
    at.cli.registries = {}
    secret = at.cli.home / "canary.txt"
    secret.write_text("x")
    secret.chmod(0o644)
    at.cli.more["notices"] = {"webhook": {"url": "https://hooks.test/", "secret_file": str(at.cli.home / "gone")}}
    at.cli.registries = {"reg.test": {"canary": {"username": "u", "secret_file": str(secret)}, "disabled": True}}
    at.cli.configured().chmod(0o666)
    await at.ask()
    assert at.exit == 1


@provokes("clock_off")
async def a_clock_that_is_behind(at: At) -> None:
    await served(at, P=dated(timedelta(hours=1)))
    await at.ask()
    assert " s behind what" in next(one["said"] for one in at.found if one["code"] == "clock_off")


@provokes("clock_unknown", "registry_unreached")
async def a_registry_that_is_down(at: At) -> None:
    at.world.net.lead("reg.test", ConnectionRefusedError(111, "Connection refused"))
    await at.ask()


@provokes("registry_unnamed")
async def a_token_server_without_a_name(at: At) -> None:
    await at.world.serve({"P": ping()}, "reg.test")
    await at.ask()
    [said] = [one["said"] for one in at.found if one["code"] == "registry_unnamed"]
    assert said == "there is no host reg.test (its logins, at auth.reg.test)"


@provokes("clock_set_back")
async def a_ledger_of_tomorrow(at: At) -> None:
    at.cli.registries = {}
    await at.store()
    async with at.ledger() as embedded:
        await embedded.ledger.sweeps.begin("s", Filters(), "nobody", now=datetime.now(UTC) + timedelta(days=2, hours=1))
    at.world.net.lead("reg.test", ConnectionRefusedError(111, "Connection refused"))
    await at.ask()
    assert "2 d" in next(one["said"] for one in at.found if one["code"] == "clock_set_back")


@provokes("dns_silent")
async def no_name_server(at: At) -> None:
    at.world.net.names["reg.test"] = [socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")]
    await at.ask()
    assert at.exit == 1


@provokes("tls_no_authorities")
async def a_system_without_a_list(at: At) -> None:
    empty = at.cli.home / "none"
    empty.mkdir()
    at.monkeypatch.setenv("SSL_CERT_FILE", str(empty / "none.pem"))
    at.monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    at.heard(look_at_trust([], NOW))


@provokes("tls_file_unusable", "registry_untrusted")
async def a_list_that_is_none(at: At) -> None:
    await served(at)
    wrong = at.cli.home / "ca.pem"
    wrong.write_text("no certificate")
    at.cli.more["network"] = {"ca_file": str(wrong)}
    await at.ask()


@provokes("tls_authority_ended", "tls_authority_ends", "tls_authority_odd")
async def authorities_of_many_kinds(at: At) -> None:
    folder = at.cli.home
    over, soon, odd = folder / "over.pem", folder / "soon.pem", folder / "odd.pem"
    over.write_bytes(certificate(ends=NOW - timedelta(days=1)).pem)
    soon.write_bytes(certificate(ends=NOW + timedelta(days=3)).pem)
    odd.write_bytes(certificate(sloppy=True).pem)
    at.heard(look_at_trust([over, soon, odd], NOW))
    assert [one["code"] for one in at.found] == ["tls_trusts", "tls_authority_ended", "tls_authority_ends", "tls_authority_odd"]


@provokes("tls_strict")
async def a_server_that_newer_pythons_refuse(at: At) -> None:
    if ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT:
        pytest.skip("this Python refuses it already")
    sloppy = certificate(sloppy=True)
    listed = at.cli.home / "system.pem"
    listed.write_bytes(sloppy.pem)
    at.monkeypatch.setenv("SSL_CERT_FILE", str(listed))
    await at.world.serve({"P": dated()}, tls=sloppy.server(at.cli.home, "reg.test", "auth.reg.test"))
    at.cli.more["network"] = {}
    await at.ask()
    assert at.exit == 0, at.found


@provokes("proxy_used", "proxy_fails", "dns_proxied")
async def a_proxy_that_is_down(at: At) -> None:
    at.cli.more["network"] = {"proxy": f"http://127.0.0.1:{closed_port()}"}
    await at.ask()


@provokes("proxy_unused")
async def a_proxy_of_the_environment(at: At) -> None:
    at.cli.registries = {}
    await at.ask(env={"HTTPS_PROXY": "http://u:CANARY@proxy.test:3128"})
    assert "CANARY" not in at.shown


@provokes("registry_many", "registry_disabled")
async def more_registries_than_are_asked(at: At) -> None:
    at.monkeypatch.setattr("validator.doctor.ways.MOST_HOSTS", 1)
    at.cli.registries = {"one.test": {"disabled": True}, "two.test": {}, "three.test": {}}
    await at.ask()
    assert at.world.net.asked == []


@provokes("registry_unsafe")
async def a_name_that_leads_inside(at: At) -> None:
    site = await served(at)
    at.world.net.lead("reg.test", site.port, address="10.0.0.7")
    await at.ask()
    assert (site.asked, at.world.net.dialled) == (0, [])


@provokes("registry_strange")
async def a_page_where_a_registry_should_be(at: At) -> None:
    await served(at, P=page())
    await at.ask()


@provokes("registry_ill")
async def a_registry_that_cannot(at: At) -> None:
    await served(at, P=refused(503, "UNAVAILABLE"))
    await at.ask()
    assert at.exit == 3, at.found


@provokes("registry_busy")
async def a_lane_that_is_to_wait(at: At) -> None:
    site = await served(at)
    await at.store()
    async with at.ledger() as embedded:
        await embedded.ledger.slots.pause("reg.test", datetime.now(UTC).timestamp() + 3600, banned=False)
    at.monkeypatch.setattr("validator.examining.Ways", partial(Ways, deadline_s=0.2))
    await at.ask()
    assert site.asked == 0, "its pace is obeyed"


@provokes("store_fails")
async def a_file_that_is_no_database(at: At) -> None:
    at.cli.registries = {}
    at.path.write_bytes(b"these are my notes " * 100)
    await at.ask()
    assert at.exit == 1


@provokes("store_open", "store_unreadable")
async def a_damaged_row_in_a_file_for_all(at: At) -> None:
    at.world.net.lead("reg.test", ConnectionRefusedError(111, "Connection refused"))
    await at.store()
    at.sql("UPDATE credentials SET secret = 'x'")
    at.path.chmod(0o644)
    await at.ask()


@provokes("store_read_only")
async def a_store_that_may_not_be_written(at: At) -> None:
    with reachable() as home:
        cli = Cli(home, more=kept_in(home / "held"))
        await at.store(cli)
        await at.ask(cli=cli)  # whatever is imported is imported
        cli.configured().unlink()
        with unwritable(home / "held"):
            await at.ask(cli=cli)
    assert at.exit == 1


@provokes("schema_older")
async def tables_of_before(at: At) -> None:
    await kept(at, "0001")
    await at.ask()
    with closing(sqlite3.connect(at.path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)], "nothing is migrated"


@provokes("schema_newer")
async def tables_of_tomorrow(at: At) -> None:
    at.cli.registries = {}
    await at.store()
    at.sql("UPDATE alembic_version SET version_num = '9999'")
    await at.ask()


@provokes("key_fails")
async def a_key_that_is_lost(at: At) -> None:
    at.cli.registries = {}
    await at.store()
    at.key.chmod(0o640)
    await at.ask()
    assert [one["advice"] for one in at.found if one["code"] == "key_fails"] == [f"do `chmod 600 {at.key}`"]
    at.key.unlink()
    await at.ask()
    assert (at.key.exists(), at.exit) == (False, 1)


@provokes("key_old_rows")
async def a_rotation_that_was_cut_off(at: At) -> None:
    at.world.net.lead("reg.test", ConnectionRefusedError(111, "Connection refused"))
    await at.store()
    async with at.ledger() as embedded:
        write_master_keys(at.key, embedded.keys.master.with_new())
    await at.ask()
    assert "an older key of" in next(one["said"] for one in at.found if one["code"] == "key_old_rows")


@provokes("disk_full")
async def a_disk_that_is_full(at: At) -> None:
    at.monkeypatch.setattr("validator.doctor.place.LEAST", 1 << 62)
    at.heard(look_at_place(at.path))


MOUNT: Final = "36 35 98:0 / {point} rw,noatime master:1 - {kind} /dev/sda rw\n"


@provokes("file_system_local", "file_system_network", "file_system_passing")
async def file_systems(at: At) -> None:
    mounts, home = at.cli.home / "mounts", at.cli.home / "with blank"
    home.mkdir()
    for kind in ("ext4", "nfs4", "fuse.sshfs", "overlay"):
        mounts.write_text(MOUNT.format(point="/", kind="xfs") + MOUNT.format(point=str(home).replace(" ", "\\040"), kind=kind))
        at.heard(look_at_place(home / "validator.db", mounts)[1:])
    assert [one["code"].rpartition("_")[2] for one in at.found] == ["local", "network", "network", "passing"]


async def nights(at: At, *, schedule: tuple[str, str] | None = NIGHTLY) -> None:
    async with at.ledger() as embedded:
        at.heard(await look_at_nights(embedded.ledger, schedule, NOW, told=False))


@provokes("sweep_never", "notices_nobody")
async def no_sweep_yet(at: At) -> None:
    await nights(at)


@provokes("sweep_late", "sweep_cut_off", "sweep_quarantine", "notices_wait", "notices_failed", "notices_unclear")
async def nights_that_went_wrong(at: At) -> None:
    async with at.ledger() as embedded:
        ledger = embedded.ledger
        old = NOW - timedelta(days=2)
        await ledger.sweeps.finish(await ledger.sweeps.begin("old", Filters(), "nobody", now=old), now=old + timedelta(hours=1))
        await ledger.sweeps.begin("new", Filters(), "nobody", now=NOW - timedelta(hours=1))
        await ledger.lanes.take("reg.test", "nobody", now=NOW)
        await ledger.lanes.quarantine("reg.test", {}, now=NOW)
        for number, state in enumerate((NoticeState.QUEUED, NoticeState.FAILED, NoticeState.UNDELIVERABLE, NoticeState.MAYBE_SENT)):
            await ledger.notices.put("old", f"user{number}", Kind.USER, [{}], Route((), state), now=NOW)
    await nights(at)
    at.found, before = [], at.found
    await nights(at, schedule=None)
    assert "sweep_recent" in [one["code"] for one in at.found], "without a schedule none is late"
    at.found += before


@provokes("sweep_runs")
async def a_sweep_under_way(at: At) -> None:
    from validator.ledger.base.processes import this_process

    async with at.ledger() as embedded:
        await embedded.ledger.sweeps.begin("new", Filters(), this_process(), now=NOW)
    await nights(at)


@provokes("workers_live", "workers_gone")
async def workers_that_live_and_that_are_gone(at: At) -> None:
    from validator.ledger.base.processes import AT_WORK, WORKERS

    async with at.ledger() as embedded:
        await embedded.ledger.lanes.join(AT_WORK, WORKERS, now=NOW)
    await nights(at)
    async with at.ledger() as embedded:
        await embedded.ledger.lanes.join(AT_WORK, WORKERS, now=NOW - timedelta(hours=1))
    await nights(at)


async def kept(at: At, revision: str) -> None:
    """A database of an older program."""
    from tests.ledger.test_migrations import kept as made

    at.cli.home.mkdir(exist_ok=True)
    made(revision, at.cli.home)


def closed_port() -> int:
    """A port of this machine that nobody listens at."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
