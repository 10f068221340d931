"""What an agent itself says about its task: through Dagster Pipes, or in the file `SIGNALBOX_REPORT_FILE`.

    {"status": "complete" | "failed" | "retry" | "needs_input" | "rate_limited", "reason": "...",
     "result": ..., "comments": ["..."], "question": "...", "retry_after": 600,
     "not_before": "2026-03-01T14:00:00Z"}

All are optional. Through Pipes it is the value of a custom message's key `task`. Its word counts more than
the exit code: `failed` gives the task up, `retry` counts a failed attempt (not before the time given),
`complete` completes it, `needs_input` asks a human, `rate_limited` says that its provider refuses work.

Models write these files, so what is meant is understood where it can be: a fence or a sentence around the
JSON, a comma too many, `"Failed"`, one comment in place of a list. What cannot be understood never completes
a task: it counts as a failed attempt, with the fault as its reason.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.task_queue.cleaning import clean, clean_text

LARGEST_BYTES = 1_048_576

Said = Literal["complete", "failed", "retry", "needs_input", "rate_limited"]

_MEANT: Mapping[str, Said] = {
    **dict.fromkeys(("complete", "completed", "done", "success", "succeeded", "ok"), "complete"),
    **dict.fromkeys(("failed", "fail", "failure", "error", "impossible"), "failed"),
    **dict.fromkeys(("retry", "again", "try_again"), "retry"),
    **dict.fromkeys(("needs_input", "need_input", "question", "input_needed", "waiting"), "needs_input"),
    **dict.fromkeys(("rate_limited", "rate_limit", "limited", "quota"), "rate_limited"),
}
# In the order in which people are told of them.
_KEYS = dict.fromkeys(
    ("status", "reason", "result", "comments", "question", "retry_after", "not_before")
).keys()
_FARTHEST = dt.timedelta(seconds=10**8)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


@dataclass(frozen=True, slots=True)
class AgentReport:
    """One agent's report; the default says nothing."""

    status: Said | None = None
    reason: str = ""
    result: Any = None
    comments: tuple[str, ...] = ()
    fault: str = ""
    """Why the report cannot be understood."""
    notes: tuple[str, ...] = ()
    """What was cut from it."""
    question: str = ""
    not_before: dt.datetime | None = None

    def ending(self, otherwise: Ending) -> Ending:
        """How the work ended, given how the command did."""
        if self.fault:
            return Ending.ERROR if otherwise is Ending.SUCCESS else otherwise
        match self.status:
            case None:
                return otherwise
            case "complete":
                return Ending.SUCCESS
            case "failed" | "retry":
                return Ending.ERROR
            case "needs_input":
                return Ending.QUESTION
            case "rate_limited":
                return Ending.RATE_LIMITED


def read_report(path: Path, piped: Mapping[str, Any]) -> AgentReport:
    """The report from the file, or else from the custom messages of Pipes."""
    try:
        if not path.is_file() and path.exists():
            return AgentReport(fault="the report is not a file")
        if path.stat().st_size > LARGEST_BYTES:
            return AgentReport(fault=f"the report has more than {LARGEST_BYTES} bytes")
        text = path.read_bytes().decode("utf-8-sig", errors="replace").strip()
    except FileNotFoundError:
        text = ""
    except OSError as error:
        return AgentReport(fault=f"the report cannot be read: {error.strerror}")
    if not text:
        return _understood(piped["task"]) if "task" in piped else AgentReport()
    try:
        return _understood(_document(text))
    except ValueError as error:
        return AgentReport(fault=f"the report cannot be read: {str(error).splitlines()[0]}")


def _document(text: str) -> Any:
    """The JSON in what a model has written. Raises ValueError for what has none."""
    begin, end = text.find("{"), text.rfind("}")
    candidates = [text, text[begin : end + 1]] if 0 <= begin < end else [text]
    failures: list[ValueError] = []
    for candidate in [each for found in candidates for each in (found, _TRAILING_COMMA.sub(r"\1", found))]:
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError) as error:
            failures.append(error if isinstance(error, ValueError) else ValueError("nested too deeply"))
    raise failures[0]


def _understood(document: Any) -> AgentReport:
    if not isinstance(document, Mapping):
        return AgentReport(fault=f"the report is not a JSON object but {type(document).__name__}")
    document = {str(key).strip().lower(): value for key, value in document.items()}
    if document and not document.keys() & _KEYS:
        keys = clean_text(", ".join(document))[:80]
        return AgentReport(fault=f"the report has only {keys!r}: allowed are {', '.join(_KEYS)}")
    notes: list[str] = []
    reason = _text(document.get("reason"), notes)
    comments = _comments(document.get("comments"), notes)
    result = clean(document.get("result"), notes)
    question = _text(document.get("question"), notes)
    not_before = _not_before(document, notes)
    status = document.get("status")
    if status is None and question:
        status = "needs_input"
    if status is None:
        return AgentReport(None, reason, result, comments, "", tuple(notes), not_before=not_before)
    meant = _MEANT.get(str(status).strip().lower().replace(" ", "_").replace("-", "_"))
    fault = "" if meant else f"status {str(status)[:80]!r}: allowed are {', '.join(get_args(Said))}"
    if meant == "needs_input" and not (question or reason):
        fault = "it needs input and has no question"
    asked = question or reason if meant == "needs_input" else ""
    return AgentReport(meant, reason, result, comments, clean_text(fault), tuple(notes), asked, not_before)


def _not_before(document: Mapping[str, Any], notes: list[str]) -> dt.datetime | None:
    after, at = document.get("retry_after"), document.get("not_before")
    try:
        if (
            isinstance(after, int | float)
            and not isinstance(after, bool)
            and 0 <= after < _FARTHEST.total_seconds()
        ):
            return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=after)
        if isinstance(at, str):
            found = dt.datetime.fromisoformat(at)
            found = found if found.tzinfo else found.astimezone()
            if found - dt.datetime.now(dt.UTC) < _FARTHEST:
                return found
    except (ValueError, OverflowError):
        pass
    if after is not None or at is not None:
        notes.append("retry_after is a number of seconds, not_before an ISO 8601 instant: neither was given")
    return None


def _text(value: Any, notes: list[str]) -> str:
    """A reason, however it was written."""
    match value:
        case None:
            return ""
        case str():
            return clean_text(value, notes=notes, what="reason")
        case list():
            return clean_text("; ".join(map(str, value)), notes=notes, what="reason")
        case _:
            return clean_text(json.dumps(value), notes=notes, what="reason")


def _comments(value: Any, notes: list[str]) -> tuple[str, ...]:
    given = [] if value is None else value if isinstance(value, list) else [value]
    texts = [each if isinstance(each, str) else json.dumps(each) for each in given]
    return tuple(text for each in texts if (text := clean_text(each, notes=notes, what="comment").strip()))
