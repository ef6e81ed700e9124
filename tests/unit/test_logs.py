"""No log line shows a secret: by its key, by its shape, or, while a probe runs, by being that secret."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from validator import logs
from validator.logs import EVENTS, MASK, SHAPES, Hidden, configure_logging, hiding, known_secrets, mask, shown_url


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, apprise = logging.getLogger(), logging.getLogger("apprise")
    handlers, level, other = root.handlers[:], root.level, apprise.level
    root.handlers[:] = []
    yield
    root.handlers[:], root.level, apprise.level = handlers, level, other
    structlog.reset_defaults()


@pytest.fixture(params=["json", "text"])
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    out = io.StringIO()
    configure_logging("debug", stream=out, json=request.param == "json")
    return out


def seen_forms(secret: str, username: str) -> dict[str, str]:
    """How a registry, a URL, a header or a traceback may write a secret; made here by other means than in the room."""
    raw, basic = secret.encode(), f"{username}:{secret}".encode()
    return {
        "plain": secret,
        "base64": base64.b64encode(raw).decode(),
        "base64url": base64.urlsafe_b64encode(raw).decode().rstrip("="),
        "basic": base64.b64encode(basic).decode(),
        "quoted": quote(secret),
        "quoted all": quote(secret, safe=""),
        "form": quote_plus(secret),
        "json": json.dumps(secret)[1:-1],
        "python": repr(secret)[1:-1],
        "html": html.escape(secret),
    }


JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
NGC_OLD = base64.b64encode(b"0oa1b2c3d4e5f6g7h8i9j0k1l2:01234567-89ab-cdef-0123-456789abcdef").decode()
TOKENS = {
    "jwt": JWT,
    "jwe": "eyJhbGciOiJBMjU2R0NNS1cifQ.a1.b2.c3.d4",
    "a cut jwt": JWT[:30],
    "ngc": "nvapi-" + "aZ09_-" * 10 + "Abc-",
    "ngc staging": "nvapi-stg-" + "aZ09_-" * 10 + "Abcd",
    "old ngc": NGC_OLD,
    "hub personal": "dckr_pat_" + "aB3-_" * 5,
    "hub organization": "dckr_oat_" + "aB3-_" * 6,
    "github classic": "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",
    "github oauth": "gho_" + "a1" * 18,
    "github user": "ghu_" + "a1" * 18,
    "github refresh": "ghr_" + "a1" * 38,
    "github app": "ghs_" + "a1" * 18,
    "github app, long": f"ghs_123456_{JWT * 4}",
    "github app, dots": "ghs_123456_" + "aB3.cD4-" * 12,
    "github fine": "github_pat_1VALIDATORNOTAREALTOKE_" + "x" * 43 + "MFUIMBZJAAAAAAAA",
    "gitlab": "glpat-" + "aB3_-" * 4,
    "gitlab routable": "glpat-" + "aB3_-" * 9 + ".01.0w1a2b3c4",
    "gitlab deploy": "gldt-" + "aB3_-" * 4,
    "gitlab, prefix of an instance": "SIE-glpat-" + "aB3_-" * 4,
    "gitlab, a kind to come": "glnew-" + "aB3_-" * 4,
    "gitlab runner": "GR1348941" + "aB3_-" * 4,
    "artifactory": "AKCp" + "aB3" * 23,
    "artifactory reference": base64.b64encode(b"reftkn:01:1760000000:" + b"a1B2c3" * 4).decode(),
}


@pytest.mark.parametrize("around", ["{}", "denied: {}!", "key={}&x", '{{"detail":"{}"}}', "a\n{}\nb"])
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_a_token_is_masked_whole_in_any_text(token, around):
    shown = mask(around.format(token))
    assert MASK in shown
    pieces = {token[start : start + 8] for start in range(len(token) - 7)} - {"SIE-glpa", "IE-glpat", "E-glpat-"}
    assert not [piece for piece in pieces if piece in shown]


TEXTS = {
    "a challenge": 'Bearer realm="https://auth.reg.test/token?n=5",service="reg.test",scope="repository:a/b:pull"',
    "a challenge without quotes": "Basic realm=registry",
    "an error": 'unauthorized: Basic authentication is required, see "Bearer token" in the docs of reg.test',
    "a digest": "sha256:" + "0123456789abcdef" * 4,
    "a digest alone": "a0b1c2d3" * 16,
    "an image": "registry.gitlab.com/global-platform-team.services/app-server:1.2.3-rc.1@sha256:" + "ab" * 32,
    "a path": "/usr/lib/python3/dist-packages/some_library/transport/connection_pool_manager.py",
    "english": "single-line-explanations-are-english-language-texts-of-any-length",
    "a uuid": "01234567-89ab-cdef-0123-456789abcdef",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_what_is_no_secret_stays_readable(text):
    assert mask(text) == text


SHOWN = {
    "basic": ("Authorization: Basic dTpzZWNyZXQ=", f"Authorization: Basic {MASK}"),
    "bearer": ("bearer abc.def~ghi", f"bearer {MASK}"),
    "userinfo": ("GET https://u:pa:ss@reg.test/v2/", f"GET https://{MASK}@reg.test/v2/"),
    "a query": ("at https://reg.test/t?service=r&account=ada&sig=x%2Fy", f"at https://reg.test/t?service=r&account={MASK}&sig={MASK}"),
    "json": ('{"token": "short", "expires_in": 300}', f'{{"token": "{MASK}", "expires_in": 300}}'),
    "assigned": ("password=hunter2;x", f"password={MASK};x"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_what_carries_a_secret_is_shown_without_it(text, shown):
    assert mask(text) == shown


def test_a_url_shows_no_userinfo_no_fragment_and_only_listed_values():
    url = URL("https://u:p@reg.test:5000/t?service=r&scope=repository:a/b:pull&scope=x&account=ada#frag")
    assert shown_url(url) == f"https://reg.test:5000/t?service=r&scope=repository:a/b:pull&scope=x&account={MASK}"
    assert shown_url(URL("/v2/?token=x#y")) == f"/v2/?token={MASK}"


FORMS = list(seen_forms("x", "u"))


@pytest.mark.parametrize("form", FORMS)
def test_while_a_probe_runs_its_secret_is_masked_in_every_form(canary, form):
    text = seen_forms(canary, "ada")[form]
    with hiding(SecretStr(canary), "ada"):
        assert mask(f"<{text}>") == f"<{MASK}>"
    assert mask(f"<{text}>") == f"<{text}>"


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_with_quotes_and_backslashes_is_masked_too(form):
    secret = "kes\\trel'\"<&>+ §€"
    with hiding(SecretStr(secret), "jürgen"):
        assert mask(seen_forms(secret, "jürgen")[form]) == MASK


def test_a_stored_line_end_hides_nothing():
    with hiding(SecretStr("hunter2!\n")):
        assert mask("no hunter2! here") == f"no {MASK} here"


def test_a_short_secret_is_masked_as_a_word_and_leaves_words_whole():
    with hiding(SecretStr("abc")):
        assert mask("abc, abcd and 'abc'") == f"{MASK}, abcd and '{MASK}'"


def test_blanks_are_no_secret():
    with hiding(SecretStr("   ")):
        assert (known_secrets.get().forms(), mask("a    b")) == ((), "a    b")


def test_hiding_may_be_nested_and_ends_also_by_an_exception():
    def fail() -> None:
        with hiding(SecretStr("first-secret")), hiding(SecretStr("second-secret")):
            assert mask("first-secret second-secret") == f"{MASK} {MASK}"
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert not known_secrets.get()


async def test_two_probes_at_once_hide_each_its_own_and_their_tasks_follow():
    both_in = asyncio.Barrier(2)

    async def probe(secret: str) -> str:
        with hiding(SecretStr(secret)):
            await both_in.wait()
            return await asyncio.create_task(asyncio.to_thread(mask, "one-secret two-secret"))

    first, second = await asyncio.gather(probe("one-secret"), probe("two-secret"))
    assert (first, second) == (f"{MASK} two-secret", f"one-secret {MASK}")


@given(st.text(min_size=4).filter(str.strip), st.text(), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_any_form(secret, username, before, after):
    try:
        forms = seen_forms(secret, username)
    except UnicodeEncodeError:
        return
    with hiding(SecretStr(secret), username):
        for form in forms.values():
            assert form not in mask(f"{before}{form}{after}") or form in MASK * 3


@given(st.text(st.characters(), min_size=1, max_size=12), st.text(st.characters(), max_size=6), st.text(max_size=6), st.text(max_size=6))
@example("p&ß", "ada", "", "")
@example("é", "", "", "")
@example(" a\ud800 ", "u", "", "")
def test_no_form_of_a_secret_is_thought_impossible(secret, username, before, after):
    hidden = Hidden(Hidden(None, SecretStr("")), SecretStr(secret), username)
    forms = {form.get_secret_value() for form in hidden.forms()}
    assert forms or not secret.strip()
    assert all(hidden.may_stand_in(f"{before}{form}{after}") and Hidden(hidden, SecretStr("another")).may_stand_in(form) for form in forms)


@pytest.mark.parametrize(
    "text", ["", "https://reg.test/token", "no such word", "long enough for all of its forms, in base64 also: https://auth.reg.test/v2/token"]
)
def test_a_text_without_a_form_of_it_is_known_without_working_them_out(monkeypatch, text):
    monkeypatch.setattr("validator.masking._forms", None)
    with hiding(SecretStr("p@ssw0rd!"), "ada"):
        assert mask(text) == text


@given(st.text(alphabet=st.sampled_from("eyJ.ghp_glpat-Basic :/?&=@\"'aA0+\n%"), max_size=200))
def test_masking_is_total_and_settled_by_once(text):
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.pattern[:24])
def test_no_shape_needs_long_for_a_hostile_text(shape):
    for text in (
        "gl" * 50_000,
        "eyJ" * 30_000,
        "Basic " * 20_000,
        "Bearer" + " " * 100_000,
        "aA" * 50_000,
        "a" * 100_000 + "0",
        "://" * 30_000,
    ):
        shape.sub(MASK, text)  # a quadratic one runs into the test's time limit


FIELDS: dict[str, Callable[[str], dict[str, object]]] = {
    "a secret key": lambda c: {"secret": c},
    "a header": lambda c: {"headers": {"Authorization": c, "Set-Cookie": c, "X-Api-Key": c}},
    "a token key": lambda c: {"answer": {"refresh_token": c, "client_secret": c}},
    "deep": lambda c: {"why": ["denied", {"text": [(f"key {c} is revoked",)]}]},
    "a url": lambda c: {"url": URL("https://r.test/t").with_user("u").with_password(c).with_query(x=c)},
    "an exception": lambda c: {"error": ValueError(c)},
    "bytes": lambda c: {"body": c.encode()},
    "a set": lambda c: {"names": {c}},
    "a key": lambda c: {"map": {c: 1}},
    "a secret value": lambda c: {"held": SecretStr(c)},
    "an object": lambda c: {"thing": type("Thing", (), {"__repr__": lambda self: c})()},
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_no_log_line_shows_the_canary(stream, canary, fields):
    with hiding(SecretStr(canary), "ada"):
        structlog.get_logger().info("probe_answered", **fields(canary))
        structlog.get_logger().bind(**fields(canary)).warning("lane_closed")
        with structlog.contextvars.bound_contextvars(**fields(canary)):
            structlog.get_logger().debug("exchange_answered")
    written = stream.getvalue()
    assert written.count("\n") >= 3
    assert "kestrel" not in written


@pytest.mark.parametrize("fields", [fields for name, fields in FIELDS.items() if name in ("a secret key", "a header", "a token key", "bytes")])
def test_what_is_secret_by_its_key_needs_no_shape_and_no_probe(stream, canary, fields):
    structlog.get_logger().info("probe_answered", **fields(canary))
    assert "kestrel" not in stream.getvalue()
    assert MASK in stream.getvalue()


def test_a_traceback_shows_neither_locals_nor_the_secret_in_its_text(stream, canary):
    local = "local-" + canary
    try:
        raise RuntimeError(f"{canary} in {len(local)}") from ValueError(TOKENS["gitlab routable"])
    except RuntimeError:
        with hiding(SecretStr(canary)):
            structlog.get_logger().exception("fault_caught")
    written = stream.getvalue()
    assert "RuntimeError" in written
    assert not [leak for leak in ("kestrel", "local-", "0w1a2b3c4") if leak in written]


def test_the_libraries_log_through_the_same_redactor(stream, canary):
    with hiding(SecretStr(canary)):
        logging.getLogger("aiohttp.server").error("%s in %s", canary, f"Basic {TOKENS['old ngc']}", exc_info=ValueError(canary))
        logging.getLogger("sqlalchemy.engine").info("below warning")
    logging.getLogger("apprise").error("Could not load mailto://u:kestrel@relay.test")
    written = stream.getvalue()
    assert "library_logged" in written
    assert not [leak for leak in ("kestrel", NGC_OLD[:12], "below warning", "Could not load") if leak in written]


def test_control_characters_never_reach_a_terminal(stream):
    structlog.get_logger().info("probe_answered", detail="\x1b[31mred\x07\x9b", half="\udce9")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", stream.getvalue())
    stream.getvalue().encode()


def test_our_own_words_stay_readable_whatever_the_secret_is(stream):
    with hiding(SecretStr("info")), hiding(SecretStr("probe_answered")):
        structlog.get_logger().info("probe_answered", ms=12, cached=False, retry_at=None)
    assert "probe_answered" in stream.getvalue()
    assert "info" in stream.getvalue()
    assert "12" in stream.getvalue()


def test_below_its_level_nothing_is_written():
    out = io.StringIO()
    configure_logging("warning", stream=out, json=True)
    structlog.get_logger().info("probe_answered")
    structlog.get_logger().warning("lane_closed", registry="reg.test")
    line = json.loads(out.getvalue())
    assert {**line, "timestamp": ""} == {"event": "lane_closed", "level": "warning", "registry": "reg.test", "timestamp": ""}
    assert line["timestamp"].endswith("Z")


def test_a_level_that_is_none_is_refused():
    with pytest.raises(KeyError):
        configure_logging("chatty")


def test_event_names_are_facts():
    assert [name for name in EVENTS if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []


def test_a_planted_leak_is_found(stream, canary, monkeypatch):
    monkeypatch.setattr(logs, "mask", lambda text, shapes: text)
    monkeypatch.setattr(logs, "_is_secret_key", lambda key: False)
    structlog.get_logger().info("probe_answered", secret="kestrel")
    assert "kestrel" in stream.getvalue()
