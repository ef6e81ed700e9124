"""What is sent, and to whom: nothing more than needed. SEC-20, SEC-21, SEC-24, SEC-26, SEC-27."""

from __future__ import annotations

import base64
import os
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cases.network import World
from tests.cases.rows import Row, case
from tests.cases.servers import (
    BEARERS,
    IMAGE,
    REALM,
    SECRET,
    USERNAME,
    Site,
    demanding,
    hidden_from,
    manifest,
    page,
    refused,
    reply,
    shown,
)
from validator.emulator.hostile import Proxy, Script


def pair_of(site: Site, step: str) -> list[tuple[str | None, str | None]]:
    return [request.login()[1:] for request in site.at(step)]


@case("SEC-24")
async def test_a_control_is_made_up_and_made_once_a_day(row: Row, world: World) -> None:
    site = await world.serve()
    for username, secret in ((USERNAME, SECRET), ("bob", SECRET + "2"), (USERNAME, SECRET)):
        site.secret = secret
        result = await world.check(username=username, secret=secret)
        row.agrees("credential", result.credential)
        assert result.credential == "valid (login_accepted)"
    [(username_of_control, secret_of_control)] = pair_of(site, "L!")
    assert username_of_control not in (USERNAME, "bob", None)
    assert secret_of_control not in (SECRET, SECRET + "2")
    assert len(str(secret_of_control)) >= 20
    other = await world.serve()
    assert (await world.check()).code == 0
    assert pair_of(other, "L!") != pair_of(site, "L!")


@case("SEC-24")
async def test_a_canarys_name_is_the_only_real_one_that_a_control_uses(row: Row, world: World) -> None:
    kept = world.home / "canary.txt"
    kept.write_text("CANARY-SECRET-42\n")
    site = await world.serve()
    world.cli.registries = {"reg.test": {"provider": "generic", "canary": {"username": "watchman", "secret_file": str(kept)}}}
    result = await world.check()
    row.agrees("credential", result.credential)
    assert result.credential == "valid (login_accepted)"
    [(username, secret)] = pair_of(site, "L!")
    assert username == "watchman"
    assert secret not in (SECRET, "CANARY-SECRET-42")
    hidden_from(result.out, result.err, secret="CANARY-SECRET-42", username="watchman")


@case("SEC-24")
async def test_a_control_is_never_made_of_a_refused_or_unheard_secret(row: Row, world: World) -> None:
    for script in (refused(), refused(500), Script(()), page(403)):
        site = await world.serve({"L+": script, "T+": script})
        row.agrees("credential", (await world.check("--image", IMAGE)).credential)
        assert not site.at("L!")
        assert not site.at("T!")


@pytest.mark.parametrize(
    "scope",
    [
        "repository:other/x:push",
        "registry:catalog:*",
        "repository:team/app:pull,push,delete",
        "",
        "x" * 3000,
        "repository:team/app:pull repository:other/x:pull",
    ],
)
@case("SEC-20")
async def test_only_our_own_pull_is_asked_for(row: Row, scope: str, world: World) -> None:
    site = await world.serve({"P": demanding(REALM, more=f',scope="{scope}"')})
    result = await world.check("--image", IMAGE)
    row.agrees("credential", result.credential)
    assert (result.credential, result.image) == ("valid (pull_proven)", "pullable (pull_ok)")
    for step in ("T+", "T0"):
        assert [parse_qs(urlsplit(request.target).query).get("scope") for request in site.at(step)] == [["repository:team/app:pull"]]
    assert all("scope" not in request.target for step in ("L+", "L!") for request in site.at(step))
    assert not any(word in asked.wire.target for asked in site.asked_of for word in ("account=", "offline_token", "access_type"))
    assert not any(asked.wire.method not in ("GET", "HEAD") or asked.wire.body for asked in site.asked_of)


@case("SEC-21")
async def test_no_cookie_is_kept_and_no_link_followed(row: Row, world: World) -> None:
    fields = {
        "Set-Cookie": "session=abc; Path=/; Domain=reg.test",
        "Link": "<https://evil.test/next>; rel=next",
        "Refresh": "0; url=https://evil.test/",
    }
    challenge = {"WWW-Authenticate": f'Bearer realm="{REALM}",service="reg.test"', **fields}
    site = await world.serve(
        {"P": reply(401, b"{}", challenge), "L+": reply(200, {"token": BEARERS["+"]}, fields), "T+": reply(200, {"token": BEARERS["+"]}, fields)}
    )
    evil = await world.serve({}, "evil.test", fresh=False)
    result = await world.check("--image", IMAGE)
    row.agrees("credential", result.credential)
    assert result.credential == "valid (pull_proven)"
    assert (await world.check("--image", IMAGE)).code == 0
    assert not any("cookie" in asked.wire.names for asked in site.asked_of)
    assert evil.asked == 0
    assert "evil.test" not in world.net.asked


@case("SEC-26")
async def test_a_foreign_layer_is_never_fetched(row: Row, world: World) -> None:
    layers = [
        {
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": "sha256:" + "b" * 64,
            "size": 1,
            "urls": ["https://evil.test/layer"],
        }
    ]
    body = manifest(layers)
    site = await world.serve({"H+": shown(body, head=True), "G+": shown(body, head=False)})
    evil = await world.serve({}, "evil.test", fresh=False)
    result = await world.check("--image", IMAGE, "--platform", "linux/amd64")
    row.agrees("credential", result.credential)
    assert result.image == "pullable (pull_ok)"
    assert evil.asked == 0
    assert "evil.test" not in world.net.asked
    assert [step for step in site.steps if step.startswith("B")] == ["B+"]  # the config, no layer


@case("SEC-27")
async def test_the_environment_names_neither_proxy_nor_login(row: Row, world: World) -> None:
    netrc = world.home / "netrc"
    netrc.write_text(
        "machine reg.test login thief password stolen\nmachine auth.reg.test login thief password stolen\ndefault login thief password stolen\n"
    )
    netrc.chmod(0o600)
    (world.home / ".netrc").write_text(netrc.read_text())
    site = await world.serve()
    async with Proxy() as proxy:
        names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
        env = dict.fromkeys((*names, *(name.lower() for name in names)), proxy.url) | {"NETRC": str(netrc), "HOME": str(world.home)}
        command = ["check", "reg.test", "-u", USERNAME, "--secret-stdin", "--format", "json", "--image", IMAGE]
        result = await world.cli.run(*command, stdin=SECRET, env=env)
        assert not proxy.requests
    row.agrees("credential", result.credential)
    assert result.credential == "valid (pull_proven)"
    stolen = base64.b64encode(b"thief:stolen").decode()
    assert not any(stolen in repr(asked.wire) for asked in site.asked_of)
    assert site.at("P")[0].value("authorization") is None
    assert os.environ.get("NETRC") != str(netrc)
