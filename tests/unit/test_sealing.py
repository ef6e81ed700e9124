"""Sealing: OSMO's own vectors, the reference implementation both ways, and every way in which a token can be wrong."""

from __future__ import annotations

import base64
import hmac
import json
import stat
from pathlib import Path

import pytest
from jwcrypto import jwe as reference  # type: ignore[import-untyped]  # it ships no types
from jwcrypto import jwk
from pydantic import SecretStr

from validator.errors import StoreError
from validator.sealing import Fingerprinter, MasterKeys, Unreadable, Why, load_master_keys, make_master_keys, seal, unseal

MEK = {"k": "++++//vvvv/7777/++++//vvvv/7777/++++//vvvv8=", "kid": "key1", "kty": "oct"}
UEK_KID = "0123456789abcdef0123456789abcdef"
UEK = {"k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "kid": UEK_KID, "kty": "oct"}
WRAPPED_UEK = (
    "eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwiaXYiOiJkUE1LaXNJbFVPUXU5ZnlIIiwia2lkIjoia2V5MSIsInRhZyI6Ik9Ga25FdHJVbS15Z0VNXzloNVo0S2cifQ"
    ".syGp5VQYujoaotDDPTKem1tPzG96pb3AiZpouaCFN_s.mSKsg2asYnSQD5ZI"
    ".xij63Rt7rQDU7NPq0uD0MJYMIjL9yoXBt8Di4tfzhUc0-ts_fz4yau1vglo4dcX_Mq3OY2Fs1O8VJFEKbebijNWtb1IwWq9FD-tE93mLufJo1D1_fA_"
    "q2cTFV49gUEX8iQBZsA2vFFI.yAuJ4EPmVT1MP6yMmeMv6w"
)
_UEK_HEADER = "eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIiwiaXYiOiJ"
SEALED_SECRET = (
    _UEK_HEADER + "YZ3lmcGJkbkpuMzJrLXZqIiwia2lkIjoiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0"
    "NTY3ODlhYmNkZWYiLCJ0YWciOiIzOHc5bDVCUW1ORUpYM3VtTk4taTFBIn0"
    ".oT4lOxi9TkjjEib5i1nujUPvt8H2q8oIQ0zJpHUtImw.LXuoOgRnzxvWiBXd.MeILpQ-My-Rr43x-upAM-k_qX8KdMumq82XQNw.PNJaIjhLpeb30t_nn22qzQ"
)
SEALED_EMPTY = (
    _UEK_HEADER + "WVS1RM0F6T1VpbDBxcTkyIiwia2lkIjoiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0"
    "NTY3ODlhYmNkZWYiLCJ0YWciOiJSNkt3LTViaWh4aE9XcHNOWG1lanZRIn0"
    ".mZom2i6pQyGZsFhhnRqpWkUEApLP3Jg9QizxE5O2Niw.X6LjCD77ymhwdRb7..uE1q_TQv_ZqThUbq4O3WnQ"
)
USER_KEYS = MasterKeys.read(UEK_KID, [UEK])
VECTORS = {
    "a user's key under the master key": (WRAPPED_UEK, MasterKeys.read("key1", [MEK]), json.dumps(UEK, separators=(",", ":"))),
    "a secret under the user's key": (SEALED_SECRET, USER_KEYS, "nvapi-EXAMPLE-not-a-real-key"),
    "an empty text, which jwcrypto cannot read back": (SEALED_EMPTY, USER_KEYS, ""),
}
TEXTS = {
    "ascii": "nvapi-0123",
    "not ascii": "pässwörd 🔑",
    "4 KiB": "x" * 4096,
    "a token in a token": SEALED_SECRET,
    "line ends": "a\r\nb\n",
}


@pytest.mark.parametrize(("token", "keys", "text"), VECTORS.values(), ids=VECTORS.keys())
def test_osmos_vectors_are_read(token, keys, text):
    assert unseal(token, keys).get_secret_value() == text


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_jwcrypto_reads_what_we_seal(text):
    token = reference.JWE(algs=["A256GCMKW", "A256GCM"])
    token.deserialize(seal(SecretStr(text), USER_KEYS), jwk.JWK(**UEK))
    assert token.payload.decode() == text
    assert json.loads(token.objects["protected"])["kid"] == UEK_KID


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_we_read_what_jwcrypto_seals(text):
    header = json.dumps({"alg": "A256GCMKW", "enc": "A256GCM", "kid": UEK_KID})
    token = reference.JWE(text.encode(), header, algs=["A256GCMKW", "A256GCM"])
    token.add_recipient(jwk.JWK(**UEK))
    assert unseal(token.serialize(compact=True), USER_KEYS).get_secret_value() == text


def test_an_empty_text_comes_back():
    assert unseal(seal(SecretStr(""), USER_KEYS), USER_KEYS).get_secret_value() == ""


def _with_header(**changes: object) -> str:
    head, _, rest = SEALED_SECRET.partition(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) | changes
    text = json.dumps({name: value for name, value in header.items() if value is not None}).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=") + "." + rest


def _flipped(part: int) -> str:
    parts = SEALED_SECRET.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    raw[-1] ^= 1
    parts[part] = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    return ".".join(parts)


WRONG = {
    "encrypted key": (_flipped(1), Why.BROKEN),
    "nonce": (_flipped(2), Why.BROKEN),
    "text": (_flipped(3), Why.BROKEN),
    "tag": (_flipped(4), Why.BROKEN),
    "header that is no JSON any more": (_flipped(0), Why.NOT_SEALED),
    "header's nonce": (_with_header(iv="AAAAAAAAAAAAAAAA"), Why.BROKEN),
    "header's nonce is a number": (_with_header(iv=1), Why.BROKEN),
    "header without a tag": (_with_header(tag=None), Why.BROKEN),
    "header written anew": (_with_header(), Why.BROKEN),
    "alg dir": (_with_header(alg="dir"), Why.NOT_ALLOWED),
    "alg none": (_with_header(alg="none"), Why.NOT_ALLOWED),
    "alg A256KW": (_with_header(alg="A256KW"), Why.NOT_ALLOWED),
    "enc A128CBC-HS256": (_with_header(enc="A128CBC-HS256"), Why.NOT_ALLOWED),
    "zip": (_with_header(zip="DEF"), Why.NOT_ALLOWED),
    "crit": (_with_header(crit=["exp"]), Why.NOT_ALLOWED),
    "no kid": (_with_header(kid=None), Why.UNKNOWN_KEY),
    "another kid": (_with_header(kid="other"), Why.UNKNOWN_KEY),
    "kid is a list": (_with_header(kid=["a"]), Why.UNKNOWN_KEY),
    "a character beyond the encoding": (SEALED_SECRET[:-1] + "R", Why.NOT_SEALED),
    "padding": (SEALED_SECRET + "==", Why.NOT_SEALED),
    "white space": (SEALED_SECRET + "\n", Why.NOT_SEALED),
    "four parts": (SEALED_SECRET.rpartition(".")[0], Why.NOT_SEALED),
    "six parts": (SEALED_SECRET + ".AAAA", Why.NOT_SEALED),
    "plain text": ("dckr_pat_plain", Why.NOT_SEALED),
    "nothing": ("", Why.NOT_SEALED),
    "not ascii": ("é.é.é.é.é", Why.NOT_SEALED),
    "deep JSON": (base64.urlsafe_b64encode(b"[" * 20000).decode().rstrip("=") + ".AAAA.AAAA.AAAA.AAAA", Why.NOT_SEALED),
    "too long": ("A" * (64 * 1024 + 1), Why.TOO_LONG),
}


@pytest.mark.parametrize(("token", "why"), WRONG.values(), ids=WRONG.keys())
def test_whatever_is_wrong_with_a_token_it_is_unreadable_and_says_why(token, why):
    with pytest.raises(Unreadable) as caught:
        unseal(token, USER_KEYS)
    assert caught.value.reason is why


def test_another_key_of_the_same_id_does_not_open_it():
    other = MasterKeys.read(UEK_KID, [UEK | {"k": MEK["k"]}])
    with pytest.raises(Unreadable) as caught:
        unseal(SEALED_SECRET, other)
    assert (caught.value.reason, caught.value.kid) == (Why.BROKEN, UEK_KID)


def test_an_id_that_is_no_id_is_not_repeated():
    with pytest.raises(Unreadable) as caught:
        unseal(_with_header(kid="a b\x1b[31m"), USER_KEYS)
    assert "\x1b" not in str(caught.value)


def test_an_older_key_still_opens_and_the_current_one_seals():
    both = MasterKeys.read("key1", [UEK, MEK])
    assert unseal(SEALED_SECRET, both).get_secret_value() == "nvapi-EXAMPLE-not-a-real-key"
    assert unseal(seal(SecretStr("new"), both), MasterKeys.read("key1", [MEK])).get_secret_value() == "new"


@pytest.mark.parametrize("text", ["x" * (32 * 1024 + 1), "a\udcffsecret"], ids=["too long", "not UTF-8"])
def test_what_could_not_be_read_back_is_not_sealed(text):
    with pytest.raises(StoreError) as caught:
        seal(SecretStr(text), USER_KEYS)
    assert text not in str(caught.value)


def test_no_key_shows_in_a_repr():
    shown = repr(USER_KEYS) + str(USER_KEYS)
    assert "AAECAwQF" not in shown


def test_a_key_file_is_made_private_and_read_back(tmp_path: Path):
    path = tmp_path / "a" / "b" / "master.key"
    made = make_master_keys(path)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert [p.name for p in path.parent.iterdir()] == ["master.key"]
    assert unseal(seal(SecretStr("x"), made), load_master_keys(path)).get_secret_value() == "x"


def test_a_key_file_that_is_there_is_never_replaced(tmp_path: Path):
    path = tmp_path / "master.key"
    make_master_keys(path)
    before = path.read_bytes()
    assert make_master_keys(path).text().encode() == before
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode):
    path = tmp_path / "master.key"
    make_master_keys(path)
    path.chmod(mode)
    with pytest.raises(StoreError, match="may be read or written by others; do `chmod 600"):
        load_master_keys(path)


