"""Azure Container Registry: `/oauth2/token`, Basic at the registry too, and a firewall. registries/others.md 6."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from validator.emulator.base import Call, letters, make_jwt
from validator.emulator.plain import MISSING, Account, Options, Plain, Repository
from validator.emulator.plain.answers import error_answer

NOBODY = "00000000-0000-0000-0000-000000000000"
_VISIT = "visit https://aka.ms/acr/authorization for more information."


class Acr(Plain):
    """`acme.azurecr.io`. Accounts: "principal" and "token" read `team/app`, "guest" logs in and reads nothing, "dead" ended; "refresh" is a
    refresh token with an hour left, "refresh_ended" one that is over. `closed`: the firewall does not serve us.
    """

    name = "acr"
    host = "acme.azurecr.io"
    provider = ""

    def __init__(self, *, host: str = "acme.azurecr.io", clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        options = Options(
            realm="{own}/oauth2/token", service=host, fields="access_token", token_form="jwt_without_access", basic_too=True, expires_in=MISSING,
            anonymous_token="public", denied="401", missing="denied",
        )  # fmt: skip
        super().__init__(options, clock=clock, seed=seed, host=host)
        self.closed = False
        guid = "-".join(letters(f"{seed} principal {part}", part, "0123456789abcdef") for part in (8, 4, 4, 4, 12))
        self.accounts.clear()
        self.add(Account(name="principal", username=guid, secret=letters(f"{seed} principal", 40)))
        for name, state in (("token", "live"), ("guest", "live"), ("dead", "ended")):
            secret = f"{letters(f'{seed} {name}', 42)}+ACR{letters(f'{seed} {name} end', 6)}"
            self.add(Account(name=name, username=f"ci-{name}", secret=secret, state=state))
        for name, left, state in (("refresh", 3600, "live"), ("refresh_ended", -7200, "ended")):
            now = int(clock())
            claims = {"iss": "Azure Container Registry", "grant_type": "refresh_token", "iat": now + left - 3 * 3600, "exp": now + left, "jti": name}
            self.add(Account(name=name, username=NOBODY, secret=make_jwt(claims), state=state))
        readers = frozenset({guid, "ci-token", NOBODY})
        self.publish(Repository(name="team/app", readers=readers, tags=self.repositories["team/app"].tags))

    async def _registry(self, call: Call) -> web.Response:
        if self.closed:
            text = "client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
            return error_answer("errors", 403, "DENIED", text)
        return await super()._registry(call)

    def refusal(self, call: Call) -> web.Response:
        if call.path != "/oauth2/token":
            return super().refusal(call)
        text = f"authentication required, {_VISIT}" if call.kind == "none" else "Invalid clientid or client secret."
        return error_answer("errors", 401, "UNAUTHORIZED", text)
