"""`WWW-Authenticate`: RFC 9110 11.6.1, and who writes it otherwise."""

from __future__ import annotations

import time

import pytest

from validator.protocol.challenge import MAX_CHALLENGES, MAX_FIELD, Challenge, choose_challenge, parse_challenges

Pairs = list[tuple[str, dict[str, str]]]

CASES: dict[str, tuple[list[str], Pairs]] = {
    "bearer": (['Bearer realm="https://a.test/t",service="r"'], [("bearer", {"realm": "https://a.test/t", "service": "r"})]),
    "comma in quotes": (['Bearer scope="repository:a/b:pull,push"'], [("bearer", {"scope": "repository:a/b:pull,push"})]),
    "case and spaces": (['bEARER  Realm = "x" , service=y'], [("bearer", {"realm": "x", "service": "y"})]),
    "two in one field": (['Basic realm="x", Bearer realm="y"'], [("basic", {"realm": "x"}), ("bearer", {"realm": "y"})]),
    "two fields": (['Basic realm="x"', 'Bearer realm="y"'], [("basic", {"realm": "x"}), ("bearer", {"realm": "y"})]),
    "token68, then ours": (['Negotiate abc==, Bearer realm="y"'], [("negotiate", {}), ("bearer", {"realm": "y"})]),
    "token68 with one =": (['Negotiate abc=, Bearer realm="y"'], [("negotiate", {}), ("bearer", {"realm": "y"})]),
    "token68 alone": (["NTLM TlRMTVNTUAACAAAA"], [("ntlm", {})]),
    "GEN-19 bare scheme first": (['Negotiate, Bearer realm="y"'], [("negotiate", {}), ("bearer", {"realm": "y"})]),
    "GEN-21": (
        ["bEaReR REALM=https://a.test/t,service=plain-token"],
        [("bearer", {"realm": "https://a.test/t", "service": "plain-token"})],
    ),
    "GEN-22 quoted pairs": ([r'Bearer realm="x",service="a\"b, c"'], [("bearer", {"realm": "x", "service": 'a"b, c'})]),
    "the RFC's own": (
        ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'],
        [("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), ("basic", {"realm": "simple"})],
    ),
    "OTHER-41 unquoted, spaces": (
        ["Bearer realm=https://cp.icr.io/oauth/token, service=registry, scope=repository:ns/app:pull"],
        [("bearer", {"realm": "https://cp.icr.io/oauth/token", "service": "registry", "scope": "repository:ns/app:pull"})],
    ),
    "unquoted with = and a port": (
        ["Bearer realm=https://a.test:5000/t?x=1,service=*"],
        [("bearer", {"realm": "https://a.test:5000/t?x=1", "service": "*"})],
    ),
    "NGC, empty scope": (
        ['Bearer realm="https://nvcr.io/proxy_auth",scope=""'],
        [("bearer", {"realm": "https://nvcr.io/proxy_auth", "scope": ""})],
    ),
    "realm empty, unquoted, is a token68": (["Bearer realm=,service=y"], [("bearer", {})]),
    "value empty, unquoted": (["Bearer service=y,scope=,realm=z"], [("bearer", {"service": "y", "scope": "", "realm": "z"})]),
    "comma forgotten": (['Bearer realm="x" service="y"'], [("bearer", {"realm": "x", "service": "y"})]),
    "comma forgotten between challenges": (['Bearer realm="x" Basic realm="y"'], [("bearer", {"realm": "x"}), ("basic", {"realm": "y"})]),
    "empty elements": ([',, Bearer ,realm="x",, ,service=y,'], [("bearer", {"realm": "x", "service": "y"})]),
    "backslash before a letter": ([r'Basic realm="\x\\"'], [("basic", {"realm": "x\\"})]),
    "non-ASCII": (['Basic realm="é"'], [("basic", {"realm": "é"})]),
    "bytes that were no UTF-8": (['Basic realm="\udce9"'], [("basic", {"realm": "\ufffd\ufffd\ufffd"})]),
    "control characters as sent": (['Bearer realm="https://a.test/\x1b"'], [("bearer", {"realm": "https://a.test/\x1b"})]),
    "quote left open": (['Bearer realm="x",service="r'], [("bearer", {"realm": "x"})]),
    "quote left open after an escape": (['Bearer realm="x\\"'], [("bearer", {})]),
    "junk after the quote": (['Bearer realm="x"@evil, service=y'], [("bearer", {})]),
    "realm twice": (['Bearer realm="x",realm="evil"'], [("bearer", {})]),
    "realm three times": (['Bearer realm="x",realm="evil",realm="z"'], [("bearer", {})]),
    "realm twice, the second broken": (['Bearer realm="x",Realm="evil'], [("bearer", {})]),
    "same name in two challenges": (['Bearer realm="x"', 'Bearer realm="y"'], [("bearer", {"realm": "x"}), ("bearer", {"realm": "y"})]),
    "parameter before any scheme": (['realm="x", Bearer realm="y"'], []),
    "parameter after token68": (['Bearer abc==, realm="x"'], [("bearer", {})]),
    "scheme and junk": (["Bearer @@@"], [("bearer", {})]),
    "scheme, then two words": (['Bearer Basic realm="x"'], [("bearer", {})]),
    "nothing": ([""], []),
    "no field": ([], []),
    "blanks and commas": ([" ,\t, "], []),
    "junk": (["@"], []),
    "a broken field spoils no other": (['Basic realm="x', 'Bearer realm="y"'], [("basic", {}), ("bearer", {"realm": "y"})]),
}


@pytest.mark.parametrize(("fields", "expected"), CASES.values(), ids=CASES.keys())
def test_challenges_are_read(fields: list[str], expected: Pairs) -> None:
    assert [(each.scheme, dict(each.parameters)) for each in parse_challenges(fields)] == expected


def test_a_repeated_name_is_told() -> None:
    (challenge,) = parse_challenges(['Bearer realm="x",REALM="y",service=z'])
    assert challenge == Challenge("bearer", {"service": "z"}, frozenset({"realm"}))


CHOICES: dict[str, tuple[list[str], str | None]] = {
    "GEN-20 Basic first, Bearer second": (['Basic realm="x"', 'Bearer realm="https://a.test/t"'], "bearer https://a.test/t"),
    "first usable Bearer": (['Bearer service="s", Bearer realm="", Bearer realm="u"'], "bearer u"),
    "Basic when no Bearer is usable": (['Bearer service="s", Basic realm="x"'], "basic x"),
    "Basic without realm": (["Basic"], "basic "),
    "GEN-26 realm twice": (['Bearer realm="x",realm="y"'], None),
    "GEN-26 realm twice spoils the Basic too": (['Bearer realm="x",realm="y"', 'Basic realm="z"'], None),
    "GEN-26 realm twice spoils another Bearer": (['Bearer realm="w"', 'Bearer realm="x",realm="y"'], None),
    "GEN-26 Bearer without realm": (['Bearer service="s"'], None),
    "GEN-26 blank realm": (['Bearer realm=" "'], None),
    "GEN-26 Negotiate only": (["Negotiate, NTLM"], None),
    "GEN-26 no field": ([], None),
    "Basic's label may come twice": (['Basic realm="x",realm="y"'], "basic "),
    "SEC-19 quotes left open": (['Bearer realm="' + "\\" * 1001], None),
}


@pytest.mark.parametrize(("fields", "expected"), CHOICES.values(), ids=CHOICES.keys())
def test_the_challenge_to_answer(fields: list[str], expected: str | None) -> None:
    chosen = choose_challenge(parse_challenges(fields))
    assert (chosen and f"{chosen.scheme} {chosen.parameters.get('realm', '')}") == expected


def test_sec_19_a_field_is_read_to_its_limit_and_no_further() -> None:
    field = 'Bearer realm="x",' + "a=b," * 300_000
    assert parse_challenges([field]) == parse_challenges([field[: MAX_FIELD + 10]])
    assert parse_challenges(['Bearer realm="x", ' + " " * MAX_FIELD + "service=y, type=z"]) == parse_challenges(['Bearer realm="x"'])


@pytest.mark.parametrize("tail", ["service=abcdef", 'service="abcdef"', 'service="ab'])
def test_a_value_cut_by_the_limit_is_no_value(tail: str) -> None:
    start = 'Bearer realm="x",'
    for short in (4, 12, 14):
        field = start + " " * (MAX_FIELD - len(start) - short) + tail + "z" * 100
        (challenge,) = parse_challenges([field])
        assert dict(challenge.parameters) == {"realm": "x"}


def test_sec_19_no_more_than_a_hundred_challenges() -> None:
    assert len(parse_challenges([", ".join(["Basic"] * 2000)])) == MAX_CHALLENGES
    assert len(parse_challenges(["Basic realm=x"] * 10_000)) == 64
    assert len(parse_challenges([", ".join(["Basic"] * 99), 'Bearer realm="x", Bearer realm="y"'])) == MAX_CHALLENGES


HOSTILE = {
    "one quote": '"',
    "quotes": 'a="' * 6000,
    "escapes": 'Bearer realm="' + '\\"' * 9000,
    "blanks": "Bearer" + " " * 17_000,
    "token68": "Bearer " + "a" * 17_000 + "!",
    "equals": "Bearer " + "=" * 17_000,
    "token68 and blanks": "Negotiate a " * 1500,
    "names": 'Bearer realm="x",' + "a=b," * 5000,
    "schemes": "a," * 9000,
}


@pytest.mark.parametrize("field", HOSTILE.values(), ids=HOSTILE.keys())
def test_sec_19_hostile_fields_cost_linear_time(field: str) -> None:
    started = time.process_time()
    parse_challenges([field] * 64)
    assert time.process_time() - started < 2  # quadratic: minutes
