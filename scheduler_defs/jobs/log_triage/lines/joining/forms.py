"""What lines of tracebacks look like, language by language."""

from __future__ import annotations

import re

SYSLOG = re.compile(
    rb"(?:<\d{1,3}>)?(?:\d\s)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.,+Z-]{8,24})"
    rb" \S{1,80} (?P<program>[\w./@-]{1,60}(?:\[\d{1,9}\])?): ?"
    rb"|<\d{1,3}>(?P<sender>[\w./@-]{1,60}(?:\[\d{1,9}\])?): ?"
)
PRIORITY = re.compile(rb"<(\d{1,3})>")
PYTHON = re.compile(rb"[ |+-]*(?:Exception Group )?Traceback \(most recent call last\):")
CHAIN = re.compile(
    rb"[ |]*(?:During handling of the above exception, another|The above exception was the direct cause)"
)
FRAME = re.compile(
    rb"\s+at [\w.$<>/@\[\]`~ -]{1,200}[(:]|\s+at (?:async |new |file:|node:|/|<)|\s+at \S+$| ---> "
    rb"|\tfrom \S+:\d+"
    rb"|#\d{1,3} (?:/\S+\(\d+\)|\{main\}|\[internal)"
)
INNER = re.compile(rb"\s*(Caused by: |---> )(?=[^\s])")
EXCEPTION = re.compile(
    rb"(?:[A-Za-z_$][\w$]{0,60}[.:]{1,2}){0,12}[A-Z][\w$]{0,80}"
    rb"(?:Error|Exception|Throwable|Interrupt|Exit|Fault|Warning)"
    rb"(?:: | \[|$)|(?:[a-z_$][\w$]{0,60}\.){1,12}[A-Z][\w$]{0,80}(?:: |$)|(?:Uncaught )?Error: "
    rb"|PHP Fatal error: "
)
UNCAUGHT = re.compile(
    rb"panic: |fatal error: |thread '[^']*'.{0,40} panicked at |Unhandled exception|Exception in thread "
)
GOROUTINE = re.compile(rb"goroutine \d+ (?:gp=\S+ m=\S+ )?\[")
OF_GO = re.compile(
    rb"goroutine \d+ |created by |exit status \d|[\w./*()\[\]{}\xc2\xb7%-]{1,300}\(.*\)$|\[signal "
    rb"|r[a-z0-9]{1,2} +0x"
    rb"|panic\(|\.\.\.|runtime\."
)
AFTER_FRAMES = re.compile(
    rb"Caused by: |Suppressed: |Node\.js v\d|\}$|Stack trace:|#\d{1,3} |\.\.\. \d+ |--- End of"
    rb"|note: |stack backtrace:"
)
NODE_PLACE = re.compile(rb"(?:node:|file://|/|[A-Z]:\\).{1,300}:\d+$")
KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
DOTNET_HEAD = re.compile(rb"(?:trce|dbug|info|warn|fail|crit): \S{1,200}\[\d{1,9}\]$")


_BEGINS = re.compile(rb"\n(?:[ \t#]|Traceback|thread '|goroutine |Stack trace:)")


def may_hold_tracebacks(block: bytes) -> bool:
    """Whether `join` can find something in `block`: it costs a look at every line."""
    if _BEGINS.search(b"\n" + block[:200]) or _BEGINS.search(block) or b"PRIVATE KEY" in block:
        return True
    return SYSLOG.match(block) is not None and (
        b": Traceback" in block or b"]:  " in block or b"]: \t" in block
    )
