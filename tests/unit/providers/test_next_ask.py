"""What is asked next, point by point, where a whole conversation of the cases does not come by. registries/README.md 6.1 to 6.4."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from yarl import URL

from tests.unit.verdict.saying import HERE, MADE_UP, N_T, NOBODY, OK_H, ev, failed, ping, said
from validator.credential import SecretKind
from validator.evidence import Asker, Control, Demand, Exchange, Failure, Known, ManifestSeen, Opinion, OpinionSeen, Party, Step
from validator.protocol.manifest import Platform
from validator.providers import image_questions, login_questions, provider_named
from validator.providers.plan import Ask, Plan
from validator.providers.questions import next_ask

WAITS: Final = login_questions.PING_AGAIN_S, image_questions.FRESH_TOKEN_S
SIGN: Final = {Party.SUBJECT: "+", Party.ANONYMOUS: "0", Party.CONTROL: "!", Party.CANARY: "c"}
BASIC: Final = Demand(scheme="basic")
AMD: Final = Platform(os="linux", architecture="amd64")


@pytest.fixture(autouse=True)
def waits_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here: the suite's short ones are not wanted."""
    monkeypatch.setattr(login_questions, "PING_AGAIN_S", WAITS[0])
    monkeypatch.setattr(image_questions, "FRESH_TOKEN_S", WAITS[1])


def after(*exchanges: Exchange, key: str = "generic", api: str = "", known: Known | None = None, **subject: Any) -> Ask | None:
    """The next ask after these answers."""
    provider = provider_named(key)
    assert provider is not None
    plan = Plan(provider=provider, registry=URL("https://reg.test/"), api=URL(api) if api else None)
    return next_ask(plan, ev(*exchanges, known=known, **{"reference": "1", **subject}))


def short(ask: Ask | None) -> str:
    """`scoped_login + pair`, with its wait; "" for nothing."""
    if ask is None:
        return ""
    method = " GET" if ask.step is Step.MANIFEST else ""
    return f"{ask.step} {SIGN[ask.party]}{method} {ask.auth}" + (f" wait {ask.wait_s:g}" if ask.wait_s else "")


KEPT: Final = Known(
    challenge=HERE, challenge_age_s=5.0, controls={Step.LOGIN: Control.REFUSED}, controls_for=HERE, ever_valid=True, asked_before=True
)
PROVEN: Final = replace(KEPT, controls={Step.SCOPED: Control.REFUSED})
ANYONE: Final = replace(KEPT, controls={Step.LOGIN: Control.ACCEPTED})
SCOPED: Final = OpinionSeen(opinion=Opinion.KNOWS, scopes=("read:packages",))
SWEEP, PREFLIGHT = {"asker": Asker.SWEEP}, {"asker": Asker.PREFLIGHT}
OPEN: Final = said("P", 200, "J", party=NOBODY)
T_OK, L_OK, H_OK = said("T", 200), said("L", 200), said("H", 200, **OK_H)
L_NO, T_NO = said("L", 401), said("T", 401)

