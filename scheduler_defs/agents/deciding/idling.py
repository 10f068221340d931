"""Whether a command still gives signs of life. Pure.

Output, CPU time and changed files are signs. A quiet agent that works, at a test of an hour, say, is left
alone; one that waits for the model's answer gives none, so the time allowed is longer than any such answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

BUSY_SHARE = 0.02
"""A tree of processes that uses less than this part of one core does nothing that counts."""
PROMPTED_SECONDS = 30.0
"""After a question at the end of the output so much quiet is enough."""

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_PROMPT = re.compile(
    r"(?i)(?:[\[(](?:y|yes)/(?:n|no)[\])]|press (?:enter|return|any key)[^.]*"
    r"|passw(?:or)?d(?: for [^:]*)?|passphrase[^:]*"
    r"|(?:proceed|continue|are you sure|do you want|would you like|allow|overwrite)[^.!]*\?)\s*[:>?]?\s*$"
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What is seen at one moment: `at`, in seconds of a clock that nobody sets; `cpu_seconds` of all
    processes, ended ones too as far as somebody waited for them."""

    at: float
    printed: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Watching:
    """The last look, and since when there was no sign."""

    seen: Signs
    since: float

    @classmethod
    def begin(cls, signs: Signs) -> Watching:
        """A command that has just begun."""
        return cls(signs, signs.at)

    def after(self, signs: Signs) -> Watching:
        """With one more look. Processes that end unwaited-for take their CPU time along: a sign, too."""
        passed = signs.at - self.seen.at
        used = abs(signs.cpu_seconds - self.seen.cpu_seconds)
        alive = signs.printed != self.seen.printed or used > BUSY_SHARE * max(passed, 0.0)
        return Watching(signs, signs.at if alive else self.since)

    def alive(self, at: float) -> Watching:
        """With a sign of another kind at that moment: a file has changed."""
        return replace(self, since=max(self.since, at))

    @property
    def quiet_seconds(self) -> float:
        """For how long there was no sign."""
        return self.seen.at - self.since


def prompt(last_line: str) -> str | None:
    """The question that a program has printed and waits at, if the end of its output looks like one."""
    text = _ESCAPES.sub("", last_line).strip()
    return text[-120:] if _PROMPT.search(text) else None


def is_idle(quiet_seconds: float, idle_after: float, *, waits: bool) -> bool:
    """Whether that is too long. `waits`: it has asked for input, or reads it."""
    return quiet_seconds >= (min(idle_after, PROMPTED_SECONDS) if waits else idle_after)
