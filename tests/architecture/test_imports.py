"""The order of the rooms, what the pure ones may not touch, and the few places that open a session or a secret."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import validator
from validator.logs import EVENTS

ROOT = Path(validator.__file__).parent

ROWS = {
    "errors": 1, "credential": 1, "jwe": 1,
    "sealing": 2, "protocol": 2, "emulator": 2, "reporting": 2,
    "evidence": 3,
    "verdict": 4, "status": 4.5,
    "postgres": 4.8,
    "masking": 4.9,
    "providers": 5, "config": 5, "logs": 5, "metrics": 5,
    "registry": 6, "stores": 6, "ledger": 6, "notifiers": 6, "workload": 6,
    "probe": 7, "rotation": 7,
    "shown": 7.5, "telling": 7.5,
    "preflight": 8, "sweep": 8, "doctor": 8.5,
    "lanes": 9, "api": 9, "client": 9,
    "app": 10,
    "database": 10.2, "nightly": 10.2, "serving": 10.5, "working": 10.5, "examining": 10.5,
    "cli": 11,
}  # fmt: skip
"""A room imports rooms of smaller rows, and of itself only its `base`."""

NOT_PURE = {"config", "logs", "metrics", "emulator"}
FORBIDDEN_IN_PURE = {"aiohttp", "asyncio", "socket", "time", "random", "os", "structlog"}
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|handlers?)(_|$)|^common$|(Utils?|Helper|Manager|Handler)$", re.IGNORECASE)
MAY_OPEN_A_SESSION = {
    "registry/transport.py",
    "registry/transport/__init__.py",
    "client.py",  # a user's own, not the service's
    "notifiers/webhook.py",  # to the operator's one URL, with nothing of a credential
}
MAY_OPEN_A_SECRET = (
    "api/base/caller.py",  # a caller's token, to remember its hash for some seconds
    "app.py",  # the store's URL
    "client.py",  # a user's own token, and the secret that they ask about
    "cli/base/payload.py",  # a payload's registry and username, and whether the secret is blank
    "cli/token.py",  # a token of the service, printed once
    "config/base/",  # a notice's URL, to judge its placeholders
    "database.py",  # the store's URL, for its scheme
    "emulator/",  # the other side: it is the registry
    "ledger/keys.py",  # the fingerprints' key
    "ledger/tokens.py",  # a token of the service, to hash it
    "masking.py",  # to hide it
    "postgres.py",  # the store's URL, to dial it
    "notifiers/",  # apprise's URLs
    "protocol/",  # a bearer token's claims
    "providers/",  # a token's shape
    "registry/client.py",  # the Authorization header
    "registry/proxy.py",  # the proxy's own
    "registry/transport/",  # the bearer, and the proxy's field
    "sealing.py",
    "stores/",  # a store's URL
)

MODULES = sorted(ROOT.rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in MODULES]
every_module = pytest.mark.parametrize("path", MODULES, ids=IDS)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of every import, also of those inside functions."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert all(node.level == 0 for node in froms), "absolute imports only: this test must see them"
    return names | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def misplaced(path: Path, source: str) -> list[str]:
    """What `path` imports of ours and may not."""
    relative = path.relative_to(ROOT)
    room = room_of(path)
    found = []
    for name in sorted(imported(ast.parse(source))):
        parts = name.split(".")
        if parts[0] != "validator" or len(parts) == 1 or parts[1] == "__version__":
            continue
        own = parts[1] == room and (path.stem in ("__init__", "__main__") or own_base(relative, parts) or stands_before(relative, parts))
        if not own and ROWS[parts[1]] >= ROWS[room]:
            found.append(name)
    return found


WITHIN = {
    "verdict": ["base", "words", "phrases", "reading", "traits", "controls", "findings", "image", "table"],
    "providers": ["base", "plan", "login_questions", "image_questions", "questions"],
    "registry": ["base", "reach", "client", "slots", "turns", "pace"],
    "api": ["registries", "sweeps", "pages"],
    "notifiers": ["base", "urls", "words", "log", "mail", "chat", "webhook"],
    "probe": ["reach", "manifests", "lanes", "recall", "health"],
    "ledger": [
        "engine",
        "postgres",
        "backup",
        "statuses",
        "users",
        "history",
        "notices",
        "digests",
        "challenges",
        "controls",
        "facts",
        "illness",
        "view",
    ],
    "doctor": ["nights", "store", "server"],
    "sweep": ["lane", "lanes", "ending"],
    "lanes": ["base", "share", "whole", "dispatch", "queue", "worker"],
}
"""Inside these packages some modules build on one another, in this order alone."""


def stands_before(relative: Path, parts: list[str]) -> bool:
    """True if the import is of a module that stands before this one in its package's order."""
    order = WITHIN.get(relative.parts[0], [])
    return len(parts) > 2 and relative.stem in order and parts[2] in order[: order.index(relative.stem)]


def own_base(relative: Path, parts: list[str]) -> bool:
    """True for `base` of the package that the module is in, or of one around it; also its own package if that is a base."""
    packages = [list(relative.parts[:depth]) for depth in range(1, len(relative.parts))]
    return any(parts[1 : len(package) + 1] == package and parts[len(package) + 1 : len(package) + 2] == ["base"] for package in packages)


