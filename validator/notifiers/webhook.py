"""What a sweep changed, as JSON to the operator's own URL, signed where there is a key: for machines.

Unlike a person, a machine can see that it has a message already (`X-Validator-Id`): so it is sent until it is taken, at
least once. It goes to that URL alone: no redirect, proxy of the environment, cookie or .netrc is followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from validator.notifiers.base import Handed, Letter, Outcome

_TIMEOUT: Final = ClientTimeout(total=15, sock_connect=5)


class Webhook:
    """Implements `Channel` for machines."""

    name = "webhook"

    def __init__(self, url: str, secret_file: Path | None) -> None:
        self._url = url
        self._secret_file = secret_file

    def unreachable(self, user: str, address: str | None) -> str | None:
        """It is nobody's."""
        return None

    async def send(self, letter: Letter) -> Outcome:
        """POST the facts."""
        body = json.dumps({"id": letter.id, **letter.facts}, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "validator", "X-Validator-Id": letter.id}
        if self._secret_file is not None:
            try:
                key = (await asyncio.to_thread(self._secret_file.read_bytes)).strip()
            except OSError:
                key = b""
            if not key:
                return Outcome(Handed.NOT_TAKEN, "notices.webhook.secret_file has no key", down=True)
            headers |= signed(body, key, int(letter.at.timestamp()))
        try:
            async with (
                ClientSession(timeout=_TIMEOUT, trust_env=False, cookie_jar=DummyCookieJar()) as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                if 200 <= answer.status < 300:
                    return Outcome(Handed.TAKEN)
                return Outcome(Handed.NOT_TAKEN, f"the webhook answered {answer.status}", down=True)
        except (ClientError, TimeoutError, OSError) as error:
            return Outcome(Handed.NOT_TAKEN, f"no answer from the webhook ({type(error).__name__})", down=True)

    async def close(self) -> None:
        """Nothing is open."""


def signed(body: bytes, key: bytes, at: int) -> dict[str, str]:
    """The two fields that let the receiver see whose it is and how old: HMAC-SHA256 of `AT.BODY`, hex."""
    told = hmac.new(key, str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Validator-Timestamp": str(at), "X-Validator-Signature": f"v1={told}"}
