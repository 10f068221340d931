"""What in a program's output is its provider's word, and not the model's or the task's. Pure.

Of JSON lines those that tell of an error, or of one after which the same is tried again. Of text only what
begins as the programs' own error lines do: a model that writes about limits is not taken for one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs.agents.quotas import messages
from scheduler_defs.agents.usage.tally import document_of

PATIENCE_SECONDS = 60.0
"""For so long a program may wait for its provider by itself; then its slot is worth more."""

BREAK_OFF = re.compile(r"\s*litellm\.\w+(?:Error|Timeout|Exceeded)\b")
"""aider at an error of its provider. It tries again, and then ends with exit code 0."""
GOT_THROUGH = re.compile(r"\s*Tokens: [\d.,]+[kM]? sent\b")
"""aider after an answer."""
_OWN_LINE = re.compile(
    r"\s*(?:litellm\.\w+|timestamp=\S+ level=(?:ERROR|WARN)\b|API Error\b|ERROR\b|Error:"
    r"|HTTP[ /\d.]* ?(?:429|503|529))"
)
_TRIES_AGAIN = re.compile(
    r"(?i)\s*$|\s*(?:retrying|reconnecting|the api provider|https?://)|.*\bretry(?:ing)?\b.*\b(?:seconds?|attempt)"
)


def complaints(document: Mapping[str, Any]) -> list[str]:
    """The texts of a line that says what went wrong."""
    kind, found = str(document.get("type", "")), list[str]()
    if kind == "result" and document.get("is_error"):
        if (status := document.get("api_error_status")) is not None:
            found.append(f"error status {status}")
        found.append(str(document.get("result", "")))
    if is_retry(document):
        status = document.get("error_status")
        found.append(f"error status {status}: {document.get('error', '')}")
    if kind in ("error", "turn.failed", "api_error"):
        found += _of_error(document.get("error"), str(document.get("message", "")))
    return [text for text in found if text]


def _of_error(error: Any, otherwise: str) -> list[str]:
    """An error as Claude and Codex have it, or with `data` in it, as OpenCode does."""
    if not isinstance(error, Mapping):
        return [str(error or otherwise)]
    data = error.get("data")
    data = data if isinstance(data, Mapping) else error
    found = [str(data.get("message") or error.get("message") or otherwise)]
    if (status := data.get("statusCode")) is not None:
        found[0] = f"error status {status}: {found[0]}"
    headers = data.get("responseHeaders")
    if isinstance(headers, Mapping) and (after := headers.get("retry-after")) is not None:
        found.append(f"retry-after: {after}")
    return found


def is_retry(document: Mapping[str, Any]) -> bool:
    """Claude's word that its provider has refused, and is asked again."""
    return document.get("type") == "system" and document.get("subtype") == "api_retry"


def is_progress(document: Mapping[str, Any]) -> bool:
    """Whether the line shows that the provider has answered."""
    return document.get("type") in ("assistant", "user", "item.completed", "tool_use", "text", "step_finish")


@dataclass(frozen=True, slots=True)
class Held:
    """A program that waits for its provider: since when, at which words."""

    since: float
    texts: tuple[str, ...]


@dataclass(slots=True)
class Holdup:
    """Looks at lines as they come, whether a program waits for its provider in the slot that it has."""

    patterns: Sequence[str] = ()
    held: Held | None = field(default=None, init=False)

    def add(self, lines: Iterable[str], at: float, now: dt.datetime) -> None:
        """Further lines, printed until `at` (seconds of a clock that nobody sets)."""
        for line in lines:
            document = document_of(line)
            if texts := self._refused(line, document, now):
                self.held = Held(at if self.held is None else self.held.since, tuple(texts))
            elif is_progress(document) if document is not None else not _TRIES_AGAIN.match(line):
                self.held = None

    def _refused(self, line: str, document: Mapping[str, Any] | None, now: dt.datetime) -> list[str]:
        if document is not None:
            texts = complaints(document)
        elif _OWN_LINE.match(line) or messages.by_pattern([line], now, self.patterns):
            texts = [line]
        else:
            return []
        return texts if messages.rejection(texts, now, self.patterns) or messages.denied(texts) else []
