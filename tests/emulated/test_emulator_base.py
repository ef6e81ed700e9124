"""The ground of every emulated registry: faults, the record, images, tokens."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import ClientConnectorSSLError, ClientError, web

from tests.emulated.conftest import Ask, Clock
from validator.emulator.base import (
    ACCEPT_ALL,
    OCI_INDEX,
    OCI_MANIFEST,
    Call,
    Emulated,
    find_document,
    letters,
    make_image,
    make_jwt,
    nested_index,
    read_jwt,
)


class Plain(Emulated):
    """Accepts everybody but `dead`."""

    name = "plain"
    host = "plain.test"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.front = self.listener("front", self._front)
        self.back = self.listener("back", self._front)
        self.plant("good", "s3cret")

    async def _front(self, call: Call) -> web.Response:
        if call.secret == "dead":
            call.refused = True
            return self.refusal(call)
        return web.Response(body=b"hello")


@pytest.fixture
async def plain(clock: Clock) -> AsyncIterator[Plain]:
    async with Plain(clock) as running:
        yield running


PAGES = {"500": 500, "502": 502, "503": 503, "504": 504, "405": 405}


@pytest.mark.parametrize(("outage", "status"), PAGES.items(), ids=PAGES.keys())
async def test_an_outage_is_a_gateways_page_on_that_listener_alone(plain: Plain, ask: Ask, outage: str, status: int) -> None:
    plain.front.switch(outage=outage)
    broken, well = await ask(plain.front.url("/v2/")), await ask(plain.back.url("/v2/"))
    assert (broken.status, broken.headers["Content-Type"], b"<html>" in broken.body) == (status, "text/html", True)
    assert (well.status, well.body) == (200, b"hello")
    plain.front.switch(outage=None)
    assert (await ask(plain.front.url("/v2/"))).status == 200


PAGE_SWITCHES = {"html_200": 200, "proxy_407": 407, "waf_403": 403}


@pytest.mark.parametrize(("switch", "status"), PAGE_SWITCHES.items(), ids=PAGE_SWITCHES.keys())
async def test_a_page_of_somebody_in_between(plain: Plain, ask: Ask, switch: str, status: int) -> None:
    plain.front.switch(**{switch: True})
    answered = await ask(plain.front.url("/v2/"))
    assert (answered.status, answered.headers["Content-Type"]) == (status, "text/html")
    assert ("Proxy-Authenticate" in answered.headers) == (status == 407)


async def test_a_reset_breaks_the_connection_and_is_recorded_as_cut_off(plain: Plain, ask: Ask) -> None:
    plain.front.switch(outage="reset")
    with pytest.raises(ClientError):
        await ask(plain.front.url("/v2/"))
    assert plain.count(listener="front", status=0) == 1


async def test_a_timeout_answers_nothing_until_the_switch_changes(plain: Plain, ask: Ask) -> None:
    plain.front.switch(outage="timeout")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ask(plain.front.url("/v2/"))

    async def hang() -> None:
        with pytest.raises(ClientError):
            await ask(plain.front.url("/v2/"))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hang())
        await plain.until(2, status=0)
        plain.front.switch(outage=None)
    assert (await ask(plain.front.url("/v2/"))).status == 200


async def test_a_broken_handshake_is_switched_on_and_off(clock: Clock, ask: Ask) -> None:
    authority = trustme.CA()
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(asking)
    plain = Plain(clock)
    await plain.start(ssl=serving)
    try:
        assert plain.front.url("/").startswith("https://127.0.0.1:")
        plain.front.switch(outage="tls")
        with pytest.raises(ClientConnectorSSLError):
            await ask(plain.front.url("/v2/"), ssl=asking)
        assert plain.requests == []
        plain.front.calm()
        assert (await ask(plain.front.url("/v2/"), ssl=asking)).body == b"hello"
    finally:
        await plain.stop()


async def test_a_throttle_lets_some_through_and_names_the_wait(plain: Plain, ask: Ask) -> None:
    plain.front.switch(throttle=1, retry_after="7")
    first, second = await ask(plain.front.url("/v2/")), await ask(plain.front.url("/v2/"))
    assert (first.status, second.status, second.headers["Retry-After"]) == (200, 429, "7")
    plain.front.switch(retry_after=None)
    assert "Retry-After" not in (await ask(plain.front.url("/v2/"))).headers


async def test_a_spurious_refusal_comes_once_to_a_login_or_to_a_path(plain: Plain, ask: Ask) -> None:
    plain.front.switch(spurious_401_once=True)
    asked = [await ask(plain.front.url("/a")), *[await ask(plain.front.url("/a"), login=("u", "s3cret")) for _ in range(2)]]
    assert [one.status for one in asked] == [200, 401, 200]
    plain.front.switch(spurious_401_once="/b")
    assert [(await ask(plain.front.url(path))).status for path in ("/a", "/b", "/b")] == [200, 401, 200]


async def test_an_outage_of_refusals_refuses_good_keys_too(plain: Plain, ask: Ask) -> None:
    plain.front.switch(outage_401=True)
    statuses = [(await ask(plain.front.url("/a"), login=("u", "s3cret"))).status for _ in range(2)]
    assert (statuses, len(plain.refused_logins)) == ([401, 401], 2)


async def test_an_address_is_banned_after_its_refused_logins(plain: Plain, ask: Ask) -> None:
    plain.front.switch(ban_after=2)
    secrets = ("dead", "s3cret", "dead", "s3cret")
    assert [(await ask(plain.front.url("/a"), login=("u", secret))).status for secret in secrets] == [401, 200, 401, 403]
    plain.front.calm()
    assert (await ask(plain.front.url("/a"), login=("u", "s3cret"))).status == 200


async def test_a_slow_listener_takes_its_time(plain: Plain, ask: Ask) -> None:
    plain.front.switch(slow_ms=60)
    began = asyncio.get_running_loop().time()
    await ask(plain.front.url("/a"))
    assert asyncio.get_running_loop().time() - began >= 0.06


async def test_the_record_names_secrets_and_never_holds_one(plain: Plain, ask: Ask, clock: Clock) -> None:
    await ask(plain.front.url("/token?scope=a&scope=&password=hunter2"), login=("ada", "s3cret"))
    await ask(plain.back.url("/token"), bearer="somebody's")
    await ask(plain.back.url("/token"))
    first, second, third = plain.requests
    assert (first.listener, first.path, first.username, first.secret_name, first.at) == ("front", "/token", "ada", "good", clock.now)
    assert dict(first.query) == {"scope": ("a", ""), "password": ("…",)}
    assert (second.authorization, second.secret_name) == ("bearer", "unknown")
    assert (third.authorization, third.secret_name) == ("none", None)
    assert not any(word in repr(plain.requests) for word in ("s3cret", "hunter2", "somebody's"))
    assert plain.count(listener="back") == 2


def test_an_image_has_real_digests_all_the_way_down() -> None:
    image = make_image(attested=True)
    index = json.loads(image.top.body)
    assert image.digest == f"sha256:{hashlib.sha256(image.top.body).hexdigest()}"
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64", "unknown"]
    for entry in index["manifests"]:
        manifest = image.manifests[entry["digest"]]
        config = image.blobs[json.loads(manifest.body)["config"]["digest"]]
        assert (len(manifest.body), manifest.media_type) == (entry["size"], OCI_MANIFEST)
        assert json.loads(config.body)["architecture"] == entry["platform"]["architecture"]
    assert make_image(("linux/amd64",)).top.media_type == OCI_MANIFEST
    assert make_image(seed="other").digest != make_image().digest
    assert json.loads(nested_index(image).top.body)["manifests"][0]["digest"] == image.digest


INDEX = make_image()
CHILD = json.loads(INDEX.top.body)["manifests"][0]["digest"]
CHOICES: dict[str, tuple[str, list[str], str | None]] = {
    "all types": ("latest", [ACCEPT_ALL], INDEX.digest),
    "no Accept": ("latest", [], INDEX.digest),
    "anything": ("latest", ["*/*"], INDEX.digest),
    "with a parameter": ("latest", [f"{OCI_INDEX};q=0.5"], INDEX.digest),
    "two fields": ("latest", ["text/html", OCI_INDEX], INDEX.digest),
    "manifests only": ("latest", [OCI_MANIFEST], CHILD),
    "neither": ("latest", ["application/vnd.docker.distribution.manifest.v2+json"], None),
    "by digest": (CHILD, [ACCEPT_ALL], CHILD),
    "index by digest, not accepted": (INDEX.digest, [OCI_MANIFEST], None),
    "another tag": ("missing", [ACCEPT_ALL], None),
}


@pytest.mark.parametrize(("reference", "accept", "digest"), CHOICES.values(), ids=CHOICES.keys())
def test_what_is_served_goes_by_accept(reference: str, accept: list[str], digest: str | None) -> None:
    found = find_document({"latest": INDEX}, "manifests", reference, accept)
    assert (found.digest if found else None) == digest


def test_a_token_can_be_read_back_and_not_forged() -> None:
    token = make_jwt({"sub": "ada"})
    assert read_jwt(token) == {"sub": "ada"}
    assert [read_jwt(text) for text in ("", "x", token[:-1], f"{token}A", "é.é.é", token.replace(".", ".A", 1))] == [None] * 6


def test_letters_are_the_same_for_the_same_seed() -> None:
    assert letters("seed", 12) == letters("seed", 12) != letters("seeds", 12)
    assert len(letters("seed", 300)) == 300
