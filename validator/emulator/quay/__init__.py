"""Quay: robots, tokens and people at `/v2/auth`. registries/others.md 1.

Anybody who asks for a scope gets a token, of no access if need be; a bad pair is refused with and without. People who fail wait
0.5 * (2^n - 1) seconds after n failures, for the right password too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from aiohttp import web

from validator.emulator.base import Call, letters
from validator.emulator.plain import MISSING, Account, Options, Plain, Repository
from validator.emulator.plain.answers import error_answer

_ROBOT = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Quay(Plain):
    """Quay; `host` "quay.io" or one of its own, whose service is then its own host as dialled.

    `disabled`: namespaces that are switched off. An account in state "owner disabled" is a robot whose owner is.
    """

    name = "quay"
    host = "quay.io"
    provider = ""

    def __init__(self, *, host: str = "quay.io", clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        options = Options(realm="{own}/v2/auth", service=host, token_form="jwt", expires_in=MISSING, denied="401", missing="denied")
        super().__init__(options, clock=clock, seed=seed, host=host)
        self.disabled: set[str] = set()
        self.failures: Counter[str] = Counter()
        self._waits: dict[str, float] = {}
        for name, username, state in (
            ("robot", "team+ci", "live"),
            ("robot_dead", "team+old", "revoked"),
            ("robot_disabled", "gone+ci", "owner disabled"),
        ):
            self.add(Account(name=name, username=username, secret=letters(f"{seed} {name}", 64, _ROBOT), state=state))
        self.add(Account(name="token", username="$oauthtoken", secret=letters(f"{seed} token", 40)))
        self.publish(Repository(name="team/app", readers=frozenset({"team+ci", "alice", "$oauthtoken"}), tags=self.repositories["team/app"].tags))

    async def start(self, *, ssl: object = None, port: int = 0) -> None:
        await super().start(ssl=ssl, port=port)  # type: ignore[arg-type]  # handed on as it came
        if self.registry_host != "quay.io":
            self.switch(service=self.registry.authority)

    def refusal(self, call: Call) -> web.Response:
        if call.path != "/v2/auth":
            return super().refusal(call)
        return error_answer("errors", 401, "UNAUTHORIZED", self._words(call))

    def _words(self, call: Call) -> str:
        username = call.username or ""
        owner = username.partition("+")[0]
        if call.kind == "none":
            return "access to the requested resource is not authorized"
        if "+" not in username:
            return "Invalid access token" if username.startswith("$") else "Invalid Username or Password"
        account = next((one for one in self.accounts.values() if one.username == username), None)
        if account is None:
            return "Could not find robot with specified username"
        if account.state == "owner disabled":
            return f"Robot {username} owner {owner} is disabled"
        return f"Could not find robot with username: {username} and supplied password."

    def _exchange(self, call: Call) -> web.Response:
        left = self._waits.get(call.username or "", 0.0) - self.clock()
        if call.kind == "basic" and left > 0:
            call.refused = True
            text = "Too many login attempts. \nPlease reset your Quay password and try again."
            return error_answer("text", 429, "", text, {"Retry-After": str(max(1, round(left)))})
        names = [scope.split(":")[1] for scope in call.request.query.getall("scope", []) if scope.count(":") == 2]
        off = next((name for name in names if name.partition("/")[0] in self.disabled), None)
        answer = super()._exchange(call)
        if off is not None and answer.status == 200:
            return error_answer(
                "errors", 405, "DENIED", f"Namespace {off.partition('/')[0]} has been disabled. Please contact a system administrator."
            )
        self._count(call, answer.status)
        return answer

    def _count(self, call: Call, status: int) -> None:
        username = call.username or ""
        if call.kind != "basic" or "+" in username or username.startswith("$"):
            return
        if status == 401:
            self.fail(username)
        else:
            self.failures[username], self._waits[username] = 0, 0.0

    def fail(self, username: str, times: int = 1) -> None:
        """A person gave a wrong password, so many times in a row."""
        self.failures[username] += times
        self._waits[username] = self.clock() + 0.5 * (2 ** self.failures[username] - 1)

    def _serves_nobody(self, names: list[str]) -> bool:
        return bool(names)
