"""Amazon ECR, private (Basic, no token endpoint) and public (tokens for all). registries/others.md 4 and 5."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Literal

from aiohttp import web

from validator.emulator.base import Call, letters
from validator.emulator.plain import Account, Options, Plain, Repository
from validator.emulator.plain.answers import error_answer

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
HALF_A_DAY_S = 12 * 3600


def password(name: str, seed: str, ends_at: float) -> str:
    """A 12-hour password as `get-login-password` prints it: base64 of JSON with its end."""
    inside = {
        "payload": letters(f"{seed} {name} payload", 600), "datakey": letters(f"{seed} {name} datakey", 200), "version": "2",
        "type": "DATA_KEY", "expiration": int(ends_at),
    }  # fmt: skip
    return base64.b64encode(json.dumps(inside, separators=(",", ":")).encode()).decode()


class _Passwords(Plain):
    """What both have: username AWS, passwords that end. "good" has three hours left, "ended" none, "revoked" lost its session,
    "outsider" lives and may read nothing. `ended_status`: of the no to a password that has ended.
    """

    provider = ""
    ended_status: Literal[400, 403] = 403

    def _plant(self, seed: str) -> None:
        self.accounts.clear()
        now = self.clock()
        for name, left in (("good", 3 * 3600), ("ended", -60), ("revoked", 3 * 3600), ("outsider", HALF_A_DAY_S)):
            state = {"ended": "ended", "revoked": "revoked"}.get(name, "live")
            self.add(Account(name=name, username="AWS", secret=password(name, seed, now + left), state=state, may_pull=name != "outsider"))

    def opaque(self, name: str) -> str:
        """Let the account's password show no end, and return it."""
        account = self.change(name, secret=letters(f"{self.seed} {name} opaque", 1200))
        self.add(account)
        return account.secret

    def refusal(self, call: Call) -> web.Response:
        account = next((one for one in self.accounts.values() if one.secret == call.secret and call.username == "AWS"), None)
        if account is not None and account.state == "ended":
            return error_answer("errors", self.ended_status, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        if account is not None and account.state == "revoked":
            return error_answer("errors", 403, "DENIED", "The security token included in the request is invalid")
        if self.options.scheme == "bearer" and call.path.startswith("/token"):
            return error_answer("errors", 401, "DENIED", "Not Authorized")  # what the public one says here is not known
        answer = error_answer("text", 401, "", "Not Authorized")
        self._add_challenge(answer, call)
        return answer


class Ecr(_Passwords):
    """A private registry. Its challenge's "realm" is the URL of the listener `auth`, where nobody has any business."""

    name = "ecr"
    host = HOST

    def __init__(self, *, host: str = HOST, clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        super().__init__(Options(scheme="basic", challenge=('Basic realm="{realm}",service="ecr.amazonaws.com"',)), clock=clock, seed=seed, host=host)
        self._plant(seed)
        self.publish(Repository(name="team/app", readers=frozenset({"AWS"}), tags=self.repositories["team/app"].tags))

    @property
    def realm(self) -> str:
        return self.auth.url("/")

    def _denied(self, call: Call, name: str, form: str) -> web.Response:
        text = f"User: arn:aws:sts::123456789012:assumed-role/ci/x is not authorized to perform: ecr:BatchGetImage on resource: {name}"
        return error_answer("errors", 403, "DENIED", text)


class EcrPublic(_Passwords):
    """The public one: a token for everybody; one that it has forgotten gets 400 and no challenge. `logins` "anyone": no pair is judged."""

    name = "ecr-public"
    host = "public.ecr.aws"

    def __init__(self, *, clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        options = Options(realm="{own}/token/", service="public.ecr.aws", anonymous_token="always")
        super().__init__(options, clock=clock, seed=seed, host="public.ecr.aws")
        self._plant(seed)
        self.publish(Repository(name="team/app", public=True, tags=self.repositories["team/app"].tags))

    def forget_tokens(self) -> None:
        """Every bearer token that was handed out has ended."""
        self._tokens.clear()

    def _content(self, call: Call, name: str, part: str, reference: str) -> web.Response:
        if call.kind == "bearer" and call.bearer not in self._tokens:
            return error_answer("errors", 400, "DENIED", "Your Authorization Token is invalid.")
        return super()._content(call, name, part, reference)
