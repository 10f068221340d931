"""What is left of a line when everything that varies is taken out: numbers, ids, addresses, quoted values.

Three steps, from cheap and applied to whole blocks to thorough and applied to few lines; the caches between
them are in `grouping`:

1. `without_quoted` empties quoted values, `without_digits` drops digits. Most lines then equal
   one seen before.
2. `collapse_numbers` turns each run of digits and what goes with them (times, addresses, ids) into one mark.
3. `Templates.of` turns every word into its constant part.

Everything works on bytes: logs need not be valid UTF-8, and `bytes` is what regular expressions are fastest
on.
"""

from __future__ import annotations

import re
from re import Match

from scheduler_defs.jobs.log_triage.lines import marks
from scheduler_defs.jobs.log_triage.lines.cleaning import JOINT

VARIABLE = "<*>"

_DIGITS = b"0123456789"
_DIGIT = b"\x01"
_MARK = b"\x02"
_TO_MARKS = bytes.maketrans(_DIGITS, _DIGIT * len(_DIGITS))
_DOUBLE_QUOTED = re.compile(rb'"[^"\n]*"')
_SINGLE_QUOTED = re.compile(rb" '[^'\n]*'")
_RUN = re.compile(rb"\x01[\x01a-fTZ.:,/+\-]*(?![A-Za-z])")

_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_WORD = 24
_LONGEST_REMEMBERED_WORD = 80
_LONG_ID = re.compile(rb"[A-Za-z0-9+/_\x01=-]{%d,}" % _LONG_WORD)
_EMAIL = re.compile(
    rb"[\w.+\-\x01]{1,64}@[\w\-\x01]{1,64}(?:\.[\w\-\x01]{1,32}){0,6}"
    rb"\.(?!service|socket|timer|mount|device|target|slice)[a-z]{2,12}\b"
)
_QUOTED_IN_WORD = re.compile(rb"""(?<![A-Za-z0-9_])'[^']*'""")
_HEX = re.compile(
    rb"(?<![A-Za-z0-9_\x01])(?:[a-fA-F]{0,8}[:\-]){0,8}(?:\x01x)?[a-fA-F]*\x01[a-fA-F\x01]*"
    rb"(?:[:\-][a-fA-F\x01]*)*(?![A-Za-z0-9_])"
)
_MIXED = re.compile(rb"[A-Za-z_]*\x01[\x01_]*[A-Za-z]+[_]*\x01[A-Za-z_\x01]*")
_SHORTEST_MIXED_CASE = 6
_MIXED_CASE = re.compile(rb"[A-Za-z\x01]{%d,}" % _SHORTEST_MIXED_CASE)
_CASE_CHANGE = re.compile(rb"[a-z](?=[A-Z])|[A-Z](?=[a-z])")
_DATE = re.compile(rb"\x02/" + _MONTH + rb"/\x02")
_MARKS = re.compile(rb"\x02(?:[.:,/+\-_]*\x02)+")
_LEADING = re.compile(
    rb"^(?:(?:"
    + _DAY
    + rb",? )?(?:"
    + _MONTH
    + rb" )?\x02(?: "
    + _MONTH
    + rb" \x02)?[ ,:]{0,2}+(?:(?:UTC|GMT|[A-Z]{3,4}T) )?"
    rb"(?!(?:errors?|failures?|failed|FAILED|warnings?|passed)\b(?!:)))+"
)
_CELERY_HEAD = re.compile(rb"^\[\x02 \x02:? ([A-Z]+)/([^\]]{1,60})\]")
_UNITS = b"smhd,.;"
_DURATION = re.compile(rb"(?:[\x01.]+(?:ms|us|\xc2\xb5s|ns|[dhms])){1,4}[,.;]?")
_SIGN = re.compile(rb"(?<![A-Za-z\x02>)\]])[-+]\x02")
_LIST = re.compile(rb"(\[)\x02(?:,? \x02)+(?=\])")
_LONGEST = 2000
"""Bytes of a line that count; two lines that differ only after that are one."""


def without_quoted(block: bytes) -> bytes:
    """`block` with the values between quotes removed, the quotes kept. Lines stay lines."""
    if b'"' in block:
        block = _DOUBLE_QUOTED.sub(b'""', block)
    if b"'" in block:
        block = _SINGLE_QUOTED.sub(b" ''", block)
    return block


def without_digits(block: bytes) -> bytes:
    """`block` without digits: cheap, and equal for most lines of one kind."""
    return block.translate(None, _DIGITS)


