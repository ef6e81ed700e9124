"""Logs as events and fields, cleaned of every secret before they are written; `mask` for texts that go elsewhere.

The first line is that nobody logs a secret; this is the second. It runs after exceptions became text, just before the
renderer, over our own events and over the libraries' (`logging`). A token is known by its shape, a password only by
itself: while a probe runs, `hiding` holds its secret, and that text is masked in each form that a registry, a URL, a
header or a traceback may give it. Limits: a secret under four characters is masked only as a whole word, and a
password that somebody logs after its probe has ended has no shape to be known by.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final, TextIO, cast

import structlog
from pydantic import SecretStr
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger
from yarl import URL

from validator.masking import (
    MASK,
    SHAPES,
    SHOWN_QUERY,
    Hidden,
    hide_too,
    hiding,
    holds_secret,
    known_secrets,
    mask,
    mask_known,
    mask_shapes,
)

__all__ = [
    "EVENTS",
    "MASK",
    "SHAPES",
    "Hidden",
    "Redactor",
    "configure_logging",
    "hide_too",
    "hiding",
    "holds_secret",
    "known_secrets",
    "mask",
    "mask_known",
    "mask_shapes",
    "shown_url",
]

EVENTS: Final = frozenset(
    {
        "anyone_accepted",
        "backup_written",
        "budget_spent",
        "canary_failed",
        "certificate_read",
        "challenge_forgotten",
        "config_loaded",
        "control_answered",
        "credential_deleted",
        "credential_died",
        "credential_imported",
        "credential_recovered",
        "credential_stored",
        "exchange_answered",
        "exchange_failed",
        "fault_caught",
        "job_failed",
        "job_stalled",
        "key_file_unreadable",
        "key_made",
        "key_rotated",
        "lane_closed",
        "lane_finished",
        "lane_given_back",
        "lane_quarantined",
        "lane_resumed",
        "lane_started",
        "ledger_migrated",
        "library_logged",
        "notice_delayed",
        "notice_failed",
        "notice_outdated",
        "notice_sent",
        "notice_unclear",
        "notice_undeliverable",
        "notice_written",
        "osmo_settings_unread",
        "preflight_answered",
        "osmo_credential_failed",
        "probe_answered",
        "queue_lost",
        "registry_unjudged",
        "request_answered",
        "row_unreadable",
        "server_started",
        "server_stopped",
        "status_changed",
        "store_opened",
        "sweep_finished",
        "sweep_resumed",
        "sweep_started",
        "sweep_stopped",
        "token_created",
        "token_revoked",
        "worker_started",
        "worker_stopped",
    }
)
"""Every event that is ever logged: a fact in the past tense; all else is fields. A test holds the calls against it."""

_SECRET_KEYS: Final = frozenset(
    {
        "api_key", "apikey", "auth", "auths", "authorization", "cookie", "dsn", "grant", "identitytoken", "k", "key_material",
        "meks", "passphrase", "password", "payload", "private_key", "proxy_authorization", "registrytoken", "secret", "set_cookie",
        "token", "x_api_key",
    }
)  # fmt: skip
_SECRET_ENDINGS: Final = ("_password", "_secret", "_token", "_api_key")
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}  # a tab and a line end stay


def shown_url(url: URL) -> str:
    """`url` for a log: no userinfo, no fragment; query values only of `service`, `scope`, `n` and `last`."""
    bare = url.with_fragment(None)
    if bare.absolute:
        bare = bare.with_user(None)
    shown = [(key, value if key in SHOWN_QUERY else MASK) for key, value in url.query.items()]
    return str(bare.with_query(shown))


class Redactor:
    """The structlog processor that runs last before the renderer: every key and value of an event, however deep."""

    def __init__(self, shapes: Sequence[re.Pattern[str]] = SHAPES) -> None:
        self._shapes = tuple(shapes)

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        return {self._text(key): self._own(key, value) for key, value in event.items()}

    def _own(self, key: str, value: object) -> object:
        """Our own words stay readable, whatever the secret of the moment is: the event, its level, its time."""
        if key in ("level", "timestamp") or (key == "event" and value in EVENTS):
            return value
        return MASK if _is_secret_key(key) else self.clean(value)

    def clean(self, value: object, depth: int = 20) -> object:
        """`value` as plain JSON values without a secret; what is nested deeper than `depth` is masked as a whole."""
        if depth == 0:
            return MASK
        match value:
            case SecretStr() | bytes() | bytearray() | memoryview():
                return MASK
            case URL():
                return self._text(shown_url(value))
            case str():
                return self._text(value)
            case Mapping():
                return {self._text(str(key)): MASK if _is_secret_key(str(key)) else self.clean(item, depth - 1) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.clean(item, depth - 1) for item in value]
            case bool() | int() | float() | None:
                return value
            case _:
                return self._text(str(value))

    def _text(self, text: str) -> str:
        return mask(text, self._shapes).encode("utf-8", "backslashreplace").decode().translate(_CONTROL)


class Unfailing(io.TextIOBase):
    """`stream` for a log: a reader that went away, a full disk or a stream that never was (None) loses lines, and ends nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Written, if it can be."""
        self._tried("write", text)
        return len(text)

    def flush(self) -> None:
        """What was written is on its way, if it can be."""
        self._tried("flush")

    def isatty(self) -> bool:
        """True for a terminal."""
        return self._stream is not None and self._stream.isatty()

    def _tried(self, what: str, *arguments: str) -> None:
        try:
            getattr(self._stream, what, lambda *_: None)(*arguments)
        except (OSError, ValueError):  # ValueError: it is closed
            return


def _is_secret_key(key: str) -> bool:
    name = key.lower().replace("-", "_")
    return name in _SECRET_KEYS or name.endswith(_SECRET_ENDINGS)


def _of_a_library(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """A library's sentence becomes a field: its event is `library_logged`."""
    record: logging.LogRecord = event["_record"]
    return {**event, "event": "library_logged", "logger": record.name, "text": event["event"]}


def configure_logging(level: str, *, stream: TextIO | None = None, json: bool = False, shapes: Sequence[re.Pattern[str]] = ()) -> None:
    """Send events of `level` (debug, info, warning, error) and above to `stream` (stderr) as JSON lines or as lines for people.

    `shapes` are looked for beside SHAPES. The libraries' `logging` goes the same way, from warning on. Raises KeyError
    for another level. May be called again; loggers that are bound already follow.
    """
    number = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}[level.lower()]
    out = cast(TextIO, Unfailing(stream if stream is not None else sys.stderr))
    tracebacks: Processor
    renderer: Processor
    if json:
        tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))  # True is the default
        renderer = structlog.processors.JSONRenderer(sort_keys=True)
    else:
        tracebacks = structlog.processors.format_exc_info
        renderer = structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Processor] = [tracebacks, Redactor((*shapes, *SHAPES)), renderer]
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, _of_a_library], processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after]
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it logs whole URLs, passwords too, at error
