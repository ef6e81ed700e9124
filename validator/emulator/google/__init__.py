"""Google Artifact Registry: key files and access tokens at `/v2/token`, whose every no is a 403. registries/others.md 3.

What it says without a scope is not known: `without_scope` "judged" as with one, "anyone" a token for all, or a status.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from aiohttp import web

from validator.emulator.base import Call, letters
from validator.emulator.plain import Account, Options, Plain, Repository
from validator.emulator.plain.answers import error_answer

Unscoped: TypeAlias = Literal["judged", "anyone"] | int
_RIGHT = "artifactregistry.repositories.downloadArtifacts"


class ArtifactRegistry(Plain):
    """`europe-docker.pkg.dev`. Accounts: "key" reads `project/repo/app`, "key_dead" was deleted, "key_outside" reads nothing; "token" is an
    access token, "token_ended" one whose hour is over. `words`: in place of what it says to a pair that it does not take.
    """

    name = "google"
    host = "europe-docker.pkg.dev"
    provider = ""

    def __init__(self, *, host: str = "europe-docker.pkg.dev", clock: Callable[[], float] = time.time, seed: str = "validator") -> None:
        options = Options(realm="{own}/v2/token", service=host, anonymous_token="always", denied="403", expires_in=3600)
        super().__init__(options, clock=clock, seed=seed, host=host)
        self.without_scope: Unscoped = "judged"
        self.words = ""
        self.accounts.clear()
        for name, state in (("key", "live"), ("key_dead", "revoked"), ("key_outside", "live")):
            self.add(Account(name=name, username="_json_key", secret=key_file(name, seed), state=state))
        for name, state in (("token", "live"), ("token_ended", "ended")):
            self.add(Account(name=name, username="oauth2accesstoken", secret=f"ya29.a0{letters(f'{seed} {name}', 160)}", state=state))
        tags = self.repositories["team/app"].tags
        self.repositories.clear()
        self.publish(Repository(name="project/repo/app", readers=frozenset({"key", "token"}), tags=tags))
        self.publish(Repository(name="project/open/app", public=True, tags=tags))

    def reads(self, account: Account | None, repository: Repository) -> bool:
        return repository.public or (account is not None and account.name in repository.readers)

    def _taken(self, call: Call) -> Account | None:
        secret, username = call.secret or "", call.username or ""
        if username == "_json_key_base64":
            try:
                secret, username = base64.b64decode("".join(secret.split())).decode(), "_json_key"
            except ValueError:
                return None
        pair = (username, secret.strip())
        return next((one for one in self.accounts.values() if (one.username, one.secret) == pair and one.state == "live"), None)

    def _exchange(self, call: Call) -> web.Response:
        names = [scope.split(":")[1] for scope in call.request.query.getall("scope", []) if scope.count(":") == 2]
        if not names and self.without_scope != "judged":
            if isinstance(self.without_scope, int):
                return error_answer("errors", self.without_scope, "UNKNOWN", "no scope")
            return super()._exchange(Call(call.request, call.listener))
        if (canned := self._canned("scoped" if names else "login", call)) is not None:
            return canned
        account = self._taken(call) if call.kind == "basic" else None
        wanted = [self.repositories[name] for name in names if name in self.repositories]
        open_to_all = bool(names) and len(wanted) == len(names) and all(one.public for one in wanted)
        if account is None and (call.kind == "basic" or not open_to_all):
            return self.refusal(call)
        if account is not None and names and not (len(wanted) == len(names) and all(self.reads(account, one) for one in wanted)):
            text = f'Permission "{_RIGHT}" denied on resource "{resource(names)}" (or it may not exist)'
            return error_answer("errors", 403, "DENIED", text)
        if account is not None:
            call.username, call.secret = account.username, account.secret
        return super()._exchange(call)

    def refusal(self, call: Call) -> web.Response:
        if call.path != "/v2/token":
            return super().refusal(call)
        call.refused = call.kind == "basic"
        names = [scope.split(":")[1] for scope in call.request.query.getall("scope", []) if scope.count(":") == 2]
        text = self.words or (
            "Unauthenticated request. Unauthenticated requests do not have permission "
            f'"{_RIGHT}" on resource "{resource(names)}" (or it may not exist)'
        )
        return error_answer("errors", 403, "DENIED", text)


def resource(names: list[str]) -> str:
    """A repository's name as Google writes it."""
    project, _, rest = (names[0] if names else "project/repo").partition("/")
    return f"projects/{project}/locations/europe/repositories/{rest.partition('/')[0]}"


def key_file(name: str, seed: str) -> str:
    """A service account's key as Google hands it out, less its last line end: JSON over many lines."""
    body = "\n".join(letters(f"{seed} {name} {line}", 64) for line in range(24))
    key = {
        "type": "service_account", "project_id": "project", "private_key_id": letters(f"{seed} {name} id", 40, "0123456789abcdef"),
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
        "client_email": f"{name.replace('_', '-')}@project.iam.gserviceaccount.com", "client_id": letters(f"{seed} {name} client", 21, "0123456789"),
        "token_uri": "https://oauth2.googleapis.com/token",
    }  # fmt: skip
    return json.dumps(key, indent=2)
