"""What `credential set` and `credential import` read: a payload's words, or JSON lines. Nothing of a value is ever repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from validator.cli.base.running import read_input
from validator.cli.base.secret import from_file, from_stdin
from validator.credential import Credential, UnreadableRegistry, canonical_host, parse_scope
from validator.errors import UsageError
from validator.protocol.reference import InvalidReference, Reference, parse_reference

KEYS: Final = ("registry", "username", "auth")
FIELDS: Final = ("user", "name", *KEYS)
NAME: Final = re.compile(r"[a-zA-Z]([a-zA-Z0-9_-]*[a-zA-Z0-9])?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One credential to store; `line` is where it stands in an imported file, 0 otherwise."""

    credential: Credential
    line: int = 0


def read_payload(words: Sequence[str], type_: str) -> tuple[dict[str, SecretStr], bool]:
    """The payload's values by key, and whether a secret was typed on the command line. Raises UsageError."""
    if type_.upper() != "REGISTRY":
        raise UsageError("--type must be REGISTRY: other types are not for images.")
    found: dict[str, SecretStr] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise UsageError("--payload takes registry=R username=U auth=S, and nothing else; one word of it has another key.")
        if key in found:
            raise UsageError(f"--payload names {key} twice; keep one.")
        found[key] = SecretStr(value)
    missing = [key for key in KEYS if key not in found]
    if missing:
        raise UsageError(f"--payload lacks {' and '.join(missing)}: write --payload registry=R username=U auth=S.")
    auth = found["auth"].get_secret_value()
    if auth == "-":
        found["auth"] = from_stdin()
    elif auth.startswith("@"):
        found["auth"] = from_file(Path(auth[1:]))
    return found, auth != "-" and not auth.startswith("@")


def entry_of(name: str, user: str, values: Mapping[str, SecretStr], *, force: bool, line: int = 0) -> Entry:
    """The credential that these values make. Raises UsageError for what can never be stored, or only by `--force`."""
    where = f"line {line}: " if line else ""
    unfit = [key for key, text in (("user", user), *((key, values[key].get_secret_value()) for key in KEYS)) if not _is_text(text)]
    if unfit:
        raise UsageError(f"{where}the {unfit[0]} is not UTF-8 text; give it as UTF-8.")
    if not user.isprintable():
        raise UsageError(f"{where}the user holds a character that cannot be shown; name the user as the platform does.")
    if not NAME.fullmatch(name):
        raise UsageError(f"{where}a credential's name begins with a letter and holds letters, digits, - and _ alone.")
    try:
        scope = parse_scope(values["registry"].get_secret_value())
    except UnreadableRegistry as error:
        raise UsageError(f"{where}the registry cannot be read: {error}.") from None
    secret = values["auth"]
    text = secret.get_secret_value()
    if not text.strip():
        raise UsageError(f"{where}the secret is empty; there is nothing to store.")
    if text != text.strip() and not force:
        raise UsageError(f"{where}white space stands around the secret; store it without, or with --force as it is.")
    written = values["registry"].get_secret_value()
    return Entry(
        Credential(user=user, name=name, scope=scope, username=values["username"].get_secret_value(), secret=secret, written=written), line
    )  # fmt: skip


def _is_text(text: str) -> bool:
    """False for a lone surrogate: JSON's escapes and a terminal of another encoding can give one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def proof_reference(credential: Credential, proof: str | None) -> Reference | None:
    """The proof image, if one is given. Raises UsageError if it is none of the credential's."""
    if proof is None:
        return None
    try:
        image = parse_reference(proof)
        inside = credential.scope.covers(canonical_host(image.domain), image.repository)
    except (InvalidReference, UnreadableRegistry) as error:
        raise UsageError(f"--proof is no image reference: {error}.") from None
    if not inside:
        raise UsageError(f"--proof must lie in {credential.scope}.")
    return image


def read_lines(path: Path | None) -> list[Entry]:
    """Every line's credential; standard input where `path` is None. Raises UsageError with the line's number and field."""
    try:
        raw = read_input() if path is None else path.read_bytes()
    except OSError as error:
        raise UsageError(f"the file {path} cannot be read: {error.strerror}; correct the path.") from None
    try:
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise UsageError("the file is not UTF-8 text; nothing was stored.") from None
    entries = [_entry(text, number) for number, text in enumerate(lines, 1) if text.strip()]
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        for key in ((entry.credential.user, f"name {entry.credential.name}"), (entry.credential.user, f"scope {entry.credential.scope}")):
            if key in seen:
                raise UsageError(
                    f"line {entry.line}: the same {key[1].partition(' ')[0]} of one user stands in line {seen[key]}, too; nothing was stored."
                )
            seen[key] = entry.line
    return entries


def _entry(text: str, number: int) -> Entry:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"line {number}: this is not JSON; nothing was stored.") from None
    if not isinstance(value, dict):
        raise UsageError(f"line {number}: this is not a JSON object; nothing was stored.")
    unknown = [key for key in value if key not in FIELDS]
    if unknown:
        raise UsageError(f"line {number}: it has a field that is none of {', '.join(FIELDS)}; nothing was stored.")
    for field in FIELDS:
        if not isinstance(value.get(field), str):
            raise UsageError(f"line {number}: the field {field} is missing or no text; nothing was stored.")
    if not value["user"]:
        raise UsageError(f"line {number}: the field user is empty; nothing was stored.")
    return entry_of(value["name"], value["user"], {key: SecretStr(value[key]) for key in KEYS}, force=False, line=number)
