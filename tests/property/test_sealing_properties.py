"""Laws of sealing: what goes in comes out, and nothing changed or made up is ever taken for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from validator.sealing import MasterKeys, Unreadable, seal, unseal

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
