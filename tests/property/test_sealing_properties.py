"""Laws of sealing: what goes in comes out, and nothing changed or made up is ever taken for it."""

from __future__ import annotations

import base64
import json
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st
from jwcrypto import jwe as other  # type: ignore[import-untyped]
from jwcrypto import jwk
from pydantic import SecretStr

from validator.jwe import opened
from validator.sealing import MasterKeys, Unreadable, judged, key_id, seal, unseal

KEYS = MasterKeys.made()
TOKEN = seal(SecretStr("a secret of some length"), KEYS)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/"


def _opens(token: str) -> bool:
    try:
        unseal(token, KEYS)
    except Unreadable:
        return False
    return True


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_what_is_sealed_comes_back_and_never_twice_alike(text: str):
    first, second = seal(SecretStr(text), KEYS), seal(SecretStr(text), KEYS)
    assert unseal(first, KEYS).get_secret_value() == text
    assert first != second


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(ALPHABET))
def test_no_changed_character_goes_unnoticed(at: int, character: str):
    changed = TOKEN[:at] + character + TOKEN[at + 1 :]
    assert _opens(changed) == (changed == TOKEN)


@given(st.one_of(st.text(max_size=300), st.lists(st.text(ALPHABET, max_size=80), min_size=5, max_size=5).map(".".join)))
def test_any_text_at_all_is_opened_or_unreadable(text: str):
    assert not _opens(text)


def _judged(token: str, keys: MasterKeys) -> bytes | str:
    try:
        return judged(token, keys)
    except Unreadable as error:
        return str(error)


def _agree(token: str, keys: MasterKeys = KEYS) -> bool:
    """Whether the quick way opened it: then to what the library says."""
    plain = opened(token, keys.raw)
    assert plain is None or plain == _judged(token, keys)
    return plain is not None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
@example("")
def test_what_joserfc_and_jwcrypto_seal_is_opened_at_once(text: str):
    key = jwk.JWK(kty="oct", kid=KEYS.current, k=_url(KEYS.by_kid[KEYS.current].raw_value))
    theirs = other.JWE(text.encode(), json.dumps({"alg": "A256GCMKW", "enc": "A256GCM", "kid": KEYS.current}), recipient=key)
    for token in (seal(SecretStr(text), KEYS), theirs.serialize(compact=True)):
        assert _agree(token)
        assert unseal(token, KEYS).get_secret_value() == text


def test_only_its_own_key_opens_it_at_once():
    kid = KEYS.current
    foreign = MasterKeys.read(kid, [{"kty": "oct", "kid": kid, "k": _url(secrets.token_bytes(32))}])
    assert opened(TOKEN, foreign.raw) is None
    assert opened(TOKEN, MasterKeys.made().raw) is None


@given(st.lists(st.tuples(st.integers(0, len(TOKEN)), st.integers(0, 3), st.text(ALPHABET, max_size=3)), min_size=1, max_size=3))
def test_of_a_damaged_token_both_ways_say_the_same(damage: list[tuple[int, int, str]]):
    token = TOKEN
    for at, cut, put in damage:
        token = token[:at] + put + token[at + cut :]
    assert _agree(token) == (token == TOKEN)


parts = st.text(ALPHABET, max_size=60)
ivs = st.one_of(st.binary(min_size=0, max_size=20), st.binary(min_size=12, max_size=12)).map(lambda raw: _url(raw))
FIELDS = ["alg", "enc", "kid", "iv", "tag", "zip", "crit", "typ", "cty", "p2c", "x"]
values = st.one_of(
    st.sampled_from(["A256GCMKW", "A256GCM", "dir", "DEF", "typ", KEYS.current, "other", ""]), ivs, parts, st.integers(), st.none(), st.just(["iv"])
)
headers = st.lists(st.tuples(st.sampled_from(FIELDS), values), max_size=7)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (",\n", ":")])


@given(headers, layouts, st.lists(parts, min_size=4, max_size=4))
def test_of_a_foreign_header_both_ways_say_the_same(fields: list[tuple[str, object]], layout: tuple[str, str], rest: list[str]):
    between, after = layout
    header = "{" + between.join(json.dumps(name) + after + json.dumps(value) for name, value in fields) + "}"
    assert not _agree(".".join([_url(header.encode()), *rest]))


MAKE = ("alg", "enc", "kid", "iv", "tag")


@given(st.permutations(MAKE), layouts, st.sampled_from(["", "typ", "zip", "crit"]), st.sampled_from([8, 12, 16]), st.sampled_from([12, 16]))
@example(list(MAKE), (",", ":"), "", 12, 12)
@example(["alg", "enc", "kid", "iv", "kid", "tag"], (",", ":"), "", 12, 12)
@example(["alg", "enc", "iv", "tag"], (",", ":"), "", 12, 12)
def test_of_a_token_that_another_program_sealed_both_ways_say_the_same(order: list[str], layout: tuple[str, str], more: str, wrap: int, text: int):
    """Sealed by the book under a header of any order and layout, by nonces of any length: what the quick way takes, the library takes, too."""
    content, iv, nonce = secrets.token_bytes(32), secrets.token_bytes(wrap), secrets.token_bytes(text)
    wrapped = AESGCM(KEYS.by_kid[KEYS.current].raw_value).encrypt(iv, content, None)
    said = {"alg": "A256GCMKW", "enc": "A256GCM", "kid": KEYS.current, "iv": _url(iv), "tag": _url(wrapped[32:])}
    fields: list[tuple[str, object]] = [(name, said[name]) for name in order]
    if more:
        fields.append((more, {"typ": "JWT", "zip": "DEF", "crit": ["exp"]}[more]))
    header = _url(("{" + layout[0].join(json.dumps(name) + layout[1] + json.dumps(value) for name, value in fields) + "}").encode())
    sealed = AESGCM(content).encrypt(nonce, b"a secret", header.encode())
    token = ".".join([header, _url(wrapped[:32]), _url(nonce), _url(sealed[:-16]), _url(sealed[-16:])])
    plain = [["alg", "enc", "kid", "iv", "tag"], ["alg", "enc", "iv", "kid", "tag"]]
    assert _agree(token) == (layout == (",", ":") and not more and (wrap, text) == (12, 12) and order in plain)
    assert key_id(token) == (KEYS.current if "kid" in order else "")


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
