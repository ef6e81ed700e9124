"""The negative controls that a pre-flight leaves for after its answer: who waits is not to wait for a proof about secrets.

registries/README.md 6.4, 7.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from validator.credential import Credential, Host
from validator.errors import ValidatorError
from validator.evidence import Asker, Step
from validator.preflight.base.answers import Answer, Question
from validator.probe import Inquiry, Probe

AGAIN_S: Final = 600.0
"""A control that could not be made, by the budget or by what was answered, is tried again after this."""

_LOG: Final = structlog.get_logger()


@dataclass(slots=True)
class Controls:
    """At most one a registry at a time, each with a secret that was accepted there: as a sweep asks, in its pace and after all who wait."""

    probe: Probe
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _due: dict[Host, tuple[Credential, float]] = field(default_factory=dict)
    _tried: dict[Host, float] = field(default_factory=dict)

    def accepted(self, credential: Credential, question: Question, answer: Answer) -> None:
        """A secret was accepted at a registry that may not look at secrets."""
        recent = self.probe.monotonic() - self._tried.get(question.host, float("-inf")) < AGAIN_S
        if self.probe.ledger.durable and not recent:
            self._due[question.host] = (credential, answer.provider.pace.control_fresh_s)

    def begin(self) -> None:
        """Somebody was answered: make what is due."""
        due, self._due = self._due, {}
        now = self.probe.monotonic()
        self._tried = {host: at for host, at in self._tried.items() if now - at < AGAIN_S} | dict.fromkeys(due, now)
        for host, (credential, fresh_s) in due.items():
            task = asyncio.get_running_loop().create_task(self._make(host, credential, fresh_s))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """End all that is under way."""
        tasks = tuple(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, host: Host, credential: Credential, fresh_s: float) -> None:
        try:
            made = await self.probe.ledger.controls.of(host)
            since = self.probe.now() - timedelta(seconds=fresh_s)
            if not any(key.step == Step.LOGIN and kept.at > since for key, kept in made.items()):
                await self.probe.ask(Inquiry(host=host, credential=credential, asker=Asker.SWEEP))
        except ValidatorError as error:  # nobody waits for it; who asks next is told
            _LOG.error("fault_caught", where="control", kind=type(error).__name__)
