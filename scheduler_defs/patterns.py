"""Patterns that people write, compiled with RE2: the time to search grows with the text and never explodes.

Python's own `re` can take for ever on `(a+)+b`, and holds the interpreter's lock meanwhile, so that no thread
and no deadline can end it. RE2 (https://github.com/google/re2/wiki/Syntax) has no look-around and no
back-references, which are what cannot be searched in linear time, and counts repetitions up to 1000.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

LONGEST_PATTERN = 10_000
_GLOB_SET = re.compile(r"\[!?.[^]/]*\]")
_MOST_MEMORY = 8 << 20
"""Of one compiled pattern, in bytes: RE2's own default, said here because it is a promise."""


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern, and what is allowed; None for a good one."""
    try:
        _compiled(pattern)
    except ValueError as error:
        return str(error)
    return None


def matches_whole(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says. Raises ValueError for a pattern that is none."""
    return _compiled(pattern).fullmatch(_encodable(text)) is not None


def found_in(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text. Raises ValueError for a pattern that is none."""
    return _compiled(pattern).search(_encodable(text)) is not None


def groups_found(pattern: str, text: str) -> dict[str, str] | None:
    """The named groups of the first place where the pattern is found; None where it is not.

    Raises ValueError for a pattern that is none.
    """
    match = _compiled(pattern).search(_encodable(text))
    if match is None:
        return None
    return {name: value for name, value in match.groupdict().items() if value}


def check_glob_sets(glob: str) -> None:
    """Raises ValueError for a glob with a set that is none, such as `[z-a]`."""
    for each in _GLOB_SET.findall(glob):
        inside = each[1:-1].replace("\\", "\\\\").replace("[", r"\[")
        if pattern_fault(f"[{inside}]"):
            raise ValueError(f"{each!r} is no set; one such as [a-z] goes from the lower to the higher")


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> Any:
    # Here: a yard without patterns need not load it.
    import re2

    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"a pattern of {len(pattern)} characters; at most {LONGEST_PATTERN}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeEncodeError:
        raise ValueError(f"{pattern[:80]!r} is no pattern: it holds half of a surrogate pair") from None
    except re2.error as error:
        raise ValueError(f"{_short(pattern)} is no pattern: {_reason(error)}{_hint(pattern)}") from None


def _reason(error: Exception) -> str:
    given = error.args[0] if error.args else error
    return given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)


_NOT_LINEAR = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?P=", *(f"\\{digit}" for digit in range(1, 10)))


def _hint(pattern: str) -> str:
    if any(sign in pattern for sign in _NOT_LINEAR):
        return "; look-around and back-references are not taken, because searching for them can take for ever"
    if "\\Z" in pattern:
        return "; write \\z for the end of the text"
    return "; the syntax is RE2's (docs/reference/patterns.md)"


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else pattern[:77] + "...")


def _encodable(text: str) -> str:
    """RE2 reads UTF-8, which has no halves of surrogate pairs: each is searched as a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
