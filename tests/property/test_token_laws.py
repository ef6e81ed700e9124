"""What no conversation about an identity token may end in, whatever the servers say: read from the wire, as `laws.py` does for pairs."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs

import pytest
from yarl import URL

from tests.property.conversation import RECALLS, Conversation, Held, Talk, Turn, realm_of
from tests.property.laws import LOGINS, MOST_ASKS
from validator.credential import SecretKind
from validator.evidence import Asker, Failure, Party, Step
from validator.providers.plan import Ask
from validator.registry.base import Answer, Request
from validator.verdict import Outcome, Reason

HOSTS: Final = ("reg.test", "nvcr.io", "docker.io", "ghcr.io", "registry.gitlab.com")
TOKEN: Final = "CANARY-identity-token-of-jane"
_DIGEST: Final = "sha256:" + "a" * 64


def said(status: int, body: Any = None, **headers: str) -> Answer:
    fields = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = b"" if body is None else json.dumps(body).encode()
    return Answer(status=status, headers=tuple(fields.items()), body=raw, encoding=None, ms=1.0)


def refusal(status: int, code: str = "UNAUTHORIZED") -> Answer:
    return said(status, {"errors": [{"code": code, "message": f"no {TOKEN}"}]})


LOGIN_ANSWERS: Final[tuple[Answer | Failure, ...]] = (
    *[said(200, {"access_token": "bearer-of-somebody"})] * 4, *[refusal(401)] * 4, said(400, {"error": "invalid_grant"}), refusal(403, "DENIED"),
    said(404), said(405), said(200, {}), said(200, {"access_token": TOKEN}), said(429), said(503), said(307, location="/elsewhere"),
    said(302, location="https://evil.test/"), Failure.TIMEOUT, Failure.CONNECT_FAILED,
)  # fmt: skip
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
PULL_ANSWERS: Final[tuple[Answer | Failure, ...]] = (
    *[Answer(status=200, headers=(("content-type", MANIFEST), ("docker-content-digest", _DIGEST)), body=b"", encoding=None, ms=1.0)] * 4,
    refusal(401), refusal(403, "DENIED"), refusal(404, "MANIFEST_UNKNOWN"), said(503),
)  # fmt: skip


def challenges(host: str) -> tuple[Answer, ...]:
    demand = realm_of(host)
    bearer = said(401, {"errors": []}, www_authenticate=f'Bearer realm="{demand.realm}",service="{demand.service or host}"')
    basic = said(401, {"errors": []}, www_authenticate='Basic realm="x"')
    return (*[bearer] * 8, basic, said(200, {}), said(401), said(503))


def held(seed: int) -> Held:
    """One conversation with servers that answer anything at all."""
    random = Random(seed)
    host = random.choice(HOSTS)
    image = random.random() < 0.5
    talk = Talk(
        host=host, username="<token>", secret=TOKEN, kind=SecretKind.IDENTITY_TOKEN, repository="team/app" if image else "",
        asker=random.choice(tuple(Asker)), own=image and random.random() < 0.4, recall=random.choice(RECALLS) if random.random() < 0.5 else "cold",
    )  # fmt: skip
    demands = challenges(host)
    steady = random.choice(demands)

    def answering(turns: list[Turn], ask: Ask, request: Request) -> Answer | Failure:
        if ask.step in (Step.PING, Step.ELSEWHERE):
            return steady if random.random() < 0.9 else random.choice(demands)
        return random.choice(LOGIN_ANSWERS if ask.step in LOGINS else PULL_ANSWERS)

    return Conversation(talk, answering, seed=seed).hold()


def form_of(turn: Turn) -> dict[str, str]:
    """The form that was posted; {} where none was."""
    if turn.request is None or turn.request.form is None:
        return {}
    return {name: values[0] for name, values in parse_qs(turn.request.form.get_secret_value(), strict_parsing=True).items()}


def broken(one: Held) -> list[str]:
    faults = []
    posts = {party: [turn for turn in one.turns if turn.ask.party is party and form_of(turn)] for party in Party}
    mine = posts[Party.SUBJECT]
    realm = realm_of(one.talk.host).realm or URL()
    echoed = any(isinstance(turn.answer, Answer) and b"access_token" in turn.answer.body and TOKEN.encode() in turn.answer.body for turn in one.turns)
    secrets = {party: one.pairs[party].secret.get_secret_value() for party in one.pairs}
    for turn in one.turns:
        form, request = form_of(turn), turn.request
        if request is None:
            continue
        sent = "".join([str(request.url), turn.authorization, *request.headers.values()])
        if any(secret in sent for secret in secrets.values()) and not echoed:  # a realm may hand out as a bearer what it was given
            faults.append("a token stands in a URL or a header")
        if turn.authorization.startswith("Basic"):
            faults.append("something was sent as a password")
        if form and (request.method, request.url.host, request.url.path, turn.ask.step in LOGINS) != ("POST", realm.host, realm.path, True):
            faults.append("a token went elsewhere than to the realm's login")
        if form and (form["grant_type"], form["refresh_token"]) != ("refresh_token", secrets[turn.ask.party]):
            faults.append("another party's token was sent")
        if request.method == "POST" and not form:
            faults.append("a POST without a token")
    tokens = [turn for turn in mine if turn.status == 200 and b"access_token" in (turn.answer.body if isinstance(turn.answer, Answer) else b"")]
    controls = [turn for turn in one.turns if turn.ask.party is Party.CONTROL and turn.status in (400, 401, 403)]
    if one.verdict.outcome is Outcome.VALID and not (tokens and (controls or one.talk.recall != "cold")):
        faults.append("valid, and nothing was earned")
    no = [turn for turn in mine if turn.status == 401]
    enough = 1 if one.talk.asker is Asker.SWEEP or one.talk.recall == "refused" else 2
    if one.verdict.outcome is Outcome.INVALID and (len(no) < enough or one.talk.host == "docker.io"):
        faults.append("invalid, and it was not refused for sure")
    if one.verdict.outcome is Outcome.MISCONFIGURED and one.verdict.reason is not Reason.NOT_A_REGISTRY:
        faults.append("a token is called misconfigured, and docker works with it")
    if len(one.turns) > MOST_ASKS or TOKEN in repr(one.evidence):
        faults.append("it goes on for ever, or shows the token")
    return faults


@pytest.mark.parametrize("batch", range(3))
def test_no_answers_lead_an_identity_token_astray(batch: int) -> None:
    found = {seed: faults for seed in range(batch * 300, batch * 300 + 300) if (faults := broken(held(seed)))}
    assert found == {}


def test_the_conversations_come_to_every_kind_of_end() -> None:
    ends = {held(seed).verdict.outcome for seed in range(200)}
    assert {Outcome.VALID, Outcome.INVALID, Outcome.UNKNOWN, Outcome.UNPROVABLE} <= ends
