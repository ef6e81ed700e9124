"""What hides a secret in a text: by itself while it is in use, by its shape always. Pure but for the context it is kept in.

A token is known by its shape, a password only by itself: while a probe runs, `hiding` holds its secret, and that text is masked in
each form that a registry, a URL, a header or a traceback may give it. Limits: a secret under four characters is masked only as a
whole word, and a password that somebody shows after its probe has ended has no shape to be known by.
"""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

MASK: Final = "***"
SHOWN_QUERY: Final = frozenset({"service", "scope", "n", "last"})
"""Of these the value in a URL's query is shown."""

# Whole words of a challenge or an error that may follow "Basic" or "Bearer" and are no secret.
_PLAIN_WORD: Final = r"(?!(?:realm\s*=|(?:auth|authentication|authorization|challenges?|credentials?|scheme|tokens?)(?![A-Za-z0-9+/=._~-])))"

SHAPES: Final[tuple[re.Pattern[str], ...]] = (
    re.compile(rf"(?i)(?<=basic)\s+{_PLAIN_WORD}[A-Za-z0-9+/=_-]{{6,}}"),  # with its scheme left to be read
    re.compile(rf"(?i)(?<=bearer)\s+{_PLAIN_WORD}[A-Za-z0-9+/=._~-]{{6,}}"),
    re.compile(r"gh[pousr]_[A-Za-z0-9._-]{8,}"),  # also ghs_APPID_JWT of 520 characters, dots and all (registries/ghcr.md 2)
    re.compile(r"github_pat_[A-Za-z0-9_]{8,}"),
    re.compile(r"eyJ[A-Za-z0-9_-]{6,}[A-Za-z0-9_.-]*"),  # JWS, JWE, or a piece of one
    re.compile(r"vld_[0-9a-f]{16}_[A-Za-z0-9_-]{20,}"),  # our own (ledger/tokens.py)
    re.compile(r"nvapi-[A-Za-z0-9_-]{8,}"),  # may end in "-" (registries/ngc.md 2)
    re.compile(r"dckr_[a-z]{2,8}_[A-Za-z0-9_-]{8,}"),
    re.compile(r"gl(?:pat|dt|cbt|rtr?|ptt|ft|imt|agent|oas|soat|ffct|wt)-[\w.\-]{8,300}"),  # routable ones hold dots (gitlab.md 2)
    re.compile(r"(?<![a-z])gl(?!obal-)[a-z]+-[\w.\-]{20,300}"),
    re.compile(r"GR1348941[\w-]{8,}"),
    re.compile(r"AKCp[A-Za-z0-9]{10,}"),
    re.compile(r"cmVmdGtu[A-Za-z0-9]{10,}"),
    re.compile(r"ya29\.[A-Za-z0-9_.-]{8,}"),
    re.compile(r"do[opr]_v1_[a-f0-9]{8,}"),
    re.compile(r"zak_[A-Za-z0-9_-]{16,}"),
    re.compile(r"-----BEGIN (?:[A-Z]{1,10} )?PRIVATE KEY-----[^-]{8,}"),
    re.compile(r"[A-Za-z0-9+/]{42}\+ACR[A-Za-z0-9]{6}"),
    re.compile(r"(?<![0-9A-Z])(?=[0-9]*[A-Z])(?=[A-Z]*[0-9])[0-9A-Z]{64}(?![0-9A-Z])"),  # a Quay robot's (registries/others.md 1)
    # The old NGC key, base64 of "<id>:<uuid>", has no prefix: any long run with upper, lower and digit, never a hex digest.
    re.compile(r"(?<![A-Za-z0-9+/])(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])(?=[A-Za-z+/]*[0-9])(?![0-9a-fA-F]+\b)[A-Za-z0-9+/]{52,}={0,2}"),
)
"""What a token looks like in any text; more may be handed to `configure_logging`, from the providers' token kinds."""

_USERINFO: Final = re.compile(r"(?<=://)[^\s/?#@\"'<>]*@")
_QUERY_VALUE: Final = re.compile(r"(?<=[?&])([\w.~%\[\]-]{1,100})=([^&\s#\"'<>]+)")
_URL_IN_TEXT: Final = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>]+", re.IGNORECASE)
_JSON_PAIR: Final = re.compile(
    r"(?i)([\"'](?:access_?token|refresh_?token|id_?token|identitytoken|registrytoken|token|password|secret|auth)[\"']\s*:\s*[\"'])[^\"']+"
)
_ASSIGNED: Final = re.compile(r"(?i)\b((?:password|passwd|secret|access_token|api_?key)=)[^\s&;,\"']+")
_NO_WORD: Final = 12
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+")
"""Characters that quoting for URLs, JSON, Python and HTML leaves as they are."""


