"""What must never be stored: secrets, and the addresses of people and machines.

`redact` is applied to every text that a report keeps. It errs on the side of removing too much: a report
can do without `token_count=5`, but not with one leaked token. `names` knows secrets by what stands beside
them, `shapes` by what they look like, `listed` by their values.
"""

from __future__ import annotations

import re
from re import Match

from scheduler_defs.redaction import names, shapes

ADDRESS = "[ip]"

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|\d{1,2})"
_IPV4 = re.compile(rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\d|\.\d)")
_IPV4_IN_NAME = re.compile(rf"\bip(?:-{_OCTET}){{4}}(?![\d-])")
_GROUP = r"[0-9A-Fa-f]{1,4}"
_IPV6 = re.compile(
    rf"(?<![\w:.])(?:(?:{_GROUP}:){{7}}{_GROUP}"
    rf"|(?:{_GROUP}:){{1,6}}(?::{_GROUP}){{1,6}}|(?:{_GROUP}:){{1,6}}:"
    rf"|::{_GROUP}(?::{_GROUP}){{0,6}})(?![\w:])"
)
_DIGIT = re.compile(r"\d")


def redact(text: str) -> str:
    """`text` without secrets, tokens, passwords, authorization headers, cookies, IPv4 and IPv6 addresses.

    Secrets become `[redacted]`, addresses `[ip]`; the names around them stay, so that one still sees what
    it was.
    """
    text = redact_secrets(text)
    if _DIGIT.search(text):
        text = _IPV4_IN_NAME.sub(ADDRESS, _IPV4.sub(ADDRESS, text))
    return _IPV6.sub(_if_ipv6, text) if "::" in text or text.count(":") >= 7 else text


def redact_secrets(text: str) -> str:
    """`text` without secrets; addresses stay. Linear in the length of the text."""
    lowered = text.lower()
    if not _DIGIT.search(text) and not any(hint in lowered for hint in (*names.HINTS, *shapes.HINTS)):
        return text
    for pattern, replacement in (*shapes.FIRST, *names.RULES, *shapes.RULES):
        text = pattern.sub(replacement, text)
    return text


def _if_ipv6(match: Match[str]) -> str:
    """`::1`, `fe80::1`, `::dead:beef`, and not `::add` of a program."""
    groups = [group for group in match[0].split(":") if group]
    certain = any(map(str.isdigit, match[0])) or (len(groups) > 1 and len(groups[-1]) == 4)
    return ADDRESS if certain else match[0]
