"""What a program says that it has used: each turn, step or message once, however often it is told. Pure.

Figures of one turn are repeated in several lines: what counts is what the provider says at the end of a turn
(Claude, Codex), of a step (OpenCode), or of a message with an id of its own (OpenAI). Claude's messages
count while the turn goes on, and its end takes their place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Used:
    """`tokens` are fresh ones in and out, `output` those of them that came out; None: nothing was told."""

    tokens: int | None = None
    cached: int | None = None
    turns: int | None = None
    cost_usd: float | None = None
    output: int | None = None


class Tally:
    """Counts as lines come."""

    def __init__(self) -> None:
        self._used: dict[str, Used] = {}
        self._texts = 0

    def add(self, lines: Iterable[str]) -> None:
        """Whole lines, each of them once."""
        for line in lines:
            document = document_of(line)
            found = _told(line) if document is None else _used(str(document.get("type", "")), document)
            if isinstance(found, Used):
                self._texts += 1
                found = (f"text {self._texts}", found)
            if found is not None:
                self._used[found[0]] = found[1]

    def total(self) -> Used:
        """All so far."""
        over = "result" in self._used
        return add_up(each for name, each in self._used.items() if not (over and name.startswith("said ")))


def document_of(line: str) -> Mapping[str, Any] | None:
    """The JSON object of a line; None when it is none."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None


def add_up(used: Iterable[Used]) -> Used:
    """What was told of each is added; None where nothing was."""
    kept = list(used)

    def total(name: str) -> Any:
        told = [value for each in kept if (value := getattr(each, name)) is not None]
        return sum(told) if told else None

    return Used(*(total(name) for name in Used.__slots__))


def _used(kind: str, document: Mapping[str, Any]) -> tuple[str, Used] | None:
    """What one line says was used, and of which turn, step or message that is the final word."""
    usage = document.get("usage")
    match kind:
        case "result":
            counts = _usage(usage) if isinstance(usage, Mapping) else (None, None, None)
            turns = _number(document.get("num_turns"))
            cost = _money(document.get("total_cost_usd"))
            return "result", Used(counts[0], counts[1], turns, cost, counts[2])
        case "assistant":
            message = document.get("message")
            message = message if isinstance(message, Mapping) else {}
            usage, identity = message.get("usage"), message.get("id")
            if not isinstance(usage, Mapping) or not isinstance(identity, str):
                return None
            counts = _usage(usage)
            return f"said {identity}", Used(counts[0], counts[1], 1, None, counts[2])
        case "turn.completed" if isinstance(usage, Mapping):
            counts = _usage(usage)
            return "turn", Used(counts[0], counts[1], 1, None, counts[2])
        case "step_finish":
            return _step(document)
        case "complete" if (total := _number(document.get("total_tokens"))) is not None:
            return "goose", Used(total)
        case _:
            identity = document.get("id")
            shape = str(document.get("object", ""))
            if isinstance(identity, str) and isinstance(usage, Mapping) and shape.startswith("chat.comp"):
                counts = _usage(usage)
                return f"message {identity}", Used(counts[0], counts[1], 1, None, counts[2])
            return None


def _step(document: Mapping[str, Any]) -> tuple[str, Used] | None:
    part = document.get("part")
    part = part if isinstance(part, Mapping) else document
    counts, name = part.get("tokens"), str(part.get("id") or document.get("timestamp"))
    if not isinstance(counts, Mapping):
        return None
    cache = counts.get("cache")
    read = _number(cache.get("read")) if isinstance(cache, Mapping) else None
    written = _number(cache.get("write")) if isinstance(cache, Mapping) else None
    output = sum(_number(counts.get(key)) or 0 for key in ("output", "reasoning"))
    fresh = (_number(counts.get("input")) or 0) + (written or 0) + output
    return f"step {name}", Used(fresh, read, 1, _money(part.get("cost")), output)


_AIDER = re.compile(
    r"Tokens: ([\d.,]+)(k|M)? sent(?:, ([\d.,]+)(k|M)? cache (?:hit|write))*, ([\d.,]+)(k|M)? received"
    r"(?:.*Cost: \$([\d.]+) message)?"
)
_SCALE = {"k": 1_000, "M": 1_000_000}


def _told(text: str) -> Used | None:
    """aider's word on one message: `Tokens: 1.2k sent, 42 received. Cost: $0.01 message, ...`."""
    found = _AIDER.search(text)
    if found is None:
        return None

    def number(value: str, scale: str | None) -> int:
        return round(float(value.replace(",", "")) * _SCALE.get(scale or "", 1))

    try:
        output = number(found[5], found[6])
        tokens = number(found[1], found[2]) + output
        return Used(tokens, None, 1, float(found[7]) if found[7] else None, output)
    except ValueError:
        return None


def _usage(usage: Mapping[str, Any]) -> tuple[int | None, int | None, int | None]:
    """(fresh, cached, of the fresh ones out) of Claude's, Codex' or OpenAI's counts."""
    details = usage.get("prompt_tokens_details")
    inner = _number(details.get("cached_tokens")) if isinstance(details, Mapping) else None
    cached = sum(_number(usage.get(key)) or 0 for key in ("cache_read_input_tokens", "cached_input_tokens"))
    cached += inner or 0
    output = sum(_number(usage.get(key)) or 0 for key in ("output_tokens", "completion_tokens"))
    given = [usage.get(key) for key in ("input_tokens", "prompt_tokens", "cache_creation_input_tokens")]
    total = sum(_number(each) or 0 for each in given) + output
    if "cached_input_tokens" in usage or inner is not None:
        total -= cached  # Codex and OpenAI count them among the input
    return total, cached, output


def _money(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
