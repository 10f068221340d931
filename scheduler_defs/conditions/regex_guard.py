"""Searching with a pattern that somebody wrote, in bounded time.

Python's `re` can take for ever on a bad pattern, and holds the interpreter's lock meanwhile: a thread with
a deadline would not help, every other schedule would wait too. So patterns that repeat something run in a
process that can be killed (it costs some 20 ms); the others cannot take long and run here."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from scheduler_defs.errors import SignalboxError

LONGEST_TEXT = 100_000
_SEARCH = (
    "import json, re, sys; pattern, text = json.load(sys.stdin); "
    "sys.stdout.write('1' if re.search(pattern, text) else '0')"
)
_REPEATS = re.compile(r"[*+{?]|\\[1-9]|\(\?P=")


class SlowPatternError(SignalboxError):
    """The search did not end in time."""


def found_within(pattern: str, text: str, seconds: float) -> bool:
    """Whether the pattern is found anywhere in the text.

    Raises SlowPatternError when that takes longer than `seconds`, SignalboxError for a bad pattern.
    """
    text = text[:LONGEST_TEXT]
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SignalboxError(f"regex {pattern!r}: {error}") from None
    if not _REPEATS.search(pattern):
        return compiled.search(text) is not None
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([pattern, text]),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SlowPatternError(f"regex {pattern!r}: no result within {seconds:g} s") from None
    if done.returncode != 0 or done.stdout not in ("0", "1"):
        raise SignalboxError(f"regex {pattern!r}: the search failed: {done.stderr.strip()[-200:]}")
    return done.stdout == "1"
