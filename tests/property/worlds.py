"""Made-up worlds: one conversation's subject, what is true there, and an answer to each request; by a `Random` alone."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import unquote

from tests.property.answers import (
    CONFIG,
    ECR,
    HOSTS,
    HUB_WRONG,
    LACKING,
    REALMS,
    REFUSED,
    any_of,
    error,
    granted,
    mutated,
    opinion_of,
    say,
    seen,
)
from tests.property.conversation import RECALLS, Conversation, Held, Talk, Turn
from validator.credential import SecretKind
from validator.evidence import Asker, Failure, Party, Step
from validator.providers.plan import Ask, Auth
from validator.registry.base import Answer, Request

NAMES: Final = {"nvcr.io": "$oauthtoken", "europe-docker.pkg.dev": "_json_key", ECR: "AWS", "rg.fr-par.scw.cloud": "nologin"}
SECRETS: Final[dict[str, tuple[str, ...]]] = {
    "nvcr.io": (
        "nvapi-" + "Zq3_x-" * 10 + "abcd",
        base64.b64encode(b"abcdefghijklmnopqrstuvwxyz:0f8fad5b-d9cb-469f-a165-70867728950e").decode(),
    ),
    "docker.io": ("dckr_pat_" + "aB3_xyz-Q" * 3, "correct horse battery", "dckr_oat_" + "aB3_xyz-Q" * 3),
    "ghcr.io": (
        "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",
        "github_pat_1VALIDATORNOTAREALTOKE_" + "x" * 43 + "MFUIMBZJ" + "AAAAAAAA",
        "ghs_" + "Ab9" * 12,
    ),
    "registry.gitlab.com": ("glpat-" + "Ab9_" * 5, "gldt-" + "Ab9_" * 5, "just a password"),
    "gitlab.reg.test": ("glpat-" + "Ab9_" * 5, "a password of a directory"),
    "quay.io": ("0123456789ABCDEFGHIJKLMNOPQRSTUV" * 2, "a person's password"),
    "harbor.reg.test": ("Ab9_" * 8, "a password of a directory"),
    "europe-docker.pkg.dev": (
        json.dumps({"type": "service_account", "private_key": "Ab9/" * 9, "client_email": "laws@example.org"}, indent=1),
        json.dumps({"type": "external_account", "audience": "Ab9/" * 9}),
    ),
    ECR: (base64.b64encode(b'{"payload":"Ab9Ab9Ab9Ab9","expiration":4000000000}').decode(), "Ab9/" * 20),
    "rg.fr-par.scw.cloud": ("0f8fad5b-d9cb-469f-a165-70867728950e",),
    "reg.test": ('CANARY/9f3c "kestrel" & 17', "glpat-" + "Ab9_" * 5, "sécret §§ of jane"),
}


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true: of the secret ("good", "dead", "lacking"), of made-up ones, of the image; and how often answers are mutated."""

    subject: str
    control: str
    public: bool
    pulls: bool
    knows: bool
    basic: bool
    open: bool
    dead_after: int
    odd: float


def world_of(random: Random) -> World:
    """A world, most often a sensible one."""
    subject = random.choices(("good", "dead", "lacking"), (45, 40, 15))[0]
    return World(
        subject=subject,
        control=random.choices(("refused", "anyone", "lacking"), (75, 17, 8))[0],
        public=random.random() < 0.4,
        pulls=random.random() < 0.7,
        knows=(subject != "dead") if random.random() < 0.85 else random.random() < 0.5,
        basic=random.random() < 0.12,
        open=random.random() < 0.05,
        dead_after=random.choice((99, 99, 99, 99, 1, 2)),
        odd=random.choice((0.0, 0.0, 0.1, 0.3, 0.7)),
    )


def talk_of(random: Random) -> Talk:
    """Somebody's credential at one of the hosts, with or without an image, of any asker."""
    host = random.choice(HOSTS)
    image = random.random() < 0.6
    username = NAMES.get(host, random.choice(("jane", "jane", "jane", "jane@example.org", "gitlab+deploy-token-7", "team+ci", "robot$a+b")))
    if random.random() < 0.04:
        username = random.choice(("", "a:b", "oauthtoken", "gitlab-ci-token"))
    secret = random.choice(SECRETS[host])
    if random.random() < 0.08:
        secret = random.choice(("", "  ", secret + "\n", f'"{secret}"', "hf_" + "a" * 30, "nvapi-" + "b" * 64, "a\x00b", "glrt-" + "c" * 20, "x\ny"))
    return Talk(
        host=host,
        username=username,
        secret=secret,
        repository=random.choice(("team/app", "jane/app", "library/nginx", "nim/x/y")) if image else "",
        reference=random.choice(("1", "latest", "sha256:" + "a" * 64)),
        platform=image and random.random() < 0.5,
        asker=random.choice(tuple(Asker)),
        own=image and random.random() < 0.4,
        recall=random.choice(RECALLS) if random.random() < 0.6 else "warm",
        ip_restricted=random.random() < 0.05,
        anonymous=image and random.random() < 0.06,
    )