class Hidden:
    """The secrets that are in use right now. Their forms are worked out when the first text is looked at: most probes show none."""

    __slots__ = ("_before", "_forms", "_secret", "_username")

    def __init__(self, before: Hidden | None = None, secret: SecretStr | None = None, username: str = "") -> None:
        self._before = before
        self._secret = secret
        self._username = username
        self._forms: tuple[SecretStr, ...] | None = None

    def __bool__(self) -> bool:
        return self._secret is not None

    def forms(self) -> tuple[SecretStr, ...]:
        """Every form of every one of them, the longest first."""
        if self._forms is None:
            own = _forms(self._secret.get_secret_value(), self._username) if self._secret is not None else set()
            before = self._before.forms() if self._before is not None else ()
            known = {form.get_secret_value() for form in before}
            made = [*before, *(SecretStr(form) for form in own - known)]
            self._forms = tuple(sorted(made, key=len, reverse=True))
        return self._forms

    def may_stand_in(self, text: str) -> bool:
        """False if surely no form of any of them stands in `text`, which is told without working them out."""
        own = self._secret is not None and _may_stand_in(text, self._secret.get_secret_value(), self._username)
        return own or (self._before is not None and self._before.may_stand_in(text))


known_secrets: ContextVar[Hidden] = ContextVar("known_secrets", default=Hidden())  # noqa: B039  # it never changes
"""The secrets that are in use right now, in this task and those that it starts."""


@contextmanager
def hiding(secret: SecretStr, username: str = "") -> Iterator[None]:
    """While this is open, `mask` and the logs hide `secret` in every form of `_forms`; may be nested."""
    reset = known_secrets.set(Hidden(known_secrets.get(), secret, username))
    try:
        yield
    finally:
        known_secrets.reset(reset)


def hide_too(secret: SecretStr, username: str = "") -> None:
    """Hides `secret` as well until the `hiding` around this ends; where none is open, nothing: it would never end."""
    known = known_secrets.get()
    if known:
        known_secrets.set(Hidden(known, secret, username))


def _forms(secret: str, username: str) -> set[str]:
    """`secret` plain, base64 (alone, and as a Basic field with `username`), URL-quoted, and as JSON, Python and HTML write it."""
    if not secret.strip():
        return set()
    forms: set[str] = set()
    for text in {secret, secret.strip()}:
        raw = text.encode("utf-8", "surrogatepass")
        basic = f"{username}:{text}".encode("utf-8", "surrogatepass")
        for encoded in (encode(value).decode() for encode in (b64encode, urlsafe_b64encode) for value in (raw, basic)):
            forms |= {encoded, encoded.rstrip("=")}
        forms.add(text)
        if _PLAIN.fullmatch(text) is None:
            quoted = (quote(raw, safe=""), quote(raw), quote_plus(raw))
            forms |= {*quoted, *(re.sub("%..", lambda code: code[0].lower(), form) for form in quoted)}
            forms |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], html.escape(text)}
    return forms


def _may_stand_in(text: str, secret: str, username: str) -> bool:
    """False if none of `_forms` stands in `text`: none is shorter than the secret, and all hold its longest plain run but those in base64."""
    bare = secret.strip()
    if not bare or len(text) < len(bare):
        return False
    if max(_PLAIN.findall(bare), key=len, default="") in text:
        return True
    wire = text.replace("-", "+").replace("_", "/")
    sent = {value.encode("utf-8", "surrogatepass") for one in (secret, bare) for value in (one, f"{username}:{one}")}
    return any(b64encode(raw).decode().rstrip("=") in wire for raw in sent)


def mask(text: str, shapes: Sequence[re.Pattern[str]] = SHAPES) -> str:
    """`text` without any secret that is known (`hiding`) or looks like one, and without passwords and query values in URLs.

    Total, and the same again when applied twice. What is left may still be anybody's text: escape it for its channel.
    """
    return mask_shapes(mask_known(text), shapes) if text else text


def mask_known(text: str) -> str:
    """`text` without any secret that is known (`hiding`)."""
    known = known_secrets.get()
    for hidden in known.forms() if known.may_stand_in(text) else ():
        form = hidden.get_secret_value()
        text = text.replace(form, MASK) if len(form) >= 4 else re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MASK, text)
    return text


def mask_shapes(text: str, shapes: Sequence[re.Pattern[str]] = SHAPES) -> str:
    """`text` without what looks like a secret: the same for the same text, whatever is known."""
    if "://" in text:
        text = _URL_IN_TEXT.sub(lambda url: _QUERY_VALUE.sub(_shown_value, _USERINFO.sub(f"{MASK}@", url[0])), text)
    for shape in shapes:
        text = shape.sub(_masked, text)
    return _ASSIGNED.sub(rf"\g<1>{MASK}", _JSON_PAIR.sub(rf"\g<1>{MASK}", text))


def _masked(found: re.Match[str]) -> str:
    return f" {MASK}" if found[0][0].isspace() else MASK


def holds_secret(text: str) -> bool:
    """True if a secret that is known (`hiding`) stands in `text`; forms so short that a word may be one are not looked for."""
    return any(len(form) >= _NO_WORD and form.get_secret_value() in text for form in known_secrets.get().forms())


def _shown_value(pair: re.Match[str]) -> str:
    return pair[0] if pair[1] in SHOWN_QUERY else f"{pair[1]}={MASK}"
