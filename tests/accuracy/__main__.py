"""`make accuracy`: every case run anew, the peers asked, and the pages that say so; the last line is one JSON object.

    python -m tests.accuracy [--keep-peers] [--processes N]

Ends with 1 where a case came out wrong, or where the committed page said something else of must be and validator; the page is then renewed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.accuracy.pages import ACCURACY, REASONS, ROOT, accuracy_page, peers_columns, reasons_page, verdict_columns
from tests.accuracy.telling import Told, folded, totals
from tests.cases.rows import ROWS

MOST_S: Final = 1500
ASKED_OF_PEERS: Final = "GEN- or NET- or SEC- or NGC- or HUB- or GHCR- or GITLAB- or OTHER-"


def run_of_cases(processes: str, peer: str = "") -> tuple[Told, str]:
    """What the cases said, and pytest's words; with a peer asked of each, whose rows alone are run."""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "pytest", "-q", "-n", processes, "-p", "no:cacheprovider", "-p", "no:randomly", "--timeout=240", "tests/cases"]
        environment = {**os.environ, "CASES_SAID": folder, **({"CASES_PEERS": peer} if peer else {})}
        done = subprocess.run(
            [*line, *(["-k", ASKED_OF_PEERS] if peer else [])],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=MOST_S,
        )  # fmt: skip
        told = Told.read(Path(folder))
    if done.returncode not in (0, 1) or not told.said:
        raise SystemExit(f"the cases could not be run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return told, done.stdout


def peers_here() -> dict[str, str]:
    """The peers that are installed, with their versions."""
    found = {}
    if program := shutil.which("skopeo"):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
        found["skopeo"] = said.split()[-1]
    if importlib.util.find_spec("oras"):
        found["oras"] = importlib.metadata.version("oras")
    return found


def differing(before: str, now: str) -> list[str]:
    """The cases of which the committed page says another thing."""
    old, new = verdict_columns(before), verdict_columns(now)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def main(arguments: list[str]) -> int:
    """Run, write, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy")
    parser.add_argument("--keep-peers", action="store_true", help="ask validator alone; of the others the committed page's words are kept")
    parser.add_argument("--processes", default="auto")
    told = parser.parse_args(arguments)
    began = time.monotonic()
    mine, words = run_of_cases(told.processes)
    mine_s = round(time.monotonic() - began)
    failed = re.findall(r"^FAILED (.+)", words, re.MULTILINE)
    print("\n".join([*failed, words.strip().rpartition("\n")[2]]))
    before = ACCURACY.read_text(encoding="utf-8") if ACCURACY.exists() else ""
    if told.keep_peers:
        versions, peers = peers_columns(before)
    else:
        versions = peers_here()
        peers = {name: run_of_cases(told.processes, name)[0] for name in versions}
    lines = folded(ROWS, mine, peers)
    page = accuracy_page(lines, versions)
    changed = differing(before, page)
    for name in changed:
        print(f"{name}: the committed page says {verdict_columns(before).get(name)}, now {verdict_columns(page).get(name)}")
    if set(peers) == {"skopeo", "oras"}:
        ACCURACY.write_text(page, encoding="utf-8")
        REASONS.write_text(reasons_page(mine.reached, ROWS), encoding="utf-8")
    figures = totals(lines, "validator")
    spent = {"own_seconds": mine_s, "seconds": round(time.monotonic() - began)}
    print(json.dumps({**figures, "peers": {name: totals(lines, name) for name in peers}, "changed": changed, **spent}))
    return 0 if figures["right"] == figures["cases"] and not failed and not changed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