_K = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
FILES = {
    "empty": (b"", "it needs `current: KID`"),
    "the key alone": (_K.encode(), "it needs `current: KID`"),
    "broken yaml": (b"current: [" + _K.encode(), "neither YAML nor JSON"),
    "not text": (b"\xff\xfe" + _K.encode(), "is not UTF-8 text"),
    "a control character": (b"current: \x00" + _K.encode(), "neither YAML nor JSON"),
    "another file": (f"keys: {{x: {_K}}}".encode(), "it needs `current: KID`"),
    "no current": (f"current: b\nkeys: [{{kty: oct, kid: a, k: {_K}}}]".encode(), "`current` names none"),
    "a short key": (b"current: a\nkeys: [{kty: oct, kid: a, k: AAEC}]", "has 3 bytes, not 32"),
    "no base64": (b"current: a\nkeys: [{kty: oct, kid: a, k: '!!AAECAwQFBgcICQ'}]", "is not base64"),
    "kid is a number": (f"current: '1'\nkeys: [{{kty: oct, kid: 1, k: {_K}}}]".encode(), "key 1 is not a JWK"),
    "another type": (f"current: a\nkeys: [{{kty: RSA, kid: a, k: {_K}}}]".encode(), "key 1 is not a JWK"),
    "two of one id": (
        f"current: a\nkeys: [{{kty: oct, kid: a, k: {_K}}}, {{kty: oct, kid: a, k: {_K}}}]".encode(),
        "two keys have the id a",
    ),
    "too long": (b"#" * (1024 * 1024 + 1), "longer than 1 MiB"),
    "deep": (b"[" * 100_000, "neither YAML nor JSON"),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES.keys())
