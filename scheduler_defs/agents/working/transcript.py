"""What an agent's program has printed, understood: the JSON lines of the known CLIs, and plain text. Pure.

Claude Code (`--output-format stream-json`), Codex (`--json`), OpenCode (`--format json`), goose, aider,
and anything that speaks OpenAI's shapes. Lines that are no JSON, or of another shape, are text.

What was used is counted apart (`agents.usage.tally`): of a long output only the ends are looked at here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scheduler_defs.agents.deciding.quotas import Rejection, Window
from scheduler_defs.agents.quotas import messages
from scheduler_defs.agents.quotas.complaints import BREAK_OFF, GOT_THROUGH, complaints, is_progress, is_retry
from scheduler_defs.agents.usage.tally import Tally, Used, document_of


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is known of a run from what its program printed. Counts only: no prompts, no answers.

    `tokens` are fresh ones in and out, `output` those of them that came out, `cached` those read from a
    cache, None where nothing was told. `broke_off`: the provider's error at which it gave up, whatever its
    exit code says. `window`: of the account, as it stands.
    """

    session: str | None = None
    cli: str | None = None
    rejection: Rejection | None = None
    denied: str | None = None
    tokens: int | None = None
    cached: int | None = None
    turns: int | None = None
    cost_usd: float | None = None
    output: int | None = None
    broke_off: str | None = None
    window: Window | None = None


def together(turns: Sequence[Transcript]) -> Transcript:
    """Several turns of one run: what was used is added up, what is known of the end is the last one's."""
    last = turns[-1]

    def total(name: str) -> Any:
        told = [value for each in turns if (value := getattr(each, name)) is not None]
        return sum(told) if told else None

    counts = {name: total(name) for name in ("tokens", "cached", "turns", "cost_usd", "output")}
    return replace(last, **counts)


def understand(
    lines: Sequence[str], now: dt.datetime, patterns: Iterable[str] = (), *, used: Used | None = None
) -> Transcript:
    """Understand the lines that a program has printed, the first ones and the last ones.

    `used`: what was counted of all lines; by default that is counted of these.
    """
    session = cli = None
    refusal: Rejection | None = None
    window: Window | None = None
    texts, retrying, broken = list[str](), list[str](), list[str]()
    for line in lines:
        document = document_of(line)
        if document is None:
            texts.append(line)
            if GOT_THROUGH.search(line):
                broken.clear()
            elif broken or BREAK_OFF.match(line):
                broken.append(line)
            continue
        for key, name in (("session_id", "claude"), ("thread_id", "codex"), ("sessionID", "opencode")):
            if isinstance(document.get(key), str):
                session, cli = str(document[key]), name
        if document.get("type") == "rate_limit_event":
            refusal = _event(document) or refusal
            window = _window(document) or window
        if is_progress(document):
            retrying.clear()
        # What it tries again is a complaint only as long as it has not got through.
        (retrying if is_retry(document) else texts).extend(complaints(document))
    texts = broken or [*texts, *retrying]
    if used is None:
        tally = Tally()
        tally.add(lines)
        used = tally.total()
    found = messages.rejection(texts, now, patterns)
    if refusal is None or (found is not None and found.until is not None and refusal.until is None):
        refusal = found or refusal
    counts = (used.tokens, used.cached, used.turns, used.cost_usd, used.output)
    denied = messages.denied(texts)
    return Transcript(
        session, cli, refusal, denied, *counts, messages.short(broken[0]) if broken else None, window
    )


def _event(document: Mapping[str, Any]) -> Rejection | None:
    """Claude's word on a subscription's window."""
    info = document.get("rate_limit_info")
    if not isinstance(info, Mapping) or info.get("status") != "rejected":
        return None
    resets = info.get("resetsAt")
    until = messages.of_epoch(int(resets)) if isinstance(resets, int | float) else None
    return Rejection(until, f"{info.get('rateLimitType', 'usage')} limit reached")


def _window(document: Mapping[str, Any]) -> Window | None:
    """How much of a subscription's window is used, where Claude Code says so."""
    info = document.get("rate_limit_info")
    if not isinstance(info, Mapping):
        return None
    used, resets = info.get("utilization"), info.get("resetsAt")
    if not isinstance(used, int | float) or not isinstance(resets, int | float):
        return None
    until = messages.of_epoch(int(resets))
    return None if until is None else Window(float(used), until, str(info.get("rateLimitType", "")))
