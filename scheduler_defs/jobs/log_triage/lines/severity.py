"""How bad a line is, read from the forms in which common programs write it.

Sources: RFC 5424 section 6.2.1 (syslog), Python `logging`, Celery, PostgreSQL `elog.c`, nginx `ngx_log.c`,
glog/klog, Redis/Valkey `serverLogRaw`, bunyan/pino numeric levels, logfmt.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Severity(StrEnum):
    """From worst to least."""

    CRITICAL = "critical"
    """The program or the machine cannot go on: critical, fatal, alert, emergency, panic."""
    ERROR = "error"
    """Something failed."""
    WARNING = "warning"
    """Something may fail."""
    INFO = "info"
    """Normal: info, notice, Postgres' LOG and its DETAIL, HINT, STATEMENT and CONTEXT lines."""
    DEBUG = "debug"
    """Debug and trace."""
    UNKNOWN = "unknown"
    """The line names no severity, and no word in it speaks of failure."""


WORST_FIRST = tuple(Severity)

_NAMES: dict[str, Severity] = {
    **dict.fromkeys(
        ("critical", "crit", "fatal", "alert", "emerg", "emergency", "panic", "crt"), Severity.CRITICAL
    ),
    **dict.fromkeys(("error", "err", "eror", "severe", "exception", "failure", "fail"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn", "wrn"), Severity.WARNING),
    **dict.fromkeys(
        ("info", "notice", "note", "system", "log", "detail", "hint", "statement", "context", "inf"),
        Severity.INFO,
    ),
    **dict.fromkeys(
        ("debug", "trace", "verbose", "fine", "finer", "finest", "dbg", "dbug", "trce"), Severity.DEBUG
    ),
}
_SYSLOG = (
    *(Severity.CRITICAL,) * 3,
    Severity.ERROR,
    Severity.WARNING,
    Severity.INFO,
    Severity.INFO,
    Severity.DEBUG,
)
_WORDS = (
    "CRITICAL|CRIT|FATAL|ALERT|EMERG|EMERGENCY|PANIC|ERROR|ERR|SEVERE|WARNING|WARN|NOTICE|INFO|LOG|DETAIL|HINT"
    "|STATEMENT|CONTEXT|DEBUG|TRACE|VERBOSE"
)
_UPPER_PATTERN = r"(?<![A-Za-z0-9_.=*'\"-])(?:" + _WORDS + r")\d?(?=[\s:|/\])\-]|$)"
_UPPER = re.compile(_UPPER_PATTERN)
_UPPER_BYTES = re.compile(_UPPER_PATTERN.encode())
"""The most common form, and fast to find: nothing to the right of it needs to be looked at."""
_STRUCTURAL = re.compile(
    r"(?P<field>\b(?:level|lvl|severity|loglevel|log\.level)[=:]\s?[\"']?(?P<named>[A-Za-z]{3,13}))"
    r"|[\[<(](?:\w{1,30}:)?(?P<bracketed>(?i:"
    + _WORDS
    + r"|note|system|information|informational))\s{0,5}[\])>/:|]"
    r"|(?<![A-Za-z0-9_.=*'\"-])(?P<upper>" + _WORDS + r")\d?(?=[\s:|/\])\-]|$)"
    r"|^(?P<first>(?i:" + _WORDS + r"|trce|dbug|fail))\s?(?=[:|])|^npm (?P<npm>ERR)!"
    r"|(?<=[:|-])\s?(?P<coloned>(?i:crit|critical|fatal|error|err|warning|warn|notice|info|debug))\s?(?=[:|-]\s?)"
)
_GLOG = re.compile(r"^([IWEF])(?:\d{4}|<\*>) (?:\d|<\*>)")
_GLOG_SEVERITY = {"I": Severity.INFO, "W": Severity.WARNING, "E": Severity.ERROR, "F": Severity.CRITICAL}
_REDIS = re.compile(r"^\S{1,12}:[MSCXR] .{10,40}? ([#*.-]) ")
_REDIS_SEVERITY = {
    "#": Severity.WARNING,
    "*": Severity.INFO,
    "-": Severity.INFO,
    ".": Severity.DEBUG,
}
_COMPILER = re.compile(r":\s(?P<word>fatal error|error|warning|note):\s", re.IGNORECASE)
_EXCEPTION = re.compile(
    r"^(?:Traceback \(most recent call last\)|Exception in thread|Unhandled exception|panic:|fatal error:"
    r"|goroutine \S{1,20} \[|Uncaught |PHP Fatal error"
    r"|thread '.*' panicked"
    r"|Caused by:|[A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit|Fault)(?::|$)"
    r"|.{1,200}\([A-Z]\w{1,60}(?:Error|Exception)\)$)"
)
_HARMLESS = re.compile(
    r"(?:\bno|\bwithout|\bzero|<\*>|\b0) (?:errors?|failures?|failed|warnings?)\b"
    r"|\b(?:errors?|failures?|failed|warnings?)[\"']?\s?[=: ]\s?[\"']?(?:<\*>|0\b)"
    r"|error[_.-]?(?:log|page|handler|count|free)\b|\b(?:error|panic) (?:log|page|handler|mode|rate|budget)\b"
    r"|fail[_-]?over|fail2ban|[\w.-]{0,80}/[\w./-]{0,200}",
    re.IGNORECASE,
)
_COUNTS = re.compile(
    r"\b(?P<count>[1-9]\d{0,8}) (?P<things>errors?|failures?|failed|warnings?)\b"
    r"|\b(?P<named>errors?|failures?|failed|warnings?)[\"']?\s?[=:]\s?[\"']?[1-9]\d{0,8}\b"
    r"|\b(?:status|http)[= ][\"']?(?P<status>[45])\d\d\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"(?:<\*>|^) ?(?:errors?|failures?|failed|warnings?)\b(?!:)"
    r"|\b(?:errors?|failures?|failed|warnings?)[\"']?\s?[=: ]\s?[\"']?<\*>|\b(?:status|http)[= ][\"']?<\*>",
    re.IGNORECASE,
)
_BAD_WORDS = re.compile(
    r"\b(?:errors?|fail(?:ed|ure|ures|s|ing)?|fatal|panic|segfault|exceptions?|traceback|cannot|could not"
    r"|unable to|denied|refused|out of memory|oom-kill\w*|killed process|core dumped|corrupt\w*"
    r"|unreachable|aborted)\b",
    re.IGNORECASE,
)
_WORRYING_WORDS = re.compile(
    r"\b(?:warn(?:ing)?|deprecated|timed out|timeout|retry(?:ing)?|throttl\w+|invalid|unexpected"
    r"|not found|missing)\b",
    re.IGNORECASE,
)
_STRUCTURE_LENGTH = 240
"""A level further to the right than this belongs to the message."""


def named_severity(name: str) -> Severity | None:
    """The severity of a level's name (`WARN`, `err`, `DEBUG1`) or number (pino 10-60, syslog 0-7)."""
    name = name.strip().lower()
    if name.isdigit():
        number = int(name)
        if number <= 7:
            return _SYSLOG[number]
        return {
            1: Severity.DEBUG,
            2: Severity.DEBUG,
            3: Severity.INFO,
            4: Severity.WARNING,
            5: Severity.ERROR,
        }.get(number // 10, Severity.CRITICAL)
    return Severity.INFO if name.startswith("inform") else _NAMES.get(name.rstrip("0123456789<*>"))


def syslog_severity(level: int) -> Severity:
    """The severity for a syslog level, 0 (emergency) to 7 (debug): RFC 5424 section 6.2.1."""
    return _SYSLOG[level]


def end_of_level(line: bytes) -> int:
    """Where the first level in capitals ends, with the character after it; 0 when there is none near the
    start.

    Lines that are alike up to there have the same severity, except that of HTTP statuses.
    """
    found = _UPPER_BYTES.search(line, 0, _STRUCTURE_LENGTH)
    return found.end() + 1 if found else 0


def stated_severity(text: str) -> Severity | None:
    """The severity that the line states in a place where a logging format puts it, else None."""
    head = text[:_STRUCTURE_LENGTH]
    if glog := _GLOG.match(head):
        return _GLOG_SEVERITY[glog[1]]
    if redis := _REDIS.match(head):
        return _REDIS_SEVERITY[redis[1]]
    if _EXCEPTION.match(head):
        return Severity.ERROR
    upper = _UPPER.search(head)
    for found in _STRUCTURAL.finditer(head, 0, upper.end() if upper else len(head)):
        severity = named_severity(found["named"] or found[found.lastgroup or 0])
        if severity is not None:
            return severity
    if found := _COMPILER.search(head):
        word = found["word"].lower()
        return Severity.INFO if word == "note" else named_severity(word.split()[-1])
    return None


_TIME_IN_FRONT = re.compile(r"^[\[(]?\d[\dT:.,Z+/ -]{7,40}[\])]?\s{0,4}")


def stated_level(text: str) -> Severity | None:
    """`stated_severity`, but None for a line that only names an exception."""
    text = _TIME_IN_FRONT.sub("", text[:_STRUCTURE_LENGTH])
    return None if _EXCEPTION.match(text) else stated_severity(text)


def tells_severity(word: str) -> bool:
    """Whether a word may change the severity of the line that it stands in."""
    return bool(_BAD_WORDS.search(word) or _WORRYING_WORDS.search(word) or _UPPER.search(word))


def counts_failures(template: str) -> bool:
    """Whether the severity of such lines is in a number that the template does not show."""
    return _COUNTED.search(template) is not None


def guessed_severity(text: str) -> Severity:
    """A severity from the words of a line that states none, as classic syslog lines do.

    Numbers count: `3 errors` is an error, `0 errors` is none; `status=500` is an error, `404` a warning.
    """
    text = text[:2000]
    words = _HARMLESS.sub(" ", _COUNTS.sub(" ", text))
    counted = {_of_count(match) for match in _COUNTS.finditer(text)}
    if Severity.ERROR in counted or _BAD_WORDS.search(words):
        return Severity.ERROR
    if Severity.WARNING in counted or _WORRYING_WORDS.search(words):
        return Severity.WARNING
    return Severity.UNKNOWN


def _of_count(match: re.Match[str]) -> Severity:
    if match["status"]:
        return Severity.ERROR if match["status"] == "5" else Severity.WARNING
    things = match["things"] or match["named"]
    return Severity.WARNING if things.lower().startswith("warn") else Severity.ERROR


def severity_of(text: str) -> Severity:
    """The stated severity, else the guessed one."""
    return stated_severity(text) or guessed_severity(text)
