"""Scopes: the name may hold a colon, the order means nothing."""

from __future__ import annotations

import pytest

from validator.protocol.scope import Access, parse_scope_text, pull_scope

CASES: dict[str, tuple[str, tuple[Access, ...]]] = {
    "one": ("repository:a/b:pull", (Access("repository", "a/b", frozenset({"pull"})),)),
    "port in the name": ("repository:h.test:5000/a:pull,push", (Access("repository", "h.test:5000/a", frozenset({"pull", "push"})),)),
    "merged, sorted": (
        "repository:b:push repository:a:pull repository:b:pull",
        (Access("repository", "a", frozenset({"pull"})), Access("repository", "b", frozenset({"pull", "push"}))),
    ),
    "class stays": ("repository(plugin):a:pull", (Access("repository(plugin)", "a", frozenset({"pull"})),)),
    "SEC-20 catalog": ("registry:catalog:*", (Access("registry", "catalog", frozenset({"*"})),)),
    "no action": ("repository:a:", (Access("repository", "a", frozenset()),)),
    "empty": ("", ()),
    "not a resource": ("pull a:b *", ()),
    "nameless": ("repository::pull :a:pull", ()),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_scopes_are_read(text: str, expected: tuple[Access, ...]) -> None:
    assert parse_scope_text(text) == expected


def test_we_ask_to_pull_and_never_to_push() -> None:
    assert pull_scope("org/app") == "repository:org/app:pull"
    assert parse_scope_text(pull_scope("org/app")) == (Access("repository", "org/app", frozenset({"pull"})),)
    assert str(Access("repository", "a", frozenset({"push", "pull"}))) == "repository:a:pull,push"
