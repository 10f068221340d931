"""Secrets that are known by what stands beside them: a name, an option, a header, a word of SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match

REDACTED = "[redacted]"

Rule = tuple[re.Pattern[str], str | Callable[[Match[str]], str]]

_NAMES = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token(?!s\b|iz)|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth[_-]?key|encryption[_-]?key|credentials?|session[_-]?(?:id|key)|sessionid|phpsessid|jsessionid"
    r"|client[_-]?secret|rediscli_auth"
)
_QUOTED = (
    r"""\\"(?:\\{3}"|\\(?!")[^\n]|[^"\\\n])*+(?:\\"|"|$)"""  # inside JSON that is itself a JSON string
    r"""|"(?:[^"\\\n]|\\.)*+(?:"|$)|\\?'(?:[^'\\\n]|\\.)*+(?:'|$)"""
)
_VALUE = rf"""(?:\[redacted\]|{_QUOTED}|[^\s,;&"'\\)\]}}]+)"""
_EQUALS = r"(?:=>|:=|=)"

_COOKIE = re.compile(r"""(?i)\b((?:set-)?cookies?\\?["']?\s{0,4}[:=]\s{0,4})[^\r\n]+""")
_SIGNED = re.compile(
    r"""(?i)\b((?:proxy-)?authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?(?:digest|aws4-hmac-sha256)\s)[^\r\n]+"""
)
_AUTHORIZATION = re.compile(
    r"""(?i)\b((?:proxy-)?authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?)"""
    r"""(?:(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)\s{1,4})?[^\s"',;\\]+"""
)
_BEARER = re.compile(
    r"(?i)\b((?:bearer|basic)\s{1,4})(?!(?:tokens?|auth\w*|realm|scheme|is|was|has|not|and|or)\b)"
    r"[A-Za-z0-9._~+/=-]{6,}"
)
_SIGNATURE = re.compile(r"""(?i)\b((?:signature|response)\s?=\s?"?)[A-Za-z0-9+/=_%-]{16,}""")
_NAMED = re.compile(rf"""(?i)((?:{_NAMES})[\w.-]{{0,40}}\\?["']?\s{{0,4}}(?:=>|:=|=|:)\s{{0,4}}){_VALUE}""")
_SHORT_NAMED = re.compile(
    rf"""(?i)((?<![a-z])(?:pass|pw)\\?["']?\s{{0,4}}{_EQUALS}\s{{0,4}}"""
    rf"""|["'](?:\w{{1,30}}[_-])?(?:pass|pw)\\?["']\s{{0,4}}:\s{{0,4}}"""
    rf"""|(?-i:[A-Z0-9_]{{1,30}}_(?:PASS|PW)):\s{{0,4}}|(?<![\w.])(?:connect\.)?sid{_EQUALS}){_VALUE}"""
)
_TOLD = re.compile(
    r"""(?i)\b((?:pass(?:word|phrase|code)|pwd|secret|token|(?:api|access|private)[\s_-]key)\s(?:is|was)\s{1,4})"""
    r"""(?:'[^'\n]+'|"[^"\n]+"|(?=[^\s\d]{0,80}\d)\S+)"""
)
_SQL = re.compile(r"""(?i)\b((?:identified\s{1,4}by|password)\s{1,4})(?:'(?:[^'\n]|'')*'|"[^"\n]*")""")
_ELEMENT = re.compile(rf"""(?i)(<(?:\w{{1,20}}[:_-])?(?:{_NAMES}|pass|pw)[^<>]{{0,80}}>)[^<\n]+(?=<)""")
_OPTION = re.compile(rf"""(?i)(--?(?:[\w]{{1,20}}-){{0,3}}(?:{_NAMES})[\w-]{{0,20}}\s{{1,4}}){_VALUE}""")
_CURL = re.compile(
    r"""\b(curl\b[^\n|;&]{0,300}?\s(?:-[A-Za-z]{0,6}u|--user|--proxy-user|-U)[\s=]{0,4})"""
    r"""(?:'[^'\n]*'|"[^"\n]*"|[^\s"']){1,500}+"""  # one word of a shell
)
_CLIENTS = re.compile(
    r"""\b((?:(?:mysql|mariadb)[\w-]{0,12}\b[^\n|;&]{0,300}?\s-p|sshpass\s{1,4}-p\s{0,4}"""
    r"""|openssl\b[^\n|;&]{0,300}?\spass:|redis-cli\b[^\n|;&]{0,300}?\s(?:-a|--pass)\s{1,4}"""
    r"""|(?:mongo(?:sh|dump|restore|export|import)?|(?:docker|podman|helm|skopeo|oras|crane|az|nerdctl)"""
    r"""(?:\s[\w-]{1,20}){0,2}\slogin)\b[^\n|;&]{0,300}?\s-p\s{1,4}))(?:'[^'\n]*'|"[^"\n]*"|[^\s'"]+)"""
)
_USERINFO = re.compile(
    r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)(?:[^\s/@:\"'<>]{0,256}:(?!\d{1,5}[/?#\s])[^\s\"'<>]{0,256}@"
    r"|[^/\s@\"'<>]{1,256}@)"
)
_QUERY = re.compile(r"(?i)([?&](?:key|sig|signature|auth|code|state|x-amz-[a-z-]{1,30})=)[^&\s\"']+")


def _keep_name(match: Match[str]) -> str:
    return match[1] + REDACTED


RULES: tuple[Rule, ...] = (
    *((pattern, _keep_name) for pattern in (_COOKIE, _SIGNED, _AUTHORIZATION, _BEARER, _SIGNATURE)),
    *((pattern, _keep_name) for pattern in (_NAMED, _SHORT_NAMED, _TOLD, _SQL, _ELEMENT, _OPTION)),
    *((pattern, _keep_name) for pattern in (_CURL, _CLIENTS)),
    (_USERINFO, lambda match: f"{match[1]}{REDACTED}@"),
    (_QUERY, _keep_name),
)
"""In this order: what takes the rest of a line comes before what takes a word."""

HINTS = (
    *("pass", "pwd", "pw", "secret", "token", "api", "access", "private", "auth", "encryption", "credential"),
    *("session", "sessid", "sid=", "cookie", "bearer", "basic", "signature", "response", "identified"),
    *("curl", "mysql", "mariadb", "redis-cli", "mongo", "login", "://", "?", "&"),
)
"""Every rule needs one of these, or a digit: most texts have neither and need no further look."""
