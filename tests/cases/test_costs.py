"""What each look costs at each vendor, counted by its server: registries/README.md 6.3.

Cold: a ping, the login, its control. A pull's proof: the scoped login and a HEAD, with the login before where scopes are judged apart; the
first time that anonymous is tried there one more (its token says that it may not pull, or it is refused one). Warm: 1, and 2 (or 3). No
second control. Introspection is counted apart, and asked once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.cases.asking import asked, inquiry, probing, said
from tests.cases.running import Cli
from validator.emulator import DockerHub, Ghcr, Gitlab, Ngc
from validator.emulator.ngc import USERNAME
from validator.emulator.plain import HARBOR, HTPASSWD, Plain
from validator.evidence import Asker

SELF: Final[dict[str, Any]] = {"self_managed": True, "host": "registry.example.com"}
ASKED_APART: Final = ("/user", "/personal_access_tokens/self", "/get-caller-info")


@dataclass(frozen=True)
class Site:
    """A registry, a good and a dead pair there, an image that the good one may pull, and what is to be counted."""

    make: Callable[[], Any]
    host: str
    good: Callable[[Any], tuple[str, str]]
    dead: Callable[[Any], tuple[str, str]]
    image: str
    cold: int
    pull: int
    warm_pull: int
    opinions: int = 0
    dead_checked: int = 2


SITES: Final = {
    "NGC": Site(
        Ngc, "nvcr.io", lambda e: (USERNAME, e.keys["good"].secret), lambda e: (USERNAME, e.keys["deleted"].secret), "acme/app:1.0",
        cold=3, pull=3, warm_pull=2, dead_checked=1,
    ),
    "Docker Hub": Site(
        DockerHub, "docker.io", lambda e: ("ada", e.tokens["good"].secret), lambda e: ("ada", e.tokens["deleted"].secret), "acme/app:1.0",
        cold=3, pull=3, warm_pull=2,
    ),
    "GHCR": Site(
        Ghcr, "ghcr.io", lambda e: ("octo", e.secret("good")), lambda e: ("octo", e.secret("revoked")), "octo/app:1",
        cold=3, pull=3, warm_pull=2, opinions=1, dead_checked=1,
    ),
    "gitlab.com": Site(
        Gitlab, "registry.gitlab.com", lambda e: (e.secrets["good"].username, e.secrets["good"].secret),
        lambda e: (e.secrets["revoked"].username, e.secrets["revoked"].secret), "group/private:1", cold=3, pull=4, warm_pull=3, opinions=1,
        dead_checked=1,
    ),
    "a GitLab of their own": Site(
        lambda: Gitlab(**SELF), "registry.example.com", lambda e: (e.secrets["good"].username, e.secrets["good"].secret),
        lambda e: (e.secrets["deploy_revoked"].username, e.secrets["deploy_revoked"].secret), "group/private:1", cold=3, pull=4, warm_pull=3,
        opinions=1,
    ),
    "Harbor": Site(
        lambda: Plain(HARBOR), "reg.test", lambda e: e.login("good"), lambda e: e.login("dead"), "team/app:1", cold=3, pull=4, warm_pull=3,
    ),
    "a token server": Site(
        Plain, "reg.test", lambda e: e.login("good"), lambda e: e.login("dead"), "team/app:1", cold=3, pull=4, warm_pull=3,
    ),
    "Basic": Site(
        lambda: Plain(HTPASSWD), "reg.test", lambda e: e.login("good"), lambda e: e.login("dead"), "team/app:1", cold=3, pull=3, warm_pull=2,
    ),
}  # fmt: skip


@pytest.fixture(params=list(SITES.values()), ids=list(SITES))
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.param
    return found


def spent(emulator: Any, begun: int) -> tuple[int, int]:
    """Requests to the registry and its token server, and to an introspection, since `begun`."""
    paths = [one.path for one in emulator.requests[begun:]]
    apart = sum(path.endswith(ASKED_APART) for path in paths)
    return len(paths) - apart, apart


async def test_a_look_at_a_good_pair_costs_few_requests_and_then_fewer(site: Site, cli: Cli) -> None:
    async with site.make() as emulator:
        cli.registries = emulator.settings()
        async with probing(cli) as probe:
            costs, opinions = [], 0
            for image, wanted in ((None, "login_accepted"), (None, "login_accepted"), (site.image, "pull_proven"), (site.image, "pull_proven")):
                begun = len(emulator.requests)
                asking = inquiry(site.host, *site.good(emulator), f"{site.host}/{image}" if image else None, asker=Asker.CHECK)
                assert said((await probe.ask(asking)).verdict) == f"valid ({wanted})"
                cost, apart = spent(emulator, begun)
                costs.append(cost)
                opinions += apart
    assert costs == [site.cold, 1, site.pull, site.warm_pull]
    assert opinions == site.opinions


@pytest.mark.parametrize("asker", [Asker.SWEEP, Asker.CHECK])
async def test_a_dead_pair_costs_one_refused_login_or_two_where_somebody_waits(asker: Asker, site: Site, cli: Cli) -> None:
    async with site.make() as emulator:
        cli.registries = emulator.settings()
        probed = await asked(cli, site.host, *site.dead(emulator), asker=asker)
        assert said(probed.verdict).startswith("invalid (")
        refused = [one for one in emulator.refused_logins if not one.path.endswith(ASKED_APART)]
        assert len(refused) == (1 if asker is Asker.SWEEP else site.dead_checked)
