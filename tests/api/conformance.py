"""Asks a running service what its own OpenAPI document allows, and what it does not, by schemathesis.

`python -m tests.api.conformance 100` runs longer, with every phase; the suite runs a short one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

SHORT = ("--phases", "examples,coverage", "--max-examples", "1")
LONG = ("--phases", "examples,coverage,fuzzing,stateful")
LEFT_OUT = "positive_data_acceptance"
"""A workflow that is YAML and names no images fits its shape, and is refused all the same."""


async def conform(url: str, token: str, *options: str) -> tuple[int, str]:
    """Exit code and words of one run; 0: every answer was a documented one, none a fault, and nothing bad was accepted."""
    program = Path(sys.executable).parent / "schemathesis"
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "run", f"{url.rstrip('/')}/openapi.json", "-H", f"Authorization: Bearer {token}", "--exclude-checks", LEFT_OUT, "--no-color",
                   "--generation-deterministic", *options]  # fmt: skip
        done = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = await done.communicate()
    return done.returncode or 0, said.decode()


async def main(examples: str) -> int:
    """A service of its own, over an empty store in a temporary folder; registries are not reached."""
    from datetime import UTC, datetime

    from validator.api import application, listening
    from validator.config import Settings
    from validator.ledger.tokens import Scope
    from validator.logs import configure_logging
    from validator.serving import open_house

    configure_logging("error")
    with tempfile.TemporaryDirectory() as folder:
        said = {"store": f"sqlite:///{folder}/v.db", "key_file": f"{folder}/k", "api": {"port": 0, "per_second": 1e4, "burst": 10**5},
                "timeouts": {"connect_s": 0.5, "total_s": 1}}  # fmt: skip
        async with open_house(Settings.model_validate(said)) as house, listening(application(house), house) as url:
            _, token = await house.ledger.tokens.create("conformance", list(Scope), "*", now=datetime.now(UTC))
            code, words = await conform(str(url), token.get_secret_value(), *LONG, "--max-examples", examples)
    print(words)
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "100")))