@every_module
def test_a_room_imports_only_rooms_above_it(path):
    if path.parent == ROOT and path.stem in ("__init__", "__main__"):
        return
    assert room_of(path) in ROWS, "a new room needs its row"
    assert misplaced(path, path.read_text()) == []


PLANTED = {
    "a lower row": ("verdict/table.py", "from validator.evidence import Evidence", []),
    "a higher row": ("verdict/table.py", "from validator.probe import probe", ["validator.probe.probe"]),
    "the same row": ("providers/ngc.py", "import validator.config", ["validator.config"]),
    "a sibling": ("providers/ngc.py", "from validator.providers.gitlab import X", ["validator.providers.gitlab.X"]),
    "its base": ("providers/ngc.py", "from validator.providers.base import Provider", []),
    "all siblings, in __init__": ("providers/__init__.py", "from validator.providers.ngc import NGC", []),
    "inside a function": ("status.py", "def f():\n    import validator.sweep", ["validator.sweep"]),
    "base from the package": ("providers/ngc.py", "from validator.providers import base", []),
    "a sibling of a package within": (
        "emulator/ngc/keys.py",
        "from validator.emulator.github.token import X",
        ["validator.emulator.github.token.X"],
    ),
}


@pytest.mark.parametrize(("module", "source", "found"), PLANTED.values(), ids=PLANTED.keys())
def test_the_order_is_seen_to_be_broken(module, source, found):
    assert misplaced(ROOT / module, source) == found


@every_module
def test_a_pure_room_touches_no_loop_no_clock_no_network(path):
    room = room_of(path)
    pure = ROWS.get(room, 99) <= 5 and room not in NOT_PURE
    names = imported(ast.parse(path.read_text())) - {"random.Random"}  # as an argument's type: whoever calls brings one
    touched = {name.split(".")[0] for name in names} & FORBIDDEN_IN_PURE
    assert not pure or (touched == set() and not re.search(r"\bRandom\(", path.read_text()))


@every_module
def test_no_name_says_nothing(path):
    tree = ast.parse(path.read_text())
    named = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    parts = [part.removesuffix(".py") for part in path.relative_to(ROOT).parts]
    assert [name for name in (*named, *parts) if FORBIDDEN_NAMES.search(name)] == []


@pytest.mark.parametrize("name", ["utils", "text_utils", "error_handler", "handler", "common", "LaneManager", "ErrorHandler", "helper_of"])
def test_a_name_that_says_nothing_is_seen(name):
    assert FORBIDDEN_NAMES.search(name)


@every_module
def test_files_and_functions_are_short(path):
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or node.lineno) - node.lineno + 1 > 60]
    assert (len(text.splitlines()) <= 300, long) == (True, [])


@every_module
def test_only_the_transport_opens_a_session_and_only_a_few_open_a_secret(path):
    relative, text = str(path.relative_to(ROOT)), path.read_text()
    if "ClientSession(" in text:
        assert relative in MAY_OPEN_A_SESSION
    if ".get_secret_value(" in text:
        assert relative.startswith(MAY_OPEN_A_SECRET)


def logged(tree: ast.AST) -> list[str | None]:
    """The event of every call on a logger; None where it is no literal."""
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    found: list[str | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels:
            on = node.func.value
            name = on.id if isinstance(on, ast.Name) else on.attr if isinstance(on, ast.Attribute) else ""
            if name.strip("_").lower() in ("log", "logger") or "get_logger" in ast.dump(on):
                first = node.args[0] if node.args else None
                found.append(first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None)
    return found


@every_module
def test_what_is_logged_is_of_the_closed_list(path):
    assert [event for event in logged(ast.parse(path.read_text())) if event not in EVENTS] == []


def test_an_event_outside_the_list_is_seen():
    source = 'log.info("probe_answered")\nself._logger.warning(f"x {y}")\nstructlog.get_logger().error("Something broke")\nparser.error("no")'
    assert logged(ast.parse(source)) == ["probe_answered", None, "Something broke"]


PARTS = 2


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", range(PARTS))
def test_each_module_imports_alone_in_a_fresh_process(part):
    """In any order and without a warning. Rooms above a module's own stay loaded between: they were imported alone, too, and import none below."""
    names = [".".join(("validator", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__") for path in MODULES]
    names = [name for name in names if not name.endswith("__main__") and ".migrations" not in name and name != "validator"]
    names.sort(key=lambda name: ROWS[name.split(".")[1]])
    program = (
        "import importlib, json, sys\n"
        "rows = json.loads(sys.argv[1])\n"
        "row = lambda name: rows.get(name.split('.')[1], 0) if '.' in name else 0\n"
        "room = ''\n"
        "for name in sys.argv[2:]:\n"
        "    new, room = name.split('.')[1] != room, name.split('.')[1]\n"
        "    for one in [n for n in sys.modules if n.partition('.')[0] == 'validator']:\n"
        "        if new or row(one) >= row(name): del sys.modules[one]\n"
        "    importlib.import_module(name)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, json.dumps(ROWS), *names[part::PARTS]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert (done.returncode, done.stderr) == (0, "")
