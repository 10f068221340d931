"""How the work on a task ended, as it is told to whoever settles the task."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.landing.landings import NewLanding
from scheduler_defs.agents.working.transcript import Transcript
from scheduler_defs.jobs.commands.running.output import hide
from scheduler_defs.redaction import redact_secrets


@dataclass(frozen=True)
class Ended:
    """How the work on a task ended. `gave_up`: the agent says that trying again is of no use."""

    ending: Ending
    detail: str
    seconds: float
    exit_code: int | None = None
    result: Any = None
    comments: tuple[str, ...] = ()
    gave_up: bool = False
    question: str = ""
    question_key: str | None = None
    """What makes asking twice one question; None: one for each run."""
    question_details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    not_before: dt.datetime | None = None
    """When the next attempt may begin, if the agent says so; for a provider's refusal, when it ends."""
    printed: Transcript = field(default_factory=Transcript)
    lands: NewLanding | None = None
    """Its work is to go onto a base; the task is done when it is there."""

    def hiding(self, secrets: Sequence[str]) -> Ended:
        """The same without secrets, known ones and those that look like some: comments are read by many."""

        def hidden(text: str) -> str:
            return redact_secrets(hide(text, secrets))

        return replace(
            self,
            detail=hidden(self.detail),
            question=hidden(self.question),
            result=_each_text(self.result, hidden),
            comments=tuple(hidden(comment) for comment in self.comments),
        )

    def noted(self) -> dict[str, Any]:
        """For the assignment: enough to settle the task later."""
        return {
            "ending": self.ending.value,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "result": self.result,
            "gave_up": self.gave_up,
            **{
                name: value
                for name in ("session", "cli", "tokens", "cached", "turns", "cost_usd")
                if (value := getattr(self.printed, name)) is not None
            },
        }


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {key: _each_text(each, change) for key, each in value.items()}
        case list():
            return [_each_text(each, change) for each in value]
        case _:
            return value
