"""Laws of the grammar: remote text never raises, what is written can be read again."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from validator.protocol.base import NOT_JSON, clean_text, parse_json, shown_text
from validator.protocol.challenge import choose_challenge, parse_challenges
from validator.protocol.errcode import CODES, MAX_TEXT, read_error
from validator.protocol.manifest import Child, Platform, candidates, kind_of, parse_config_platform, parse_manifest
from validator.protocol.realm import is_public, known_realm_hosts, odd_address, same_site
from validator.protocol.reference import InvalidReference, Reference, parse_reference
from validator.protocol.retry_after import MAX_WAIT_S, MIN_WAIT_S, retry_after_s
from validator.protocol.scope import parse_scope_text
from validator.protocol.token import MAX_LIFE_S, bearer_life_s, parse_claims, parse_token_answer

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text('\x1b[]()0;m<>&"\\\u202e\udce9 a/:@#')
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([*CODES, "invalid_token", "linux", "amd64"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "errors",
                    "error",
                    "code",
                    "message",
                    "detail",
                    "details",
                    "token",
                    "access_token",
                    "expires_in",
                    "manifests",
                    "config",
                    "platform",
                    "architecture",
                    "os",
                    "digest",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
BODIES = st.binary() | ANY_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")) | JSONS.map(lambda value: json.dumps(value).encode())
TYPES = st.none() | st.sampled_from(["application/json", "text/html", "application/vnd.oci.image.index.v1+json"]) | ANY_TEXT


@given(BODIES, TYPES)
def test_no_body_makes_a_reader_raise(body: bytes, content_type: str | None) -> None:
    parse_json(body)
    parse_manifest(body, content_type)
    parse_config_platform(body)
    kind_of(content_type)
    error = read_error(body, content_type)
    assert len(error.text) <= MAX_TEXT
    assert error.code is None or error.code in CODES
    answer = parse_token_answer(body)
    assert answer is None or 0 <= bearer_life_s(answer, 1.8e9) <= MAX_LIFE_S


@given(JSONS)
def test_what_json_writes_is_read_as_it_was(value: object) -> None:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        return
    found = parse_json(text.encode())
    if found is not NOT_JSON:  # lone surrogates are refused
        assert found == json.loads(text)
    else:
        assert "\\ud" in text


@given(ANY_TEXT, st.integers(1, 300))
def test_shown_text_holds_nothing_that_moves_a_terminal(text: str, limit: int) -> None:
    shown = shown_text(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    shown.encode()
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.lists(st.text(st.sampled_from('Bearer Basic="\\, \t\x00é%realm\udce9'), max_size=60) | ANY_TEXT, max_size=3))
@example(['Bearer realm="' + "\\" * 9])
def test_no_field_makes_the_parser_raise(values: list[str]) -> None:
    challenges = parse_challenges(values)
    for each in challenges:
        assert each.scheme == each.scheme.lower()
        assert not each.repeated & each.parameters.keys()
        "".join(each.parameters.values()).encode()
    choose_challenge(challenges)
    retry_after_s(values, NOW)


TOKENS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"), min_size=1, max_size=8)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20)
WRITTEN = st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS, VALUES, min_size=1, max_size=4)), min_size=1, max_size=4)


@given(WRITTEN, st.booleans())
def test_challenges_written_are_read_again(challenges: list[tuple[str, dict[str, str]]], one_field: bool) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    fields = [f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in pairs.items()) for scheme, pairs in challenges]
    found = parse_challenges([", ".join(fields)] if one_field else fields)
    assert [(each.scheme, dict(each.parameters)) for each in found] == challenges


DOMAINS = st.sampled_from(["docker.io", "reg.test", "Reg.Test:443", "localhost", "a:5000", "[2001:db8::1]:5000", "1.2.3.4", "FOO"])
PATHS = st.lists(st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True), min_size=1, max_size=5).map("/".join)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(str.isascii)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(DOMAINS, PATHS, TAGS | st.none(), HEX | st.none())
def test_a_reference_written_is_read_again(domain: str, path: str, tag: str | None, hexes: str | None) -> None:
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    wanted = Reference(domain=domain, repository=path, tag=None if hexes else tag or "latest", digest=f"sha256:{hexes}" if hexes else None)
    written = f"{domain}/{path}" + (f":{tag}" if tag else "") + (f"@sha256:{hexes}" if hexes else "")
    assert parse_reference(written) == wanted
    assert parse_reference(str(wanted)) == wanted


@given(ANY_TEXT | st.text("aA0./:@-_[]", max_size=30))
def test_any_text_is_a_reference_or_refused_in_one_line(text: str) -> None:
    try:
        found = parse_reference(text)
    except InvalidReference as error:
        said = str(error)
    else:
        said = str(found)
        assert parse_reference(said) == found
        assert said.isascii()
    assert "\n" not in said
    assert len(said) < 1000


@given(ANY_TEXT)
def test_no_text_makes_a_small_parser_raise(text: str) -> None:
    parse_claims(text)
    parse_scope_text(text)
    is_public(text)
    odd_address(text)
    known_realm_hosts(text)
    same_site(text, "reg.test")
    retry_after_s([text], NOW)


@given(
    st.lists(st.sampled_from(string.digits + " :,-GMTNov") | st.sampled_from(["Mon, ", "23 ", "Nov ", "2026 ", "12:00:00 ", "GMT"]), max_size=9).map(
        "".join
    )
)
def test_every_wait_is_in_its_bounds(value: str) -> None:
    wait = retry_after_s([value], NOW)
    assert wait is None or MIN_WAIT_S <= wait <= MAX_WAIT_S


PLATFORMS = st.builds(
    Platform,
    os=st.sampled_from(["linux", "windows", ""]),
    architecture=st.sampled_from(["amd64", "x86_64", "arm64", "arm", "386", "unknown"]),
    variant=st.sampled_from(["", "v1", "v2", "v3", "v7", "v8", "v8.2", "v9", "v999999999", "8"]) | st.text(max_size=3),
)


@given(st.lists(PLATFORMS | st.none(), max_size=6), PLATFORMS)
def test_candidates_run_there_or_say_nothing(offered: list[Platform | None], node: Platform) -> None:
    children = [Child(str(n), platform, "") for n, platform in enumerate(offered)]
    found = candidates(children, node)
    assert {child.digest for child in found} == {c.digest for c in children if c.platform is None or c.platform.runs_on(node)}
    ranks = [child.platform.rank_on(node) if child.platform else 1000 for child in found]
    assert ranks == sorted(rank for rank in ranks if rank is not None)


@given(PLATFORMS)
def test_folding_a_platform_twice_changes_nothing(platform: Platform) -> None:
    again = Platform(os=platform.os, architecture=platform.architecture, variant=platform.variant)
    assert again == platform
    assert platform.architecture == "unknown" or not platform.os or platform.runs_on(platform)