@dataclass
class Play:
    """Answers requests in one world, and keeps what it said, so that it can be played again."""

    talk: Talk
    world: World
    random: Random
    said: list[Answer | Failure]

    def __call__(self, turns: list[Turn], ask: Ask, request: Request) -> Answer | Failure:
        """The next answer."""
        answer: Answer | Failure = self._true(turns, ask, request)
        while self.random.random() < self.world.odd:
            answer = mutated(self.random, answer, self.talk.host, carried(turns, request))
        self.said.append(answer)
        return answer

    def _true(self, turns: list[Turn], ask: Ask, request: Request) -> Answer:
        random, world, host = self.random, self.world, self.talk.host
        match ask.step:
            case Step.PING | Step.ELSEWHERE:
                return self._ping()
            case Step.OPINION:
                return opinion_of(random, host, alive=ask.party is Party.SUBJECT and world.knows)
            case Step.DETAIL:
                message = random.choice(("Resource protected by organization SAML enforcement.", "has an IP allow list enabled", "Not Found"))
                return say(403, {"message": message})
            case Step.CONFIG:
                return say(200, CONFIG)
            case Step.LOGIN | Step.SCOPED if ask.auth is Auth.NONE:
                if ask.step is Step.LOGIN or world.public or random.random() < 0.5:
                    return granted(random, host, nobody=True, repository=ask.repository, pulls=world.public)
                return random.choice(REFUSED[host])
            case Step.LOGIN | Step.SCOPED:
                tried = sum(t.ask.party is ask.party and t.ask.step in (Step.LOGIN, Step.SCOPED) for t in turns)
                return self._login(ask, request, self._state(ask.party, tried))
            case Step.PULL | Step.MANIFEST:
                return self._manifest(ask)

    def _state(self, party: Party, tried: int) -> str:
        world = self.world
        if party is Party.SUBJECT:
            return world.subject if tried < world.dead_after else "good" if world.subject == "dead" else "dead"
        return {"refused": "dead", "anyone": "good", "lacking": "lacking"}[world.control]

    def _ping(self) -> Answer:
        if self.world.open:
            return say(200, {})
        challenge = 'Basic realm="r"' if self.world.basic else REALMS[self.talk.host]
        return error(401, "UNAUTHORIZED", "authentication required", challenge=challenge, docker_distribution_api_version="registry/2.0")

    def _login(self, ask: Ask, request: Request, state: str) -> Answer:
        random, host = self.random, self.talk.host
        if str(request.url).endswith("/v2/"):
            if state == "good":
                return say(200, {})
            return random.choice(
                (
                    error(401, "UNAUTHORIZED", challenge='Basic realm="r"'),
                    say(401, "<html>401</html>", challenge='Basic realm="r"'),
                    error(403, "DENIED"),
                )
            )
        if state == "good":
            return granted(random, host, nobody=False, repository=ask.repository, pulls=self.world.pulls)
        return random.choice((REFUSED if state == "dead" else LACKING)[host])

    def _manifest(self, ask: Ask) -> Answer:
        random, world = self.random, self.world
        reads = world.public if ask.party is Party.ANONYMOUS else world.pulls and (ask.party is Party.SUBJECT or random.random() < 0.5)
        if reads and random.random() < 0.9:
            return seen(random)
        unauthorized = error(401, "UNAUTHORIZED", challenge=REALMS[self.talk.host] + ',error="insufficient_scope"')
        return random.choice(
            (
                unauthorized,
                unauthorized,
                error(403, "DENIED"),
                error(404, "MANIFEST_UNKNOWN"),
                error(404, "NAME_UNKNOWN"),
                say(405),
                say(429),
                say(402),
                say(451),
                say(412, {"errors": [{"code": "PROJECTPOLICYVIOLATION"}]}),
                error(401, "UNAUTHORIZED", challenge=REALMS[self.talk.host] + ',error="invalid_token"'),
            )
        )


def carried(turns: list[Turn], request: Request) -> list[str]:
    """Texts that the wire has seen: what the request carried, plain and coded, and the bearers before it."""
    found: list[str] = []
    for value in (*request.secret_headers.values(), *([request.form] if request.form is not None else [])):
        text = value.get_secret_value()
        rest = text.partition(" ")[2] or text
        found += [text, rest, unquote(rest.partition("=")[2])]
        if text.startswith("Basic "):
            pair = base64.b64decode(rest).decode()
            found += [pair, pair.partition(":")[2]]
    return [text for text in found if text and "\n" not in text and "\r" not in text]


def play(talk: Talk, world: World, random: Random) -> tuple[Held, list[Answer | Failure]]:
    """One conversation in `world`, and the answers that were given."""
    playing = Play(talk, world, random, [])
    return Conversation(talk, playing, seed=random.randrange(1000)).hold(), playing.said


def replayed(talk: Talk, said: list[Answer | Failure], seed: int = 7) -> Held:
    """The same answers again, in their order, the last one again and again."""
    left = list(said) or [Failure.CONNECT_FAILED]
    return Conversation(talk, lambda turns, ask, request: left.pop(0) if len(left) > 1 else left[0], seed=seed).hold()


def packed(talk: Talk, said: list[Answer | Failure], why: list[str]) -> str:
    """A conversation as JSON, for the corpus."""
    answers: list[Any] = [
        answer.value
        if isinstance(answer, Failure)
        else {"status": answer.status, "headers": answer.headers, "body": base64.b64encode(answer.body).decode(), "encoding": answer.encoding}
        for answer in said
    ]
    return json.dumps({"why": why, "talk": {**vars(talk), "asker": talk.asker.value}, "answers": answers}, indent=1) + "\n"


def unpacked(text: str) -> tuple[Talk, list[Answer | Failure]]:
    """What `packed` wrote."""
    kept = json.loads(text)
    said: list[Answer | Failure] = []
    for answer in kept["answers"]:
        if isinstance(answer, str):
            said.append(Failure(answer))
        else:
            headers = tuple((name, value) for name, value in answer["headers"])
            said.append(Answer(status=answer["status"], headers=headers, body=base64.b64decode(answer["body"]), encoding=answer["encoding"], ms=5.0))
    kind = SecretKind(kept["talk"].get("kind", SecretKind.PASSWORD))
    return Talk(**{**kept["talk"], "asker": Asker(kept["talk"]["asker"]), "kind": kind}), said


__all__ = ["HUB_WRONG", "any_of", "packed", "play", "replayed", "talk_of", "unpacked", "world_of"]
