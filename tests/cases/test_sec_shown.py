"""What is shown, logged and kept: no secret. SEC-14, SEC-17, SEC-22, SEC-23."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import (
    BEARERS,
    FORMS,
    IMAGE,
    REALM,
    SECRET,
    USERNAME,
    bare,
    challenged,
    hidden_from,
    led,
    page,
    refused,
    reply,
    token,
)
from validator.app import open_app
from validator.config import load_settings
from validator.credential import Credential, parse_scope
from validator.emulator.hostile import Script
from validator.evidence import Asker
from validator.probe import Inquiry
from validator.protocol.reference import parse_reference
from validator.registry.base import Answer, Network, Request
from validator.registry.transport import AiohttpTransport

PENDING: Final = {"SEC-17": "HTML and mail: with the pages and the notices", "SEC-23": "metrics: with the metrics"}


async def everything_said(world: World, *arguments: str) -> dict[str, str]:
    """What one check leaves behind: JSON, text, debug logs, evidence as values, and the bytes of its home."""
    as_json = await world.cli.run(
        "check", "reg.test", "-u", USERNAME, "--secret-stdin", "--format", "json", "--log-level", "debug", *arguments, stdin=SECRET
    )
    as_text = await world.cli.run(
        "check", "reg.test", "-u", USERNAME, "--secret-stdin", "--explain", "--log-level", "debug", *arguments, stdin=SECRET
    )
    settings = load_settings(world.cli.configured(), {}, user_dir=world.home, system_file=Path("/nowhere")).settings
    credential = Credential(user="", name="", scope=parse_scope("reg.test"), username=USERNAME, secret=SecretStr(SECRET))
    world.cli.rest()
    async with open_app(settings, environ={}) as app:
        inquiry = Inquiry(host=credential.scope.host, credential=credential, image=parse_reference(IMAGE), asker=Asker.SWEEP)
        probed = await app.probe.ask(inquiry)
    kept = b"".join(path.read_bytes() for path in world.cli.home.iterdir() if path.name != "validator.yaml")
    return {
        "json": as_json.out, "errors": as_json.err + as_text.err, "text": as_text.out, "evidence": repr(probed.evidence), "probed": repr(probed),
        "disk": kept.decode("latin-1"),
    }  # fmt: skip


def echoes() -> dict[str, dict[str, Script]]:
    """Ways to say the secret back, in each of its forms, at a step."""
    found: dict[str, dict[str, Script]] = {}
    basic = base64.b64encode(f"{USERNAME}:{SECRET}".encode()).decode()
    for name, form in {
        "plain": SECRET,
        "Basic": f"Basic {basic}",
        "base64": base64.b64encode(SECRET.encode()).decode(),
        "quoted": quote(SECRET),
    }.items():
        found[f"{name}, a refusal's words"] = {"L+": refused(message=f"no user {USERNAME} with {form} here")}
        found[f"{name}, at the cut"] = {"L+": refused(message="x" * 485 + " " + form)}
        found[f"{name}, at the end of what is read"] = {"L+": refused(message="x " * 32_700 + form + " y" * 40_000)}
        found[f"{name}, a code"] = {"L+": refused(code=form)}
        found[f"{name}, text"] = {"L+": reply(401, form, {"Content-Type": "text/plain"})}
        found[f"{name}, a page"] = {"L+": page(403, f"<html><a href='/?{form}'>{form}</a></html>")}
        found[f"{name}, OAuth"] = {"L+": reply(401, {"error": form, "error_description": f"bad: {form}"})}
        found[f"{name}, a denied pull"] = {"H+": bare(refused(403, "DENIED")), "G+": refused(403, "DENIED", form)}
        found[f"{name}, a scoped login"] = {"T+": refused(403, "DENIED", form)}
        found[f"{name}, a server's fault"] = {"L+": refused(500, "UNKNOWN", f"Traceback: {form}")}
    bare_secret = quote(SECRET, safe="")
    found |= {
        "a path": {"L+": led(308, f"/token/{bare_secret}"), f"/token/{bare_secret}": refused()},
        "a query": {"L+": led(308, f"/moved?auth={quote(basic)}"), "/moved": refused()},
        "a place that is not followed": {"L+": led(307, f"https://evil.test/{bare_secret}")},
        "a manifest's place": {"H+": led(307, f"https://reg.test/{bare_secret}/x"), f"/{bare_secret}/x": bare(refused())},
        "a challenge's error": {
            "L+": reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{REALM}",error="{bare_secret}"'}),
            "H+": Script(
                (b'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer error="' + bare_secret[:38].encode() + b'"\r\nContent-Length: 0\r\n\r\n',), True
            ),
        },
        "a challenge": {"P": challenged(f'Bearer realm="{REALM}?u={quote(basic)}",service="{bare_secret}",scope="{bare_secret}"')},
        "a digest": {"H+": bare(reply(200, b"", {"Content-Type": bare_secret, "Docker-Content-Digest": bare_secret}))},
        "a token": {"L+": token(SECRET), "T+": token(f"x{basic}")},
        "Retry-After": {"L+": reply(503, b"", {"Retry-After": bare_secret})},
        "every field": {"L+": reply(401, refused().steps[1], {"X-Secret": bare_secret, "Server": basic, "Via": basic})},
        "a reason": {"L+": Script((f"HTTP/1.1 401 {bare_secret}\r\nContent-Length: 0\r\n\r\n".encode(),))},
    }
    return found


ECHOES: Final = echoes()


@pytest.mark.parametrize("script", ECHOES.values(), ids=ECHOES.keys())
@case("SEC-17")
async def test_what_a_registry_echoes_is_shown_nowhere(row: Row, script: dict[str, Script], world: World) -> None:
    site = await world.serve(script)
    said = await everything_said(world, "--image", IMAGE)
    assert site.secrets or "P" in script, "the registry had the secret to echo"
    row.agrees("credential", json.loads(said["json"])["verdict"])
    hidden_from(*said.values())
    assert not any(SECRET.split()[0] in text for text in said.values()), "a part of the secret shows"
    for bearer in BEARERS.values():
        assert all(bearer not in text for text in said.values())


async def test_a_realm_that_knows_the_secret_of_yesterday_shows_nothing(world: World) -> None:
    """Some registries build the realm from what they saw; the path of a URL is shown, so it is masked."""
    realm = f"https://auth.reg.test/{quote(SECRET, safe='')}/token"
    await world.serve(realm=realm)
    said = await everything_said(world)
    hidden_from(said["json"], said["text"], said["errors"], said["evidence"].replace(realm, "realm"))


async def test_the_search_finds_a_planted_leak() -> None:
    for form in FORMS:
        with pytest.raises(AssertionError, match="the secret shows"):
            hidden_from("nothing", f"… {form} …")


@pytest.mark.parametrize(
    "username", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7f", "\x1b[31ma", "a:b", "\x9f".encode("latin-1").decode("latin-1") + ":"]
)
@case("SEC-14")
async def test_a_username_that_breaks_a_header_is_not_sent(row: Row, username: str, world: World) -> None:
    site = await world.serve()
    result = row.holds(await world.check(username=username))
    assert site.asked == 0
    assert world.net.asked == []
    text = (await world.cli.run("check", "reg.test", "-u", username, "--secret-stdin", stdin=SECRET)).out
    assert not {"\r", "\x00", "\x1b", "\x7f"} & {*result.shown["username"], *text}
    hidden_from(result.out, result.err, text)


USERINFO: Final = (
    "https://u:p4ssw0rd-77@reg.test", "u:p4ssw0rd-77@reg.test", "https://p4ssw0rd-77@reg.test/", "//u:p4ssw0rd-77@reg.test/v2/",
    "reg.test@p4ssw0rd-77",
    "https://u:p4ssw0rd-77@reg.test:99999", "https://u:p4ssw0rd-77@", "ftp://u:p4ssw0rd-77@reg.test", "https://u:p4ssw0rd-77%40x@reg.test/?a=b#c",
)  # fmt: skip


@pytest.mark.parametrize("registry", USERINFO)
@case("SEC-22")
async def test_a_registry_with_a_password_in_it_is_not_repeated(row: Row, registry: str, world: World) -> None:
    site = await world.serve()
    result = row.holds(await world.check(registry=registry))
    text = await world.cli.run("check", registry, "-u", USERNAME, "--secret-stdin", "--explain", "--log-level", "debug", stdin=SECRET)
    for said in (result.out, result.err, text.out, text.err):
        assert "p4ssw0rd-77" not in said
    assert site.asked == 0
    assert world.net.asked == []


class Failing(AiohttpTransport):
    """Breaks with a bug at one request, and tells all that it has in the exception."""

    def __init__(self, network: Network, world: World, at: int, error: type[Exception]) -> None:
        super().__init__(network, resolver=world.net, socket_factory=world.net.open_socket)
        self._at, self._count, self._error = at, 0, error

    async def send(self, request: Request) -> Answer:
        self._count += 1
        if self._count <= self._at:
            return await super().send(request)
        secrets = {name: value.get_secret_value() for name, value in request.secret_headers.items()}
        try:
            raise ValueError(f"inner {SECRET} {secrets}")
        except ValueError as inner:
            raise self._error(f"{SECRET} {secrets} {base64.b64encode(SECRET.encode()).decode()}", request, secrets) from inner


@pytest.mark.parametrize("error", [RuntimeError, KeyError, AssertionError, RecursionError, UnicodeError, LookupError])
@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5])
@case("SEC-23")
async def test_a_bug_tells_nothing(row: Row, at: int, error: type[Exception], world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serve()
    monkeypatch.setattr("validator.app.transport_for", lambda network: Failing(network, world, at, error))
    arguments = ["check", "reg.test", "-u", USERNAME, "--secret-stdin", "--image", IMAGE, "--log-level", "debug"]
    for more in (["--format", "json"], ["--explain"]):
        result = await world.cli.run(*arguments, *more, stdin=SECRET)
        row.agrees("credential", "")
        assert result.code == 4
        assert result.out == ""
        assert error.__name__ in result.err
        hidden_from(result.out, result.err)


@pytest.mark.parametrize(
    "place", ["client.parse_token_answer", "client.parse_challenges", "client.read_error", "client.mask_known", "client.kind_of"]
)
@case("SEC-23")
async def test_a_bug_in_reading_an_answer_tells_nothing(row: Row, place: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serve({"L+": reply(200, {"token": BEARERS["+"], "echo": SECRET})})

    def broken(*given: Any, **named: Any) -> Any:
        raise RuntimeError(SECRET, given, named)

    monkeypatch.setattr(f"validator.registry.{place}", broken)
    result = await world.cli.run("check", "reg.test", "-u", USERNAME, "--secret-stdin", "--image", IMAGE, "--log-level", "debug", stdin=SECRET)
    assert result.code == 4
    row.agrees("credential", "")
    hidden_from(result.out, result.err)
