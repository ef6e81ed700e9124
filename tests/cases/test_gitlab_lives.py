"""GitLab over many looks: dead pairs within the failure budget, ends that come near, bans that end, illness, and what each look costs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.cases.asking import asked, inquiry, pass_time, probing, said, said_of_image
from tests.cases.rows import Row, case
from tests.cases.running import Cli, Result
from tests.cases.test_gitlab import PRIVATE, SELF
from validator.emulator import Gitlab
from validator.emulator.base import BASE64URL, letters
from validator.emulator.gitlab import world
from validator.evidence import Asker, Step
from validator.probe import Probed
from validator.providers.gitlab import GITLAB
from validator.status import State, Transition, advance
from validator.verdict import decide

PENDING: Final = {
    "GITLAB-13": "in what order a lane goes, and its canary: with the sweep",
    "GITLAB-32": "the lane's quarantine: with the sweep; here what a refusal of an ill registry comes to",
}
VALID, REFUSED, SPENT, BANNED = "valid (login_accepted)", "invalid (refused)", "unknown (budget_spent)", "unknown (address_banned)"


class Clock:
    """The world's time, which can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def own(cli: Cli, clock: Clock) -> AsyncIterator[Gitlab]:
    """A self-managed GitLab that bans after ten refused logins in a minute; found by its challenge, no introspection."""
    async with Gitlab(clock=clock, **SELF) as emulated:
        emulated.switch(ban=world.SELF_MANAGED)
        cli.registries = plain(emulated)
        yield emulated


def plain(gitlab: Gitlab) -> dict[str, Any]:
    """Settings that say nothing of GitLab, nor of an introspection."""
    (said,) = gitlab.settings().values()
    return {gitlab.registry_host: {key: value for key, value in said.items() if key not in ("provider", "api", "introspect")}}


def later(cli: Cli, clock: Clock, minutes: int) -> None:
    clock.ahead_s += minutes * 60
    pass_time(cli, minutes)


def dead(number: int) -> tuple[str, str]:
    """A pair that GitLab never knew."""
    return f"user-{number}", "glpat-" + letters(f"dead {number}", 20, BASE64URL)


def most_in_a_minute(gitlab: Gitlab) -> int:
    """The most refused logins in any 60 seconds."""
    times = sorted(one.at for one in gitlab.refused_logins)
    return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)


@case("GITLAB-13")
async def test_a_hundred_dead_pairs_never_bring_a_ban(row: Row, cli: Cli, own: Gitlab, clock: Clock) -> None:
    cli.pace["per_second"] = 1000  # its limit of refused logins is what this is about
    waiting, told = list(range(100)), 0
    async with probing(cli) as probe:
        for _ in range(120):
            while waiting:
                probed = await probe.ask(inquiry(own.registry_host, *dead(waiting[0])))
                row.agrees("credential", said(probed.verdict))
                if said(probed.verdict) != REFUSED:
                    assert probed.verdict.retry_after_s is not None
                    break
                waiting.pop(0)
                told += 1
            if not waiting:
                break
            later(cli, clock, 1)
    assert told == 100
    assert own.count(status=403) == 0
    assert most_in_a_minute(own) <= 4


async def test_thirty_dead_pairs_in_thirty_runs_bring_no_ban(cli: Cli, own: Gitlab, clock: Clock) -> None:
    """Each run is a process of its own as far as memory goes: the budget is in the ledger."""
    verdicts = [(await cli.check(own.registry_host, *dead(number))).credential for number in range(30)]
    assert set(verdicts) <= {REFUSED, SPENT, "unknown (ambiguous_refusal)"}
    assert len(own.refused_logins) <= 4, "all within the same minute"
    good = own.secrets["good"]
    later(cli, clock, 3)
    assert (await cli.check(own.registry_host, good.username, good.secret)).credential == VALID
    assert own.count(status=403) == 0


