"""Secrets that are known by what they look like: keys with a maker's prefix, hooks, random words."""

from __future__ import annotations

import re
from re import Match

from scheduler_defs.redaction.names import REDACTED, Rule

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_HOOK = re.compile(
    r"(?i)\b(hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/"
    r"|api\.telegram\.org/(?:file/)?bot|hooks\.zapier\.com/hooks/catch/"
    r"|hc-ping\.com/|hooks/(?=[a-z0-9]{26}\b)"
    r"|webhook\.office\.com/webhookb?2?/|outlook\.office(?:365)?\.com/webhook/"
    r"|chat\.googleapis\.com/v1/spaces/[\w-]{1,80}/messages\?)(?:\[redacted\]|[^\s\"'<>)\]}]+)"
)
_TELEGRAM = re.compile(r"(?<!\d)\d{8,10}:[A-Za-z0-9_-]{34,36}(?![A-Za-z0-9_-])")
_KNOWN = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|gl(?:pat|dt|rt|ptt)-[\w-]{16,}|glsa_\w{16,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"
    r"|(?:sk|rk|pk)[-_](?:live_|test_|ant-|proj-)?[A-Za-z0-9_-]{16,}|whsec_[A-Za-z0-9+/=]{16,}|gsk_\w{16,}"
    r"|npm_[A-Za-z0-9]{8,}|hf_[A-Za-z0-9]{8,}|pypi-[\w-]{16,}|do[opr]_v1_[0-9a-f]{16,}|dapi[0-9a-f]{32}"
    r"|dckr_pat_[\w-]{16,}|sbp_[0-9a-f]{16,}|ntn_[A-Za-z0-9]{16,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|hv[sb]\.[\w-]{16,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{16,}|AGE-SECRET-KEY-1[0-9A-Z]{16,}"
    r"|eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?)"
)
_LONG_WORD = re.compile(r"[A-Za-z0-9_+-]{32,}={0,2}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/]{40,}={0,2}(?![A-Za-z0-9+/=_-])")
_BASE32 = re.compile(r"(?<![A-Za-z0-9_])(?=[A-Z]{0,60}[2-7])[A-Z2-7]{26,}(?![A-Za-z0-9_])")
_HEXADECIMAL = re.compile(
    r"(?i)(?<![A-Za-z0-9_/.@-])(?<!sha\d[:= -])(?<!sha\d\d\d[:= -])(?<!md5[:= -])(?<!commit[:= ])"
    r"(?<!digest[:= ])(?<!trace_id[:= ])(?<!trace-id[:= ])(?<!traceid[:= ])"
    r"(?=[a-f]{0,60}\d)(?=\d{0,60}[a-f])(?:[0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
    r"(?![A-Za-z0-9_-])"
)
_CASE_CHANGE = re.compile(r"[a-z](?=[A-Z])|[A-Z](?=[a-z])")


def _if_random(match: Match[str]) -> str:
    """Long words with digits, capitals and small letters are keys more often than they are words."""
    word = match[0]
    mixed = any(map(str.isdigit, word)) and any(map(str.islower, word)) and any(map(str.isupper, word))
    return REDACTED if mixed else word


def _if_jumbled(match: Match[str]) -> str:
    """In base64 the case changes with every fourth letter; in paths and names far less often."""
    word = match[0]
    return REDACTED if len(_CASE_CHANGE.findall(word)) > 0.15 * len(word) else word


FIRST: tuple[Rule, ...] = (
    (_PRIVATE_KEY, REDACTED),
    (_HOOK, lambda match: match[1] + REDACTED),
    (_TELEGRAM, REDACTED),
)
"""Before names are looked at, which would leave parts of them."""
RULES: tuple[Rule, ...] = (
    (_KNOWN, REDACTED),
    (_LONG_WORD, _if_random),
    (_BASE64, _if_jumbled),
    (_BASE32, REDACTED),
    (_HEXADECIMAL, REDACTED),
)
HINTS = (
    *(
        "private key",
        "hooks",
        "hc-ping",
        "webhook",
        "telegram",
        "akia",
        "asia",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
    ),
    *("github_pat_", "glpat-", "gldt-", "glrt-", "glptt-", "glsa_", "xox", "xapp-", "sk-", "sk_", "rk_"),
    *("pk-", "pk_", "rk-", "whsec_", "gsk_", "npm_", "hf_", "pypi-", "sg.", "hvs.", "hvb.", "shp", "aiza"),
    *("ya29", "age-secret", "eyj", "dckr_", "sbp_", "ntn_"),
)