ASKS: Final[list[tuple[str, str, list[Exchange], dict[str, Any]]]] = [
    # what is asked, why, after what, of whom
    ("ping 0 none", "nothing is known", [], {}), ("ping 0 none", "a realm that may not have the secret any more is asked for anew", [], {"known": replace(KEPT, challenge=replace(HERE, fault=Failure.UNSAFE_REALM))}),
    ("", "nothing is sent to it", [ping(demand=replace(HERE, fault=Failure.UNSAFE_REALM))], {}), ("", "nor by nobody", [ping(demand=replace(HERE, fault=Failure.UNSAFE_REALM))], {"anonymous": True}),
    ("", "what cannot work is not sent", [], {"fault": "foreign_token"}), ("ping 0 none", "an empty secret pulls anonymously", [], {"fault": "empty_secret"}), ("", "but only an image", [], {"fault": "empty_secret", "repository": ""}),
    ("login + pair", "the login is judged first", [], {"known": KEPT}), ("scoped_login + pair", "the scoped one where it is as good", [], {"known": PROVEN}), ("scoped_login + pair", "what a kubelet sends", [], {"known": KEPT, **PREFLIGHT}),
    ("login + pair", "without an image there is no scope", [], {"known": PROVEN, "repository": ""}), ("login + pair", "whose control was accepted proves nothing", [], {"known": replace(PROVEN, controls={Step.SCOPED: Control.ACCEPTED})}),
    ("scoped_login + pair", "a 403 is a refusal of it, too", [], {"known": replace(PROVEN, controls={Step.SCOPED: Control.DENIED})}),
    # an open registry
    ("pull 0 none", "the manifest may ask for a login", [OPEN], {}), ("login ! pair", "or it looks at Basic where it is there", [OPEN], {"repository": ""}), ("login ! pair", "the same after the image", [OPEN, said("H", 200, party=NOBODY, **OK_H)], {}),
    ("", "it accepts anybody", [OPEN, said("B", 200, "J", party=MADE_UP)], {"repository": ""}), ("", "and has told the image", [OPEN, said("H", 200, party=NOBODY, **OK_H), said("B", 200, "J", party=MADE_UP)], {}),
    ("manifest 0 GET none", "its platforms", [OPEN, said("H", 200, party=NOBODY, kind="index", shape=""), said("B", 200, "J", party=MADE_UP)], {"platform": AMD}), ("login + pair", "it refuses a made-up one, so it looks", [OPEN, said("B", 401, party=MADE_UP, demands="basic")], {"repository": ""}),
    ("", "nobody asks for no login", [OPEN], {"anonymous": True, "repository": ""}),
    # where nothing seems to be
    ("ping 0 none wait 2", "a second look", [said("P", 404, party=NOBODY)], {}), ("", "twice nothing", [said("P", 404, party=NOBODY), said("P", 404, party=NOBODY)], {}), ("ping 0 none wait 2", "a page", [said("P", 200, "html", party=NOBODY)], {}),
    ("elsewhere 0 none", "another registry to compare with", [said("P", 200, "html", party=NOBODY), said("P", 200, "html", party=NOBODY)], {"known": Known(elsewhere=URL("https://other.test/v2/"))}), ("", "none to compare with", [said("P", 200, "html", party=NOBODY), said("P", 200, "html", party=NOBODY)], {}),
    ("", "a 503 is not asked again", [said("P", 503, party=NOBODY)], {}), ("", "one that was compared", [said("P", 200, "html", party=NOBODY), said("P", 200, "html", party=NOBODY), said("X", 200, "J", party=NOBODY)], {"known": Known(elsewhere=URL("https://other.test/v2/"))}),
    # a refusal
    ("login + pair wait 3", "the one repeat where somebody waits", [ping(), L_NO], {"repository": ""}), ("", "a sweep confirms it later", [ping(), L_NO], {"repository": "", **SWEEP}), ("", "twice is enough", [ping(), L_NO, L_NO], {"repository": ""}),
    ("scoped_login + pair wait 3", "with an image the repeat is what a kubelet sends", [ping(), L_NO], {}), ("", "not where a directory may lock", [ping(), L_NO], {"repository": "", "no_repeat": True}), ("", "nor after a throttle", [ping(), L_NO], {"repository": "", "known": Known(throttled=True)}),
    ("", "nor of an ill registry", [ping(), L_NO], {"repository": "", "known": Known(ill=True)}), ("", "its words are plain", [ping(), said("L", 401, text="token has expired")], {"repository": ""}), ("", "a 503 is not pressed", [ping(), L_NO, said("L", 503)], {"repository": ""}),
    ("login + pair wait 3", "accepted with scope, where anybody is", [ping(), L_NO, replace(T_OK, at=3.0)], {"known": Known(controls={Step.SCOPED: Control.ACCEPTED})}),
    ("scoped_login ! pair", "accepted with scope: is anybody", [ping(), L_NO, replace(T_OK, at=3.0)], {}), ("pull + bearer", "a dead key may pull what is public there", [ping(), L_NO, replace(T_OK, at=3.0), replace(L_NO, at=6.0)], {"known": Known(controls={Step.SCOPED: Control.ACCEPTED}, anonymous=Control.REFUSED)}),
    ("", "an earlier one in the ledger decides", [ping(), L_NO], {"repository": "", "known": Known(refused_age_s=700.0)}),
    ("ping 0 none", "a no under an old challenge is no no", [L_NO], {"repository": "", "known": replace(KEPT, challenge_age_s=7200.0)}), ("login + pair", "the challenge has changed", [L_NO, ping(1.0, replace(HERE, service="new"))], {"repository": "", "known": replace(KEPT, challenge_age_s=7200.0)}),
    ("login + pair wait 3", "it is the same", [L_NO, ping(1.0)], {"repository": "", "known": replace(KEPT, challenge_age_s=7200.0)}), ("", "a throttle under an old challenge", [said("L", 429)], {"repository": "", "known": replace(KEPT, challenge_age_s=7200.0)}),
    ("ping 0 none", "a 403 under one", [said("L", 403)], {"repository": "", "known": replace(KEPT, challenge_age_s=7200.0)}), ("", "a 500 under one", [said("L", 500)], {"repository": "", "known": replace(KEPT, challenge_age_s=7200.0)}),
    # the image
    ("scoped_login + pair", "a token for it", [ping(), L_OK], {}), ("pull + bearer", "then its manifest", [ping(), L_OK, T_OK], {}), ("scoped_login 0 none", "is the 200 due to the secret", [ping(), L_OK, T_OK, H_OK], {}), ("pull 0 bearer", "with nobody's token", [ping(), L_OK, T_OK, H_OK, N_T], {}),
    ("login ! pair", "a made-up one", [ping(), L_OK, T_OK, H_OK, N_T, said("H", 401, party=NOBODY, authorized=True)], {}), ("", "all is known", [L_OK, T_OK, H_OK], {"known": replace(KEPT, anonymous=Control.REFUSED)}), ("", "a pre-flight proves nothing", [ping(), T_OK, H_OK], PREFLIGHT),
    ("scoped_login + pair wait 2", "a stale token is got anew", [ping(), L_OK, T_OK, said("H", 401, "", "invalid_token")], {}), ("scoped_login + pair", "at once where it was an old one", [ping(), L_OK, T_OK, said("H", 401, "", "invalid_token", reused=True)], {}),
    ("pull + bearer", "and is tried", [ping(), L_OK, T_OK, said("H", 401, "", "invalid_token"), replace(T_OK, at=9.0)], {}), ("manifest + GET bearer", "no HEAD there", [ping(), L_OK, T_OK, said("H", 405, "")], {}), ("manifest + GET bearer", "which of the two is missing", [ping(), L_OK, T_OK, said("H", 404, "")], {}),
    ("manifest + GET bearer", "the platforms of an index", [L_OK, T_OK, said("H", 200, kind="index", shape="")], {"platform": AMD, "known": replace(KEPT, anonymous=Control.REFUSED)}),
    ("", "a 403 is said once", [L_OK, T_OK, said("H", 403)], {"known": KEPT}), ("pull + pair", "a Basic registry", [ping(demand=BASIC), said("B", 200, "J", demands="")], {}), ("pull 0 none", "nobody's, of a Basic one", [ping(demand=BASIC), said("B", 200, "J"), H_OK], {}),
    ("pull 0 none", "a pull without a key", [ping(demand=BASIC)], {"anonymous": True}), ("scoped_login 0 none", "and with a token server", [ping()], {"anonymous": True}), ("scoped_login + pair", "a dead robot may pull what is public", [ping(), L_NO], {"known": Known(scope_accepts_anyone=True), **SWEEP}),
    # the controls
    ("login ! pair", "is a made-up one refused", [ping(), L_OK], {"repository": ""}), ("", "it is known", [L_OK], {"repository": "", "known": KEPT}), ("", "once is enough", [ping(), L_OK, said("L", 503, party=MADE_UP)], {"repository": ""}), ("", "a pre-flight makes none", [ping(), L_OK], {"repository": "", **PREFLIGHT}),
    ("scoped_login ! pair", "deeper where it was accepted", [L_OK, T_OK, H_OK], {"known": replace(ANYONE, anonymous=Control.REFUSED)}), ("pull ! bearer", "and deeper", [L_OK, T_OK, H_OK, said("T", 200, party=MADE_UP)], {"known": replace(ANYONE, anonymous=Control.REFUSED)}),
    ("", "refused there", [L_OK, T_OK, H_OK, said("T", 401, party=MADE_UP)], {"known": replace(ANYONE, anonymous=Control.REFUSED)}), ("", "at the end", [L_OK, T_OK, H_OK, said("T", 200, party=MADE_UP), said("H", 401, party=MADE_UP)], {"known": replace(ANYONE, anonymous=Control.REFUSED)}),
    ("", "not for what is public", [L_OK, T_OK, H_OK], {"known": replace(ANYONE, anonymous=Control.ACCEPTED)}), ("", "nor for what was not read", [L_OK, T_OK, said("H", 403)], {"known": replace(ANYONE, anonymous=Control.REFUSED)}),
    ("pull ! pair", "on a Basic registry", [ping(demand=BASIC), said("B", 200, "J"), H_OK, said("B", 200, "J", party=MADE_UP)], {"known": Known(anonymous=Control.REFUSED)}),
    ("", "an ill one's is not asked again", [L_OK, T_OK, H_OK, said("T", 503, party=MADE_UP)], {"known": replace(ANYONE, anonymous=Control.REFUSED)}),
    ("login ! pair", "GitHub: a page's 401 is a proxy's", [ping(), T_OK, said("H", 401, "html")], {"key": "ghcr"}), ("scoped_login 0 none", "twice refused: no third", [ping(), L_NO, replace(L_NO, at=3.0)], {"known": Known(scope_accepts_anyone=True)}),
    ("login ! pair", "a storage that nobody was led to says nothing", [ping(), L_OK, T_OK, H_OK, N_T, said("H", 403, party=NOBODY, led=True)], {}), ("", "GitHub: a 403 that is not its own", [ping(), said("L", 403, "E", "UNAUTHORIZED")], {"key": "ghcr", "api": "https://api.test", "introspect": True, "repository": ""}),
    ("opinion + opinion", "GitLab: a scoped 403 is of the secret", [ping(), said("T", 403, "E", "DENIED")], {"key": "gitlab", "api": "https://api.test", "introspect": True, **PREFLIGHT}), ("login + pair wait 3", "NGC repeats a scoped login without scope", [ping(), T_NO], {"key": "ngc"}),
    ("", "the platform is known by its digest", [L_OK, T_OK, said("H", 200, manifest=ManifestSeen(kind="image", platform=AMD))], {"platform": AMD, "known": replace(KEPT, anonymous=Control.REFUSED)}),
    ("", "it is known to be refused there", [L_OK, T_OK, H_OK, said("T", 200, party=MADE_UP)], {"known": replace(ANYONE, anonymous=Control.REFUSED, controls={Step.LOGIN: Control.ACCEPTED, Step.PULL: Control.REFUSED})}),
    ("", "a name that was not found for days, and is now", [said("P", 503, party=NOBODY)], {"known": Known(nxdomain_age_s=90_000.0, elsewhere=URL("https://other.test/v2/"))}),
    ("elsewhere 0 none", "one that still is not", [replace(failed("P", Failure.DNS_NXDOMAIN), party=NOBODY)], {"known": Known(nxdomain_age_s=90_000.0, elsewhere=URL("https://other.test/v2/"))}),
    ("", "an ill registry is asked for nothing by nobody", [said("P", 503, party=NOBODY)], {"anonymous": True}), ("", "a page's neither", [said("P", 403, "html", party=NOBODY)], {"anonymous": True}),
    ("", "a sweep presses no ill registry", [ping(), said("T", 503)], {"key": "ngc", **SWEEP}), ("ping 0 none", "its own ping is too old by now", [ping(0.0), replace(L_NO, at=99.0)], {"repository": ""}),
    ("detail + opinion", "GitHub: why a package is refused", [T_OK, said("H", 403), said("G", 403)], {"key": "ghcr", "api": "https://api.test", "introspect": True, "known": replace(KEPT, opinion=SCOPED)}),
    ("", "not where it may not be asked about the secret", [T_OK, said("H", 403), said("G", 403)], {"key": "ghcr", "api": "https://api.test", "known": replace(KEPT, opinion=SCOPED)}), ("", "nor without its API", [T_OK, said("H", 403), said("G", 403)], {"key": "ghcr", "introspect": True, "known": replace(KEPT, opinion=SCOPED)}),
    ("", "nor for what is there", [T_OK, H_OK], {"key": "ghcr", "api": "https://api.test", "introspect": True, "known": replace(KEPT, opinion=SCOPED, anonymous=Control.REFUSED)}),
    ("scoped_login 0 none", "GitHub: is it ill, that it refuses twice what it gave a token for", [ping(), T_OK, said("H", 401), replace(T_OK, at=2.0), said("H", 401, at=3.0)], {"key": "ghcr"}),
    ("login ! pair", "GitHub: a 403 is no illness", [ping(), T_OK, said("H", 403), said("G", 403)], {"key": "ghcr"}),
    ("scoped_login ! pair", "its token, to pull with", [L_OK, T_OK, H_OK], {"known": replace(ANYONE, anonymous=Control.REFUSED, controls={Step.LOGIN: Control.ACCEPTED, Step.SCOPED: Control.ACCEPTED})}),
    # redirects
    ("ping 0 none", "a ping is led on", [said("P", 301, party=NOBODY, next_url=URL("https://reg.test/v2/x"))], {}), ("login + pair", "a login at the same origin", [ping(), replace(said("L", 307, next_url=URL("https://reg.test/t2")), url="https://reg.test/t")], {}),
    ("login + none", "elsewhere without the pair", [ping(), replace(said("L", 307, next_url=URL("https://auth.reg.test/t2")), url="https://reg.test/t")], {}), ("login + none", "another port is elsewhere", [ping(), replace(said("L", 307, next_url=URL("https://reg.test:8443/t")), url="https://reg.test/t")], {}),
    ("pull + bearer", "a pull at the same origin", [ping(), L_OK, T_OK, replace(said("H", 307, next_url=URL("https://reg.test/b")), url="https://reg.test/a")], {}), ("pull + pair", "of a Basic registry", [ping(demand=BASIC), said("B", 200, "J"), replace(said("H", 307, next_url=URL("https://reg.test/b")), url="https://reg.test/a")], {}),
    ("pull + none", "to a storage", [ping(), L_OK, T_OK, replace(said("H", 307, next_url=URL("https://s3.test/b")), url="https://reg.test/a")], {}), ("pull 0 none", "nobody's", [ping(), replace(said("H", 307, party=NOBODY, next_url=URL("https://reg.test/b")), url="https://reg.test/a")], {"anonymous": True}),
    # vendors
    ("login 0 none", "NGC: is it well", [ping(demand=replace(HERE, realm=URL("https://reg.test/proxy_auth"))), L_NO], {"key": "ngc", "repository": ""}), ("login + pair wait 3", "its realm is another's", [ping(), L_NO], {"key": "ngc", "repository": ""}),
    ("scoped_login 0 none wait 2", "NGC: nobody's 401 is asked twice", [ping(), L_OK, T_OK, H_OK, said("T", 401, party=NOBODY)], {"key": "ngc"}), ("login 0 none", "and whether it answers nobody at all", [ping(), L_OK, T_OK, H_OK, said("T", 401, party=NOBODY), said("T", 401, party=NOBODY)], {"key": "ngc"}),
    ("login ! pair", "then it is private", [ping(), L_OK, T_OK, H_OK, said("T", 401, party=NOBODY), said("T", 401, party=NOBODY), said("L", 200, party=NOBODY)], {"key": "ngc"}), ("login ! pair", "a 503 is not", [ping(), L_OK, T_OK, H_OK, said("T", 503, party=NOBODY)], {"key": "ngc"}),
    ("opinion + opinion", "NGC: what its API says of a refused key", [ping(), L_NO], {"key": "ngc", "api": "https://api.test", "introspect": True, "repository": ""}), ("login 0 none", "Hub: is it well", [ping(), L_NO], {"key": "dockerhub", "repository": ""}),
    ("login + pair", "NGC: a scoped no leaves the secret unjudged", [ping(), said("T", 403)], {"key": "ngc"}), ("scoped_login 0 none", "a sweep has spent its one refusal", [ping(), T_NO], {"key": "ngc", **SWEEP}), ("login + pair", "a barred one too", [ping(), said("T", 402)], {}),
    ("opinion + opinion", "GitLab: before the login of one that was refused", [ping()], {"key": "gitlab", "api": "https://api.test", "introspect": True, "known": Known(refused_age_s=700.0)}), ("login ! pair", "GitLab: a 403 says nothing by itself", [ping(), said("L", 403, "E", "DENIED")], {"key": "gitlab", "repository": ""}),
    ("opinion + opinion", "GitHub: scopes of a good key", [ping(), L_OK], {"key": "ghcr", "api": "https://api.test", "introspect": True, "repository": ""}), ("manifest + GET bearer", "GitHub: the words of a 403", [ping(), T_OK, said("H", 403)], {"key": "ghcr"}),
    ("scoped_login + pair wait 2", "GitHub: a 401 in passing", [ping(), T_OK, said("H", 401)], {"key": "ghcr"}), ("login ! pair", "Hub: words that were said to all", [ping(), said("L", 401, "O", text="use a personal access token"), said("L", 200, party=NOBODY)], {"key": "dockerhub", "repository": ""}),
    ("", "Hub: a GET of an image costs a pull", [L_OK, T_OK, H_OK], {"key": "dockerhub", "platform": AMD, "known": replace(KEPT, anonymous=Control.REFUSED)}), ("", "Hub: nor is a missing one got", [T_OK, said("H", 404, "")], {"key": "dockerhub", "known": KEPT}),
    ("scoped_login + pair", "Google: the scoped login first", [ping()], {"key": "gar"}), ("login + pair", "Scaleway: a sweep spends its one refusal on the login", [ping()], {"key": "scaleway", **SWEEP}),
    ("", "a failure ends it", [ping(), failed("L", Failure.TIMEOUT)], {"repository": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "why", "exchanges", "more"), ASKS, ids=[f"{at} {row[1]}" for at, row in enumerate(ASKS)])
def test_what_is_asked_next(ask: str, why: str, exchanges: list[Exchange], more: dict[str, Any]) -> None:
    assert short(after(*exchanges, **more)) == ask, why


def test_a_partys_redirects_are_counted_apart() -> None:
    """README 3.2: one for a login; another party's, or another step's, is another conversation."""
    led = replace(said("T", 307, next_url=URL("https://reg.test/t2")), url="https://reg.test/t")
    for before, hops in (((), 1), ((led,), 2), ((replace(led, party=NOBODY),), 1), ((replace(led, step=Step.LOGIN),), 1), ((led, T_NO), 1)):
        ask = after(ping(), *before, led)
        assert ask is not None
        assert (ask.hops, ask.led, str(ask.url)) == (hops, True, "https://reg.test/t2")


def test_an_identity_token_is_traded_in_by_a_form() -> None:
    """distribution's oauth.md: what a GET has in its query stands in the form, and the realm keeps its own query."""
    known = replace(KEPT, challenge=replace(HERE, realm=URL("https://auth.reg.test/token?k=1&service=old")))
    ask = after(known=known, sent_as=SecretKind.IDENTITY_TOKEN, **PREFLIGHT)
    assert ask is not None
    assert (ask.method, str(ask.url), ask.auth.value) == ("POST", "https://auth.reg.test/token?k=1", "refresh")
    assert dict(ask.form) == {"grant_type": "refresh_token", "client_id": "docker", "service": "reg.test", "scope": "repository:team/app:pull"}
    assert after(ping(demand=BASIC), sent_as=SecretKind.IDENTITY_TOKEN) is None, "it is no password"


TOKEN_URLS: Final = {
    ("https://a.test/token", "s"): "https://a.test/token?service=s&scope=x", ("https://a.test/token", ""): "https://a.test/token?scope=x", ("https://a.test/token?service=own&k=1", ""): "https://a.test/token?k=1&service=own&scope=x",
    ("https://a.test/token?service=own&scope=y", "s"): "https://a.test/token?service=s&scope=x",
}  # fmt: skip


@pytest.mark.parametrize(("realm", "service"), TOKEN_URLS)
def test_the_realm_gets_our_service_and_scope_once(realm: str, service: str) -> None:
    """GEN-24, GEN-25; README 2.3."""
    from validator.providers.plan import token_url

    assert str(token_url(Demand(scheme="bearer", realm=URL(realm), service=service), "x")) == TOKEN_URLS[realm, service]
    assert "scope" not in token_url(Demand(scheme="bearer", realm=URL(realm), service=service), "").query