def test_a_key_file_that_cannot_be_used_is_one_sentence_without_the_key(tmp_path: Path, content, words):
    path = tmp_path / "master.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        load_master_keys(path)
    said = str(caught.value)
    assert words in said
    assert str(path) in said
    assert "\n" not in said
    assert "AAECAwQF" not in said


def test_a_key_file_of_ours_may_be_yaml_with_standard_base64(tmp_path: Path):
    path = tmp_path / "master.key"
    path.touch(mode=0o600)
    path.write_text(f"# the key of OSMO's guide\ncurrent: key1\nkeys:\n  - kty: oct\n    kid: key1\n    k: {MEK['k']}\n")
    assert unseal(WRAPPED_UEK, load_master_keys(path)).get_secret_value().startswith('{"k":')


@pytest.mark.parametrize(("make", "words"), [(lambda p: None, "is missing"), (lambda p: p.mkdir(), "is not a file")], ids=["missing", "a folder"])
def test_no_key_file_is_one_sentence(tmp_path: Path, make, words):
    path = tmp_path / "master.key"
    make(path)
    with pytest.raises(StoreError, match=words):
        load_master_keys(path)


def test_a_key_file_where_none_can_be_made_is_one_sentence():
    with pytest.raises(StoreError, match="cannot be made"):
        make_master_keys(Path("/proc/nowhere/master.key"))


def test_fingerprints_tell_parts_keys_and_kinds_apart():
    first, second = Fingerprinter(b"k" * 32), Fingerprinter(b"j" * 32)
    made = [
        first.of("nvcr.io", "ab", SecretStr("c")),
        first.of("nvcr.io", "a", SecretStr("bc")),
        first.of("nvcr.i", "oab", SecretStr("c")),
        second.of("nvcr.io", "ab", SecretStr("c")),
        first.name("nvcr.io", "ab"),
        first.name("nvcr.io", "abc"),
    ]
    assert len(set(made)) == len(made)
    assert first.of("nvcr.io", "ab", SecretStr("c")) == made[0]
    assert all(len(one) == 64 for one in made)


@pytest.mark.parametrize("key", [b"k" * 32, b"longer than a block of SHA-256 " * 3])
def test_a_fingerprint_is_an_hmac_that_anybody_can_work_out_who_has_the_key(key):
    parts = ["secret", "nvcr.io", "$oauthtoken", "a sécret"]
    message = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    assert Fingerprinter(key).of(parts[1], parts[2], SecretStr(parts[3])) == hmac.new(key, message, "sha256").hexdigest()


def test_a_short_fingerprint_key_is_refused():
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Fingerprinter(SecretStr("short"))
