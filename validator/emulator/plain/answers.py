"""Answers of registries in all their forms: errors, denials, tokens, challenges. registries/README.md 2.2, 2.4, 2.5."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from aiohttp import web

from validator.emulator.base import answer_json

ErrorForm: TypeAlias = Literal[
    "errors", "empty", "html", "details", "oauth", "message", "text", "string", "empty_list", "number", "lower", "two", "bom"
]

VERSION: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer that is given whatever the options say."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, headers={"Content-Type": "application/json", **self.headers})


def fill(template: str, **values: str) -> str:
    """A challenge's field; the values are escaped where the template quotes them (RFC 9110, 5.6.4)."""
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        template = template.replace(f'"{{{name}}}"', f'"{escaped}"').replace(f"{{{name}}}", value)
    return template


def error_answer(form: ErrorForm, status: int, code: str, message: str, fields: Mapping[str, str] | None = None) -> web.Response:
    """An error in one of the forms that servers use."""
    listed = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    match form:
        case "errors":
            return answer_json(status, listed, fields)
        case "empty":
            return web.Response(status=status, headers=fields)
        case "html":
            page = f"<html>\n<head><title>{status}</title></head>\n<body><h1>{message}</h1></body>\n</html>\n"
            return answer_json(status, page.encode(), fields, media_type="text/html")
        case "text":
            return answer_json(status, f"{message}\n".encode(), fields, media_type="text/plain; charset=utf-8")
        case "details":
            return answer_json(status, {"details": message}, fields)
        case "oauth":
            return answer_json(status, {"error": "invalid_grant", "error_description": message}, fields)
        case "message":
            return answer_json(status, {"message": message}, fields)
        case "string":
            return answer_json(status, {"errors": message}, fields)
        case "empty_list":
            return answer_json(status, {"errors": []}, fields)
        case "number":
            return answer_json(status, {"errors": [{"code": status, "message": message}]}, fields)
        case "lower":
            return answer_json(status, {"errors": [{"code": code.lower(), "message": message}]}, fields)
        case "two":
            return answer_json(status, listed + listed, fields)
        case "bom":
            return answer_json(status, b"\xef\xbb\xbf" + listed, fields)


@dataclass(slots=True)
class Stub:
    """A canned answer, for whom (None: everybody), and how often still (None: for ever)."""

    canned: Canned
    secret: str | None
    left: int | None


def denied(form: str, name: str) -> web.Response | None:
    """A pull of `name` that is denied; None: `form` is the registry's own challenge."""
    if form == "404":
        return error_answer("errors", 404, "NAME_UNKNOWN", "repository name not known to registry", VERSION)
    if form == "401_gitea":
        return error_answer("errors", 401, "UNAUTHORIZED", "", {**VERSION, "WWW-Authenticate": 'Basic realm="Gitea Package API"'})
    if form == "401_harbor":
        text = f"unauthorized to access repository: {name}, action: pull: unauthorized to access repository: {name}, action: pull"
        return error_answer("errors", 401, "UNAUTHORIZED", text, {**VERSION, "WWW-Authenticate": 'Basic realm="harbor"'})
    if form == "403":
        return error_answer("errors", 403, "DENIED", "requested access to the resource is denied", VERSION)
    return None


def token_fields(form: str, token: str) -> dict[str, Any]:
    """Where a token stands in the body of a token endpoint."""
    return {
        "token": {"token": token},
        "access_token": {"access_token": token},
        "both": {"token": token, "access_token": token},
        "differ": {"token": "worthless", "access_token": token},
        "empty_access_token": {"token": token, "access_token": ""},
    }[form]


def access_claim(names: list[str], granted: list[str]) -> list[dict[str, Any]]:
    """The `access` of a JWT for the asked `names`."""
    return [{"type": "repository", "name": name, "actions": ["pull"] if name in granted else []} for name in names]
