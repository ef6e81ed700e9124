"""Tokens of the service: found by their text alone, kept as hashes, gone once revoked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from validator.errors import UsageError
from validator.ledger import Embedded, Ledger
from validator.ledger.tokens import Scope, Token

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


async def test_a_token_is_found_by_its_text_until_it_is_revoked(ledger: Ledger) -> None:
    made, text = await ledger.tokens.create("ci", [Scope.READ, Scope.CHECK], "ann", now=NOW)
    assert made == Token(id=made.id, name="ci", scopes=frozenset({Scope.READ, Scope.CHECK}), user="ann", created_at=NOW)
    assert await ledger.tokens.find(text) == made == await ledger.tokens.by_id(made.id)
    assert await ledger.tokens.all() == (made,)
    assert await ledger.tokens.revoke("ci")
    assert (await ledger.tokens.find(text), await ledger.tokens.by_id(made.id), await ledger.tokens.revoke("ci")) == (None, None, False)


async def test_no_other_text_is_one(ledger: Ledger) -> None:
    _, text = await ledger.tokens.create("ci", [Scope.READ], "*", now=NOW)
    plain = text.get_secret_value()
    other = ("A" if plain[-1] != "A" else "B") + ""
    for wrong in (
        "",
        "x",
        plain[:-1],
        plain + "a",
        plain[:-1] + other,
        plain.upper(),
        f" {plain}",
        plain.replace("vld_", "vlc_"),
        "vld_" + "0" * 16 + plain[20:],
    ):
        assert await ledger.tokens.find(SecretStr(wrong)) is None, wrong


@pytest.mark.of_a_file
async def test_the_database_holds_no_token(embedded: Embedded) -> None:
    made, text = await embedded.ledger.tokens.create("ci", [Scope.ADMIN], "*", now=NOW)
    secret = text.get_secret_value().rpartition(made.id)[2].strip("_")
    folder = embedded.database.path.parent
    assert [path.name for path in folder.iterdir() if path.is_file() and secret.encode() in path.read_bytes()] == []


async def test_a_name_is_taken_once(ledger: Ledger) -> None:
    await ledger.tokens.create("ci", [Scope.READ], "*", now=NOW)
    with pytest.raises(UsageError, match="there is a token ci already"):
        await ledger.tokens.create("ci", [Scope.READ], "ann", now=NOW)
    for name in ("", "a b", "-x", "a" * 65, "ä"):
        with pytest.raises(UsageError, match="a token's name"):
            await ledger.tokens.create(name, [Scope.READ], "ann", now=NOW)
