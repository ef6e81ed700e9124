"""What `docs/how-to/serve.md` tells people to write is read as it is meant."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from validator.config import Settings

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"


def blocks() -> list[str]:
    """The indented parts, flush left; a blank line ends one unless more of it follows."""
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return ["\n".join(line[4:] for line in block.splitlines()) for block in found]


def documents() -> list[dict[str, Any]]:
    parts = [part for block in blocks() for part in re.split(r"\n\n(?=apiVersion)", block)]
    return [yaml.safe_load(part) for part in parts if re.match(r"(api|apiVersion):", part)]


def test_its_settings_are_settings() -> None:
    said = [document["api"] for document in documents() if "api" in document]
    assert len(said) == 3
    read = [Settings.model_validate({"api": one}).api for one in said]
    assert (read[0].trusted_addresses, read[1].host, read[2].admission.users) == (("10.4.0.0/16",), "0.0.0.0", {"team-a": "ann"})


def test_its_webhook_waits_longer_than_the_service_takes() -> None:
    [webhook] = [document["webhooks"][0] for document in documents() if document.get("kind") == "ValidatingWebhookConfiguration"]
    assert (webhook["clientConfig"]["service"]["path"], webhook["failurePolicy"], webhook["sideEffects"]) == ("/v1/admission", "Ignore", "None")
    assert webhook["timeoutSeconds"] > Settings().api.admission.deadline_s + 1


def test_its_program_is_one() -> None:
    [program] = [block for block in blocks() if "from validator.client import" in block]
    tree = compile(program, "serve.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    from validator import client

    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named <= set(client.__all__)