@case("GITLAB-25")
async def test_an_end_that_comes_near_is_told_once(row: Row, cli: Cli) -> None:
    async with Gitlab() as gitlab:
        cli.registries = gitlab.settings()
        ends = (datetime.now(UTC) + timedelta(days=5)).replace(hour=0, minute=0, second=0, microsecond=0)
        gitlab.change("expiring", expires_on=ends.date().isoformat())
        secret = gitlab.secrets["expiring"]
        standing, told = None, []
        for _ in range(3):
            probed = await asked(cli, "registry.gitlab.com", secret.username, secret.secret)
            row.agrees("credential", said(probed.verdict))
            assert probed.verdict.expires_at == ends
            step = advance(standing, probed.verdict, at=datetime.now(UTC), confirm_after_s=600, healthy=True, sent=True)
            standing = step.standing
            told.append(step.transition)
        assert told == [Transition.EXPIRING, Transition.NONE, Transition.NONE]
        assert introspections(gitlab) == 1
        pass_time(cli, 25 * 60)
        await asked(cli, "registry.gitlab.com", secret.username, secret.secret)
        assert introspections(gitlab) == 2, "daily, within thirty days of the end"


@case("GITLAB-29")
async def test_a_token_is_kept_no_longer_than_its_exp(row: Row, cli: Cli) -> None:
    async with Gitlab(**SELF) as gitlab:
        cli.registries = gitlab.settings()
        gitlab.switch(token_life_s=40)
        good = gitlab.secrets["good"]
        for _ in range(2):
            host = gitlab.registry_host
            probed = await asked(cli, host, good.username, good.secret, f"{host}/{PRIVATE}", asker=Asker.PREFLIGHT)
            row.agrees("image", said_of_image(probed.verdict))
            lives = [one.grant.life_s for one in probed.evidence.exchanges if one.grant is not None]
            assert lives
            assert all(35 < life_s <= 40 for life_s in lives)


@case("GITLAB-32")
async def test_refusals_of_an_ill_gitlab_are_no_deaths(row: Row, cli: Cli, own: Gitlab) -> None:
    person, token = own.secrets["password"], own.secrets["good"]
    for one in (person, token):
        assert said((await asked(cli, own.registry_host, one.username, one.secret)).verdict) == VALID
    own.switch(password_fault=True)
    assert said((await asked(cli, own.registry_host, token.username, token.secret)).verdict) == VALID
    probed = await asked(cli, own.registry_host, person.username, person.secret)
    assert said(probed.verdict) == REFUSED, "one alone cannot know"
    known = replace(probed.evidence.known, ill=True)
    verdict = decide(replace(probed.evidence, known=known), GITLAB.traits, GITLAB.table)
    row.agrees("credential", said(verdict))
    step = advance(None, verdict, at=datetime.now(UTC), confirm_after_s=600, healthy=False, sent=True)
    assert (step.standing.state, step.transition) == (State.NEVER_CHECKED, Transition.NONE)


@case("GITLAB-03", "GITLAB-04")
async def test_a_dead_token_dies_of_two_refusals(row: Row, cli: Cli) -> None:
    """The second look asks the API first, as it was last refused; one exchange confirms."""
    async with Gitlab() as gitlab:
        cli.registries = gitlab.settings()
        secret = gitlab.secrets["good"]
        name = "registry.gitlab.com"
        assert said((await asked(cli, name, secret.username, secret.secret)).verdict) == VALID
        gitlab.change("good", state=world.State.REVOKED if row.id == "GITLAB-03" else world.State.EXPIRED)
        standing, order = None, []
        for minutes in (24 * 60, 10):
            pass_time(cli, minutes)
            begun = len(gitlab.requests)
            probed = await asked(cli, name, secret.username, secret.secret)
            row.agrees("credential", said(probed.verdict))
            order.append([one.path for one in gitlab.requests[begun:] if one.secret_name == "good"])
            at = datetime(2026, 11, 23, 2, tzinfo=UTC) + timedelta(minutes=minutes if standing is None else 24 * 60 + minutes)
            standing = advance(standing, probed.verdict, at=at, confirm_after_s=600, healthy=True, sent=True).standing
        assert standing is not None
        assert standing.state is State.DEAD
        login, api = "/jwt/auth", "/api/v4/personal_access_tokens/self"
        assert order == [[login, api], [api, login]]
        assert len([one for one in gitlab.refused_logins if one.path == login and one.secret_name == "good"]) == 2


async def test_a_ban_ends_by_itself_and_nobody_died_of_it(cli: Cli, own: Gitlab, clock: Clock) -> None:
    own.ban()
    host, good, gone = own.registry_host, own.secrets["good"], own.secrets["revoked"]

    async def look(one: Any) -> Result:
        return await cli.check(host, one.username, one.secret, "--image", f"{host}/{PRIVATE}")

    for one in (good, gone, good):
        result = await look(one)
        assert (result.credential, result.image, result.code) == (BANNED, BANNED, 3)
        assert "bann" in result.shown["cause"]
    assert own.count(path="/jwt/auth", authorization="basic") == 1
    later(cli, clock, 59)
    assert (await look(good)).credential == BANNED
    assert own.count(path="/jwt/auth", authorization="basic") == 1
    later(cli, clock, 2)
    assert (await look(good)).credential == "valid (pull_proven)"
    assert (await look(gone)).credential == REFUSED


