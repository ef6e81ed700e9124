"""Writes `docs/reference/http.md` from the OpenAPI document: `python -m tests.api.reference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from validator.api import document, routes_of
from validator.api.base.problem import KINDS

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "http.md"
HEAD: Final = """# HTTP

Generated from the OpenAPI document that `/openapi.json` serves; `python -m tests.api.reference` writes it anew. How to run the service:
[serve](../how-to/serve.md).

Bodies are JSON (`Content-Type: application/json`), UTF-8, no name twice, no unknown name. A caller sends `Authorization: Bearer TOKEN`; a token
has scopes (`check`, `preflight`, `read`, `admin`, which includes `read`) and is bound to one user or to all. What belongs to another user is 404,
as if it were not there. `X-Request-Id` is given back, and made where none is sent.
"""


def page() -> str:
    """The whole page."""
    shown = document(routes_of())
    parts = [HEAD, "## Routes\n"]
    for path, operations in shown["paths"].items():
        for method, operation in operations.items():
            parts.append(_route(method, path, operation))
    parts += ["## Problems\n", _problems(), "## Shapes\n"]
    for name, schema in sorted(shown["components"]["schemas"].items()):
        parts.append(_shape(name, schema))
    return "\n".join(parts).rstrip() + "\n"


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"### {method.upper()} {path}\n", operation["summary"] + "\n"]
    scopes = operation.get("x-scopes")
    who = f"Scope: {' or '.join(scopes)}." if scopes else "A token, or a listed address." if operation["security"] else "Open."
    lines.append(who)
    for one in operation["parameters"]:
        if one["in"] == "path":
            lines.append(f"`{one['name']}`: {one['description'][:1].lower()}{one['description'][1:]}.")
    body = operation.get("requestBody")
    if body is not None:
        content = body["content"]["application/json"]
        lines.append(f"Body: {_named(content['schema'])}.")
        if "example" in content:
            lines.append(f"\n    {json.dumps(content['example'])}\n")
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            kinds = answer.get("content", {})
            said = next((_named(one["schema"]) for one in kinds.values() if "$ref" in one["schema"]), next(iter(kinds), "nothing"))
            lines.append(f"Answer: {status}, {said}. Problems: {', '.join(code for code in operation['responses'] if not code.startswith('2'))}.")
    return "\n".join(lines) + "\n"


def _problems() -> str:
    lines = [
        "RFC 9457, `application/problem+json`; `type` is `urn:validator:problem:` and one of these.\n",
        "| type | status | title |",
        "|---|---|---|",
    ]
    return "\n".join([*lines, *(f"| `{kind}` | {status} | {title} |" for kind, (status, title) in KINDS.items())]) + "\n"


def _shape(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if "description" in schema:
        lines.append(schema["description"].split("\n")[0] + "\n")
    if "enum" in schema:
        return "\n".join([*lines, ", ".join(f"`{one}`" for one in schema["enum"])]) + "\n"
    lines += ["| key | type | |", "|---|---|---|"]
    required = set(schema.get("required", ()))
    for key, one in schema.get("properties", {}).items():
        note = [] if key in required else ["may be left out"]
        note += [one["description"]] if "description" in one else []
        lines.append(f"| `{key}` | {_type(one)} | {'; '.join(note)} |")
    return "\n".join(lines) + "\n"


def _named(schema: dict[str, Any]) -> str:
    name = schema["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _named(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'])}"
        case "object":
            values = schema.get("additionalProperties")
            return f"object of {_type(values)}" if isinstance(values, dict) else "object"
        case str(plain):
            return f"{plain} ({schema['format']})" if "format" in schema else plain
        case _:
            return "anything"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
