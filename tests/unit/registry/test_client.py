"""One ask becomes one request: how long it waits, what it carries, how far it is led."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr
from yarl import URL

from validator.credential import Host
from validator.evidence import Exchange, Failure, ManifestSeen, Party, Step
from validator.providers.generic import GENERIC
from validator.providers.plan import Ask, Auth
from validator.registry.base import Answer, Request
from validator.registry.client import Pair, RegistryClient
from validator.registry.reach import Reach
from validator.verdict.reading import Meaning, read

PAIR = Pair("alice", SecretStr("s3cret"))


@dataclass
class Recorded:
    """Keeps what it is asked and gives one answer."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answer


async def nothing(digest: str) -> ManifestSeen | None:
    return None


async def sent(
    step: Step, status: int = 401, *fields: tuple[str, str], hops: int = 0, method: str = "GET", body: bytes = b"", basic: str = ""
) -> tuple[Request, Exchange]:
    transport = Recorded(Answer(status=status, headers=tuple(fields), body=body, encoding=None, ms=1.0))
    reach = Reach(host=Host("reg.test"), registry=URL("https://reg.test/"), provider=GENERIC, listed=frozenset({"reg.test:443"}))
    client = RegistryClient(transport, reach, {Party.SUBJECT: PAIR}, lambda: 0.0, nothing)
    auth = Auth.PAIR if step in (Step.LOGIN, Step.SCOPED) else Auth.NONE
    seen = await client.send(Ask(step=step, party=Party.SUBJECT, method=method, url=URL("https://reg.test/token"), auth=auth, hops=hops, basic=basic))
    [request] = transport.requests
    return request, seen


@pytest.mark.parametrize("step", [Step.PING, Step.LOGIN, Step.SCOPED, Step.PULL, Step.MANIFEST, Step.CONFIG])
async def test_only_a_login_may_take_all_the_time_for_its_first_byte(step: Step) -> None:
    request, _ = await sent(step)
    assert request.first_byte_s == (None if step in (Step.LOGIN, Step.SCOPED) else 10.0)
    assert set(request.secret_headers) == ({"Authorization"} if step in (Step.LOGIN, Step.SCOPED) else set())


@pytest.mark.parametrize(("said", "code"), [("invalid_token", "invalid_token"), ("Insufficient_Scope", "insufficient_scope"), ("s3cr3t-echoed", "")])
async def test_of_a_challenges_error_only_known_words_are_kept(said: str, code: str) -> None:
    _, seen = await sent(Step.PULL, 401, ("www-authenticate", f'Bearer realm="https://reg.test/token",error="{said}"'))
    assert seen.code == code
    assert seen.demand is not None
    assert seen.demand.error == code


OFFERED = {
    "basic": (('Basic realm="x"',), "basic"), "basic beside another": (('Bearer realm="https://reg.test/token"', "Basic"), "basic"),
    "a bearer": (('Bearer realm="https://reg.test/token"',), "bearer"), "a bearer without a realm": (("Bearer",), "other"),
    "a realm twice": (('Bearer realm="https://reg.test/a",realm="https://evil.test/b"', 'Bearer realm="https://reg.test/c"'), "other"),
    "none that we know": (("Negotiate",), "other"), "rubbish": (("\x00",), "other"), "nothing": ((), None), "nothing in it": ((" ,, ",), None),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "scheme"), OFFERED.values(), ids=OFFERED.keys())
async def test_a_no_to_a_basic_login_is_one_where_a_basic_is_asked_for_or_nothing(fields: tuple[str, ...], scheme: str | None) -> None:
    """A server that demands something else, followable or not, has not looked at the pair: its no makes no dead key."""
    headers = [("www-authenticate", field) for field in fields]
    _, seen = await sent(Step.LOGIN, 401, *headers, body=b'{"errors": [{"code": "UNAUTHORIZED"}]}', basic="demanded")
    assert (seen.demand.scheme if seen.demand else None) == scheme
    assert read(seen).meaning is (Meaning.REFUSED if scheme in ("basic", None) else Meaning.UNKNOWN)
    if scheme == "other":
        _, forbidden = await sent(Step.LOGIN, 403, *headers, body=b'{"errors": [{"code": "DENIED"}]}', basic="demanded")
        assert read(forbidden).meaning is Meaning.UNKNOWN
    _, elsewhere = await sent(Step.LOGIN, 401, *headers, body=b'{"errors": [{"code": "UNAUTHORIZED"}]}')
    assert read(elsewhere).meaning is Meaning.REFUSED, "a token server looks at the Basic that it gets"


HOPS = {
    "a login's first": (Step.LOGIN, 0, None), "a login's second": (Step.LOGIN, 1, Failure.UNSAFE_REDIRECT), "a ping's third": (Step.PING, 2, None),
    "a ping's fourth": (Step.PING, 3, Failure.UNSAFE_REDIRECT), "a pull's third": (Step.PULL, 2, None),
    "a pull's fourth": (Step.PULL, 3, Failure.UNSAFE_REDIRECT),
}  # fmt: skip


@pytest.mark.parametrize(("step", "hops", "failure"), HOPS.values(), ids=HOPS.keys())
async def test_a_redirect_too_many_is_a_failure(step: Step, hops: int, failure: Failure | None) -> None:
    _, seen = await sent(step, 307, ("location", "/next"), hops=hops)
    assert seen.failure is failure
    assert seen.next_url == (None if failure else URL("https://reg.test/next"))


@pytest.mark.parametrize(
    ("location", "failure"), [("/v2/", None), ("/root/v2/", None), ("/token/", Failure.UNSAFE_REDIRECT), ("/", Failure.UNSAFE_REDIRECT)]
)
async def test_a_basic_login_is_led_to_another_ping_alone(location: str, failure: Failure | None) -> None:
    """A page of maintenance says 200 to everybody: it is no registry that accepts the pair."""
    _, seen = await sent(Step.LOGIN, 301, ("location", location), basic="demanded")
    assert seen.failure is failure
    _, elsewhere = await sent(Step.LOGIN, 301, ("location", location))
    assert elsewhere.failure is None, "a token server may stand anywhere on its host"


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_page_whose_body_a_head_leaves_out_is_a_page(status: int) -> None:
    _, seen = await sent(Step.PULL, status, ("content-type", "text/html; charset=utf-8"), method="HEAD")
    _, empty = await sent(Step.LOGIN, status, ("content-type", "text/html"))
    assert (seen.shape, empty.shape) == ("html", "empty")
