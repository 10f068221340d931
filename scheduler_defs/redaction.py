"""What must never be stored: secrets, and the addresses of people and machines.

`redact` is applied to every text that a report keeps. It errs on the side of removing too much: a report
can do without `token_count=5`, but not with one leaked token. All patterns are linear in the length of
their input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match

REDACTED = "[redacted]"
ADDRESS = "[ip]"

_NAMES = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token(?!s\b|iz)|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|encryption[_-]?key|credentials?|session[_-]?(?:id|key)|sessionid|client[_-]?secret"
)
_VALUE = r"""(?:\[redacted\]|\\?"(?:[^"\\\n]|\\[^"])*(?:\\?"|$)|\\?'[^'\n]*(?:'|$)|[^\s,;&"'\\)\]}]+)"""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
_COOKIE = re.compile(r"""(?i)\b((?:set-)?cookie\\?["']?\s{0,4}[:=]\s{0,4})[^\r\n]+""")
_AUTHORIZATION = re.compile(
    r"""(?i)\b((?:proxy-)?authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)"""
    r"""(?:(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)\s{1,4})?[^\s"',;\\]+"""
)
_BEARER = re.compile(
    r"(?i)\b((?:bearer|basic)\s{1,4})(?!(?:tokens?|auth\w*|realm|scheme|is|was|has|not|and|or)\b)"
    r"[A-Za-z0-9._~+/=-]{6,}"
)
_NAMED = re.compile(rf"""(?i)((?:{_NAMES})[\w.-]{{0,40}}\\?["']?\s{{0,4}}(?:=>|:=|=|:)\s{{0,4}}){_VALUE}""")
_OPTION = re.compile(rf"""(?i)(--?(?:[\w]{{1,20}}-){{0,3}}(?:{_NAMES})[\w-]{{0,20}}\s{{1,4}}){_VALUE}""")
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^/\s@\"'<>]{1,256}@")
_QUERY = re.compile(r"(?i)([?&](?:key|sig|signature|auth|code|state|x-amz-[a-z-]{1,30})=)[^&\s\"']+")
_KNOWN_SHAPES = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|sk[-_](?:live_|test_|ant-|proj-)?[A-Za-z0-9_-]{16,}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?)"
)
_LONG_WORD = re.compile(r"[A-Za-z0-9_+-]{32,}={0,2}")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|\d{1,2})"
_IPV4 = re.compile(rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\d|\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}"
    r"|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}|(?:[0-9A-Fa-f]{1,4}:){1,6}:)(?![\w:])"
)
_DIGIT = re.compile(r"\d")
_HINTS = (
    *(
        "pass",
        "pwd",
        "secret",
        "token",
        "api",
        "access",
        "private",
        "auth",
        "encryption",
        "credential",
        "session",
    ),
    *("cookie", "bearer", "basic", "://", "?", "&", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "sk-", "sk_", "aiza", "eyj"),
)
"""Every rule needs one of these, or a digit: most texts have neither and need no further look."""


def redact(text: str) -> str:
    """`text` without secrets, tokens, passwords, authorization headers, cookies, IPv4 and IPv6 addresses.

    Secrets become `[redacted]`, addresses `[ip]`; the names around them stay, so that one still sees what
    it was.
    """
    text = redact_secrets(text)
    if _DIGIT.search(text):
        text = _IPV6.sub(_if_ipv6, _IPV4.sub(ADDRESS, text))
    return text


def redact_secrets(text: str) -> str:
    """`text` without secrets; addresses stay."""
    lowered = text.lower()
    if not _DIGIT.search(text) and not any(hint in lowered for hint in _HINTS):
        return text
    for pattern, replacement in _SECRET_RULES:
        text = pattern.sub(replacement, text)
    return text


def _keep_name(match: Match[str]) -> str:
    return match[1] + REDACTED


def _if_random(match: Match[str]) -> str:
    """Long words with digits, capitals and small letters are keys more often than they are words."""
    word = match[0]
    mixed = any(map(str.isdigit, word)) and any(map(str.islower, word)) and any(map(str.isupper, word))
    return REDACTED if mixed else word


def _if_ipv6(match: Match[str]) -> str:
    return ADDRESS if any(map(str.isdigit, match[0])) else match[0]


_SECRET_RULES: tuple[tuple[re.Pattern[str], str | Callable[[Match[str]], str]], ...] = (
    (_PRIVATE_KEY, REDACTED),
    (_COOKIE, _keep_name),
    (_AUTHORIZATION, _keep_name),
    (_BEARER, _keep_name),
    (_NAMED, _keep_name),
    (_OPTION, _keep_name),
    (_USERINFO, lambda match: f"{match[1]}{REDACTED}@"),
    (_QUERY, _keep_name),
    (_KNOWN_SHAPES, REDACTED),
    (_LONG_WORD, _if_random),
)
