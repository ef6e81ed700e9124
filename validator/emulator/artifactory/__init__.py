"""JFrog Artifactory: a token endpoint under `/artifactory/api/docker`, its own error form, suspended accounts. registries/others.md 7."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from aiohttp import web

from validator.emulator.base import Call, answer_json, letters, make_jwt
from validator.emulator.plain import Account, Options, Plain
from validator.emulator.plain.answers import error_answer


class Artifactory(Plain):
    """`docker.artifactory.test`, known by its challenge. After `suspend_after` wrong logins an account gets 403 for `suspend_s` seconds.

    Accounts beside the plain ones: "jwt" is an access token of a year, "jwt_ended" one that is over and refused, "jwt_kept" over and taken.
    """

    name = "artifactory"
    host = "docker.artifactory.test"
    provider = ""

    def __init__(
        self, *, host: str = "docker.artifactory.test", clock: Callable[[], float] = time.time, seed: str = "validator", suspend_after: int = 5
    ) -> None:
        options = Options(realm="{own}/artifactory/api/docker/local/v2/token", service="artifactory.test:443", denied="401")
        super().__init__(options, clock=clock, seed=seed, host=host)
        self.suspend_after, self.suspend_s = suspend_after, 60.0
        self.suspended: dict[str, float] = {}
        self.failures: Counter[str] = Counter()
        year, now = 365 * 86_400, int(clock())
        for name, ends, state in (("jwt", now + year, "live"), ("jwt_ended", now - 86_400, "ended"), ("jwt_kept", now - 86_400, "live")):
            claims = {
                "iss": "jfac@01",
                "sub": f"jfac@01/users/{name}",
                "scp": "applied-permissions/user",
                "iat": ends - year,
                "exp": ends,
                "jti": name,
            }
            self.add(Account(name=name, username=name, secret=make_jwt(claims), state=state))
        self.add(Account(name="reference", username="reference", secret=f"cmVmdGtu{letters(f'{seed} reference', 56)}"))

    def suspend(self, username: str, seconds: float = 60.0) -> None:
        """Suspend an account's logins from now on."""
        self.suspended[username] = self.clock() + seconds

    def refusal(self, call: Call) -> web.Response:
        if not call.path.endswith("/v2/token"):
            return super().refusal(call)
        return answer_json(401, {"statusCode": 401, "details": "BAD_CREDENTIAL"})

    def _exchange(self, call: Call) -> web.Response:
        username = call.username or ""
        if call.kind == "basic" and self.suspended.get(username, 0.0) > self.clock():
            call.refused = True
            return error_answer("message", 403, "", "This request is blocked due to recurrent login failures, please try again in 1 seconds")
        answer = super()._exchange(call)
        if call.kind == "basic":
            self.failures[username] = self.failures[username] + 1 if answer.status == 401 else 0
            if self.failures[username] >= self.suspend_after:
                self.suspend(username, self.suspend_s)
        return answer