def introspections(gitlab: Gitlab) -> int:
    return gitlab.count(path="/api/v4/personal_access_tokens/self")


async def test_what_each_look_costs(cli: Cli) -> None:
    async with Gitlab() as gitlab:
        cli.registries = gitlab.settings()
        good, gone, host = gitlab.secrets["good"], gitlab.secrets["revoked"], "registry.gitlab.com"

        async def cost(one: Any, image: str | None = None, **more: Any) -> tuple[str, list[str]]:
            begun = len(gitlab.requests)
            probed: Probed = await asked(cli, host, one.username, one.secret, image, **more)
            assert not any(one.failure for one in probed.evidence.exchanges)
            sent = gitlab.requests[begun:]
            return said(probed.verdict), [f"{one.listener} {one.status}" for one in sent]

        await cost(good, f"{host}/{PRIVATE}")
        assert await cost(good) == (VALID, ["gitlab 200"]), "a warm login"
        assert await cost(good, f"{host}/{PRIVATE}", asker=Asker.PREFLIGHT) == ("unprovable (control_missing)", ["gitlab 200", "registry 200"])
        verdict, sent = await cost(good, f"{host}/{PRIVATE}", proof=True)
        assert (verdict, len(sent)) == ("valid (pull_proven)", 3), "its control is the login's: a login first (others.md G1)"
        assert introspections(gitlab) == 1, "once in seven days"
        verdict, sent = await cost(gone)
        assert (verdict, sent) == ("invalid (revoked)", ["gitlab 401", "gitlab 401"]), "one refused login, and the API's word"
        pass_time(cli, 7 * 24 * 60 + 60, "facts")
        await cost(good)
        assert introspections(gitlab) == 3


async def test_a_dead_token_without_introspection_is_repeated_once_and_a_password_never(cli: Cli, own: Gitlab, clock: Clock) -> None:
    """On a self-managed host a directory that locks may stand behind a password."""
    for name, times in {"revoked": 2, "password_2fa": 1, "deploy_revoked": 2}.items():
        one = own.secrets[name]
        assert (await cli.check(own.registry_host, one.username, one.secret)).credential == REFUSED
        assert own.count(secret_name=name, path="/jwt/auth") == times
        later(cli, clock, 30)
    old = "u" + letters("an unprefixed token", 19, BASE64URL)
    assert (await cli.check(own.registry_host, "zoe", old)).credential == REFUSED
    assert own.count(username="zoe") == 1
    assert introspections(own) == 0


async def test_the_control_is_a_name_that_nobody_has(cli: Cli, own: Gitlab) -> None:
    good = own.secrets["good"]
    probed = await asked(cli, own.registry_host, good.username, good.secret)
    assert [one.step for one in probed.evidence.exchanges] == [Step.PING, Step.LOGIN, Step.LOGIN]
    (control,) = own.refused_logins
    assert (control.username or "").startswith("validator-control-")
    assert probed.verdict.expires_at is None


async def test_an_oauth_access_token_dies_within_hours_by_design(cli: Cli) -> None:
    """gitlab.md 2: 64 hex digits, stored under `oauth2` as the vendor says; others.md G10. Under a person's name they may be a password."""
    async with Gitlab() as gitlab:
        cli.registries = gitlab.settings()
        secret = gitlab.secrets["oauth"].secret
        lives = await cli.check("registry.gitlab.com", "oauth2", secret)
        assert (lives.credential, lives.shown["hints"], lives.code) == (VALID, ["short_lived"], 0)
        assert (await cli.check("registry.gitlab.com", "alice", secret)).shown["hints"] == []
        gitlab.change("oauth", state=world.State.REVOKED)
        over = await cli.check("registry.gitlab.com", "oauth2", secret)
        assert (over.credential, over.code) == ("misconfigured (short_lived)", 1)
        assert "OAuth access token" in over.shown["cause"]
        assert (await cli.check("registry.gitlab.com", "alice", secret)).credential == REFUSED
