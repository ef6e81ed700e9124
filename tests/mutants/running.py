"""The pure tests in this process, one by one, until the first that fails: pytest's own session, begun where it costs the least."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from _pytest.config import _prepareconfig

ROOT: Final = Path(__file__).parents[2]
LINE: Final = (
    "-q", "--tb=no", "--noconftest", "--capture=sys", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "timeout=0",
    "-p", "no:logging", "-p", "no:faulthandler", "-p", "no:junitxml",
)  # fmt: skip
EXAMPLES: Final = 25
"""Of each property: a fault that so few do not show is one for the tables."""


class Watcher:
    """A plugin that keeps the first thing that fails."""

    failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that ended."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported."""
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} cannot be imported"


def opened(watcher: Watcher) -> pytest.Session:
    """A session that has collected nothing yet, without the suite's conftest; nothing in it dials anybody."""
    config = _prepareconfig([*LINE, f"--rootdir={ROOT}"], plugins=[watcher])
    config._do_configure()
    _few_examples()
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    logging.disable(logging.CRITICAL)
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _refused)
    return session


def _few_examples() -> None:
    from hypothesis import HealthCheck, Phase, settings  # after pytest, which rewrites its plugin

    settings.register_profile(
        "mutants", derandomize=True, deadline=None, database=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False, phases=(Phase.explicit, Phase.generate),
    )  # fmt: skip
    settings.load_profile("mutants")


def _refused(self: socket.socket, *_: object) -> None:
    raise AssertionError("a pure test dialled somebody")


def collected(session: pytest.Session, files: Sequence[str], unwanted: str) -> list[pytest.Item]:
    """The tests of these files or folders, but for those in whose name one of the words of `unwanted` (`a|b`) is."""
    items = [*session.perform_collect([str(ROOT / each) for each in files])]
    words = [word for word in unwanted.split("|") if word]
    return [item for item in items if not any(word in item.nodeid for word in words)]


def first_failure(items: Sequence[pytest.Item], watcher: Watcher, limits_s: Sequence[float]) -> str:
    """Run them in this order until one fails; whichever takes more CPU than its limit ends the process by SIGVTALRM.

    Without pytest's reports, which take as long as most of these tests do.
    """
    for at, item in enumerate(items):
        setup = item.session._setupstate
        signal.setitimer(signal.ITIMER_VIRTUAL, limits_s[at])
        try:
            setup.setup(item)
            item.runtest()
            setup.teardown_exact(items[at + 1] if at + 1 < len(items) else None)
        except pytest.skip.Exception:
            pass
        except (Exception, pytest.fail.Exception):
            watcher.failed = item.nodeid
            break
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return watcher.failed
