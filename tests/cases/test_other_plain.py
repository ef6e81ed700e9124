"""Registries of no vendor: plain distribution, fronts, mirrors. Rows of others.md section 24, against the plain emulated one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.cases.asking import pass_time
from tests.cases.rows import Row, case
from tests.cases.running import QUICK, Cli, Result
from validator.emulator.plain import HTPASSWD, NGINX, OPEN, Canned, Options, Plain
from validator.evidence import Asker, Demand, Evidence, Exchange, Party, Step, Subject
from validator.protocol.errcode import BodyShape
from validator.verdict import Outcome, decide

MAIN = "team/app"


@pytest.fixture
async def plain(cli: Cli) -> AsyncIterator[Plain]:
    async with Plain() as emulated:
        cli.registries, cli.pace = emulated.settings(), {**QUICK, "refused": {60: 100}}
        yield emulated


async def ask(cli: Cli, plain: Plain, name: str, image: str | None = None) -> Result:
    wanted = ("--image", f"{plain.registry_host}/{image}:1") if image else ()
    return await cli.check(plain.registry_host, *plain.login(name), *wanted)


def options(plain: Plain, preset: Options) -> None:
    plain.options = preset


@case("OTHER-32")
async def test_a_registry_without_logins(row: Row, cli: Cli, plain: Plain) -> None:
    """A real one: test_other_rows in tests/registry_real."""
    options(plain, OPEN)
    for name in ("good", "dead"):
        row.holds(await ask(cli, plain, name, MAIN))
    assert plain.count(secret_name="good") == 0  # its secret was of no use to anybody


@case("OTHER-33")
async def test_htpasswd_and_another_password(row: Row, cli: Cli, plain: Plain) -> None:
    """A real one: test_other_rows; dead after a second refusal: test_other_sweeps."""
    options(plain, HTPASSWD)
    row.holds(await ask(cli, plain, "dead"))
    assert plain.count(secret_name="dead", status=401) == 2


@case("OTHER-34")
async def test_a_front_that_answers_in_html(row: Row, cli: Cli, plain: Plain) -> None:
    options(plain, NGINX)
    row.holds(await ask(cli, plain, "dead"), 0)
    html = Exchange(
        step=Step.PING,
        party=Party.ANONYMOUS,
        method="GET",
        url="https://reg.test/v2/",
        status=401,
        shape=BodyShape.HTML,
        demand=Demand(scheme="basic"),
    )
    for asker in Asker:
        said = decide(Evidence(Subject(host="reg.test", username="jane", asker=asker)).plus(html))
        assert said.outcome is Outcome.UNKNOWN  # nobody's pair was sent: it proves nothing


@case("OTHER-45")
async def test_a_session_answers_for_nobody_else(row: Row, cli: Cli, plain: Plain) -> None:
    cookies: list[str | None] = []
    answer = plain.registry.answer, plain.auth.answer

    def noting(listener, inner):
        async def noted(call):
            cookies.append(call.request.headers.get("Cookie"))
            return await inner(call)

        listener.answer = noted

    noting(plain.registry, answer[0])
    noting(plain.auth, answer[1])
    plain.switch(cookies=True)
    names = (("a", "good"), ("b", "dead"))
    for name, account in names:
        username, secret = plain.login(account)
        payload = (f"registry={plain.registry_host}/{name}", f"username={username}", "auth=-")
        stored = await cli.run("credential", "set", name, "--type", "REGISTRY", "--user", "jane", "--payload", *payload, "--no-check", stdin=secret)
        assert stored.code == 0
    swept = await cli.run("sweep", "--no-wait", "--format", "json")  # one process, one session, both secrets
    rows = {one["name"]: f"{one['verdict']} ({one['reason']})" for one in swept.shown["credentials"]}
    assert rows["a"] == "valid (login_accepted)"
    row.agrees("credential", rows["b"])
    assert len(cookies) >= 4
    assert set(cookies) == {None}


@case("OTHER-46")
async def test_a_mirror_that_looks_at_no_pair(row: Row, cli: Cli, plain: Plain) -> None:
    options(plain, HTPASSWD)
    plain.switch(login="anyone", pull="anyone")
    result = row.holds(await ask(cli, plain, "dead"))
    assert "does nothing" in result.shown["advice"]


@case("OTHER-48")
@pytest.mark.parametrize("late", [False, True])
async def test_a_broken_access_controller_kills_nobody(
    row: Row, late: bool, cli: Cli, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A real one: test_other_rows. `late`: its challenge is fresh in the ledger, or a day old."""
    monkeypatch.setattr("validator.providers.login_questions.PING_AGAIN_S", 0.01)
    options(plain, HTPASSWD)
    assert (await ask(cli, plain, "good")).credential == "valid (login_accepted)"
    if late:
        pass_time(cli, 60 * 24 * 2)
    plain.stub("ping", Canned(400))
    for name in ("good", "dead", "other"):
        result = await ask(cli, plain, name)
        assert result.shown["verdict"] == "unknown"
        if late:
            row.holds(result)
