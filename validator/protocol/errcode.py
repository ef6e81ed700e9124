"""What the body of a refused request says: its shape, a known code, and its words.

Pure and total. The body decides, not its `Content-Type`: NGC sends JSON as text/plain. registries/README.md 2.5.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from validator.protocol.base import NOT_JSON, clean_text, closed_json, parse_json

MAX_BODY: Final = 64 * 1024
MAX_TEXT: Final = 500

CODES: Final = (
    # the order of registries/README.md 2.5: the first that is there wins
    "TOOMANYREQUESTS",
    "DENIED",
    "UNAUTHORIZED",
    "NAME_UNKNOWN",
    "NAME_INVALID",
    "MANIFEST_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_UNVERIFIED",
    "TAG_INVALID",
    "DIGEST_INVALID",
    "BLOB_UNKNOWN",
    "SIZE_INVALID",
    "RANGE_INVALID",
    "UNSUPPORTED",
    "UNAVAILABLE",
    "UNKNOWN",
    # vendors' own
    "PROJECTPOLICYVIOLATION",  # Harbor
    "FORBIDDEN",  # Harbor, NGC
    "NOT_FOUND",  # Harbor
    "INVALID_REQUEST",
    "BAD_REQUEST",
    "PAYMENT_REQUIRED",  # NGC
    "UNAVAILABLE_FOR_LEGAL_REASONS",
    "INTERNAL_ERROR",
    "SERVICE_UNAVAILABLE",
)

_RANKS: Final = {code: rank for rank, code in enumerate(CODES)}

OAUTH_CODES: Final = frozenset(
    {
        # RFC 6750 3.1, RFC 6749 5.2 and 4.1.2.1
        "invalid_request",
        "invalid_token",
        "insufficient_scope",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
        "unauthorized",
    }
)


Hide: TypeAlias = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


class BodyShape(StrEnum):
    """What a body looks like."""

    EMPTY = "empty"
    ERRORS = "errors"
    """A registry's error object, or one of the kinds that old token servers and vendors send in its place."""
    OAUTH = "oauth"
    JSON = "json"
    HTML = "html"
    """Markup: a web page, a proxy's, a firewall's, a storage's XML."""
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """What an error's body says.

    `code` is the first known one by the order of CODES, `codes` all known ones in the body's order, `oauth` a known
    `error` of OAuth: nothing else of a body is kept as a code, for it may echo a secret. `text` is cleaned words of at
    most MAX_TEXT characters, cut between words; it is remote, and to be masked before anybody sees it.
    """

    shape: BodyShape
    code: str | None = None
    codes: tuple[str, ...] = ()
    oauth: str | None = None
    text: str = ""


def read_error(body: bytes, content_type: str | None, *, hide: Hide = _as_it_is, cut: bool = False) -> ErrorBody:
    """What `body` says; at most MAX_BODY bytes of it are read. `content_type` counts only where the body does not tell.

    `hide` masks secrets in each of its sentences before anything is cut or cleaned: half a secret could not be told.
    `cut`: it is the front of a longer body.
    """
    raw = body[:MAX_BODY]
    value = parse_json(closed_json(raw) if cut else raw, leading=True)
    if value is not NOT_JSON:
        return _read_json(value, hide)
    text = raw.decode("utf-8-sig", "replace").strip()
    if not text:
        return ErrorBody(shape=BodyShape.EMPTY)
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if text.startswith("<") or media_type in ("text/html", "application/xhtml+xml"):
        return ErrorBody(shape=BodyShape.HTML, text=_words([_visible(text)], hide))
    return ErrorBody(shape=BodyShape.TEXT, text=_words([text], hide))


_ERRORS: Final = ("errors", "details", "detail", "message", "requestStatus")
_SENTENCES: Final = ("message", "details", "detail", "description", "error_description", "statusDescription", "title", "reason")


def _read_json(value: object, hide: Hide) -> ErrorBody:
    if not isinstance(value, dict):
        return ErrorBody(shape=BodyShape.JSON, text=_words([value] if isinstance(value, str) else [], hide))
    if "errors" not in value and "error" in value:
        shape = BodyShape.OAUTH
    else:
        shape = BodyShape.ERRORS if any(name in value for name in _ERRORS) else BodyShape.JSON
    said = [error for name in ("errors", "requestStatus", "error") for error in _listed(value.get(name))]
    codes = tuple(dict.fromkeys(code for item in (*said, value) for code in _codes(item)))
    error = value.get("error")
    return ErrorBody(
        shape=shape,
        code=min(codes, key=_RANKS.__getitem__, default=None),
        codes=codes,
        oauth=error.lower() if isinstance(error, str) and error.lower() in OAUTH_CODES else None,
        text=_words([text for item in (*said, value) for text in _sentences(item)], hide),
    )


def _listed(value: object) -> list[object]:
    """The errors of a member that should be a list of objects, and may be a string, one object, or nothing."""
    if isinstance(value, list):
        return value[:100]
    return [] if value is None else [value]


def _codes(item: object) -> Iterator[str]:
    if isinstance(item, dict):
        for name in ("code", "statusCode"):
            code = item.get(name)
            if isinstance(code, str) and code.upper() in _RANKS:
                yield code.upper()


def _sentences(item: object) -> Iterator[str]:
    """The words of one error: itself if it is a string, else its sentences."""
    if isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        yield from (text for name in _SENTENCES if isinstance(text := item.get(name), str))


def _words(texts: list[str], hide: Hide) -> str:
    """`texts`, each once and masked, on one line of at most MAX_TEXT characters, cut between words."""
    line = clean_text("; ".join(hide(text) for text in dict.fromkeys(text.strip() for text in texts if text.strip())))
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT + 1].rpartition(" ")[0]


def _visible(page: str) -> str:
    """The words of a page: no tags, comments, scripts, styles. One pass; what is left open ends it."""
    lower = page.lower()
    if len(lower) != len(page):
        # A few capitals grow when they are folded, and positions would differ.
        page = lower
    words: list[str] = []
    at = 0
    while at < len(page):
        tag = page.find("<", at)
        words.append(page[at : tag if tag >= 0 else len(page)])
        if tag < 0:
            break
        end = _tag_end(lower, tag)
        if end is None:
            break
        at = end
    return html.unescape(" ".join(words))


def _tag_end(lower: str, tag: int) -> int | None:
    """Where the text after the tag (the comment, the whole script or style) at `tag` begins."""
    closing = ">"
    begin = tag
    if lower.startswith("<!--", tag):
        closing = "-->"
    else:
        for name in ("script", "style"):
            if lower.startswith(f"<{name}", tag):
                begin = lower.find(f"</{name}", tag)
                if begin < 0:
                    return None
    end = lower.find(closing, begin)
    return None if end < 0 else end + len(closing)