def collapse_numbers(block: bytes) -> bytes:
    """`block` with numbers, dates, addresses and the later part of hexadecimal ids each as one mark."""
    return _RUN.sub(_DIGIT, block.translate(_TO_MARKS))


class Templates:
    """Lines to templates, with a memory for words: most words have been seen before."""

    def __init__(self, *, max_words: int = 50_000) -> None:
        self._words = _Words(max_words)

    def of(self, collapsed: bytes) -> bytes:
        """The template of one line that went through `collapse_numbers`."""
        words = self._words
        text = b" ".join([words[word] for word in collapsed[:_LONGEST].split()])
        text = text.replace(b"[ \x02", b"[\x02")
        return _LIST.sub(rb"\1" + _MARK, text) if b"[\x02 \x02" in text else text


def without_time(template: bytes) -> bytes:
    """A template without the time that it starts with."""
    if template.startswith(b"["):
        template = _CELERY_HEAD.sub(rb"\1 \2", template)
    else:
        template = marks.PRIORITY_MARK.sub(b"", template)
    return _LEADING.sub(b"", template) or template


def render(template: bytes, *, limit: int = 300) -> str:
    """A template for people: `Failed password for <*> from <*>`."""
    text = template.replace(marks.CLIENT_ERROR + _MARK, b"4xx").replace(marks.SERVER_ERROR + _MARK, b"5xx")
    text = marks.PRIORITY_MARK.sub(
        b"", text.replace(marks.CLIENT_ERROR, b"").replace(marks.SERVER_ERROR, b"")
    )
    text = (
        text.replace(JOINT, b"|")
        .replace(b'""', b'"\x02"')
        .replace(b"''", b"'\x02'")
        .replace(_MARK, VARIABLE.encode())
    )
    decoded = text.decode("utf-8", errors="replace")
    return decoded if len(decoded) <= limit else decoded[: limit - 1] + "…"


class _Words(dict[bytes, bytes]):
    """Words to their constant parts. When full it stops taking plain words, and starts anew for an id."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, word: bytes) -> bytes:
        if len(word) < _LONG_WORD and word.isalpha() and (len(word) < _SHORTEST_MIXED_CASE or word.islower()):
            if len(self) < self._limit:
                self[word] = word
            return word
        constant = _constant_part(word)
        if len(word) <= _LONGEST_REMEMBERED_WORD:
            if len(self) >= self._limit:
                self.clear()
            self[word] = constant
        return constant


def _constant_part(word: bytes) -> bytes:
    if word[:1] == _DIGIT and word[-1:] in _UNITS and _DURATION.fullmatch(word):
        return _MARK
    if b"@" in word:
        word = _EMAIL.sub(_MARK, word)
    if b"'" in word:
        word = _QUOTED_IN_WORD.sub(b"''", word)
    if len(word) >= _LONG_WORD:
        word = _LONG_ID.sub(_mark_if_random, word)
    if _DIGIT in word:
        word = _HEX.sub(_MARK, word)
        if word.count(_DIGIT) > 1:
            word = _MIXED.sub(_MARK, word)
    if len(word) >= _SHORTEST_MIXED_CASE and not word.islower() and not word.isupper():
        word = _MIXED_CASE.sub(_mark_if_jumbled, word)
    word = word.replace(_DIGIT, _MARK)
    if b"-\x02" in word or b"+\x02" in word:
        word = _SIGN.sub(_MARK, word)
    if b"/" in word:
        word = _DATE.sub(_MARK, word)
    return _MARKS.sub(_MARK, word) if word.count(_MARK) > 1 else word


def _mark_if_jumbled(match: Match[bytes]) -> bytes:
    """`twL7Zr` and `fGiLqCqMRd` are ids: their case changes far more often than that of `Utf8Decoder`."""
    word = match[0]
    letters = word.replace(_DIGIT, b"")
    changes = len(_CASE_CHANGE.findall(letters))
    has_digits = len(letters) < len(word)
    if has_digits and changes >= 2:
        return _MARK if changes > 0.35 * len(letters) else word
    return _MARK if changes >= 4 and changes > 0.45 * len(letters) else word


def _mark_if_random(match: Match[bytes]) -> bytes:
    """Long words with digits, capitals and small letters are ids; others are names and paths."""
    word = match[0]
    if _DIGIT in word and word.lower() != word and word.upper() != word and b"/" not in word[:12]:
        return _MARK
    return word
