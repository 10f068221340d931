"""Types of the fields: how a YAML value is read, what is refused and why, and how a JSON Schema shows it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from scheduler_defs.declarations.names import MAIL_ADDRESS, name_fault
from scheduler_defs.declarations.reading.scalars import as_boolean, as_text
from scheduler_defs.patterns import check_glob_sets, pattern_fault
from scheduler_defs.timing import parse_duration, parse_every, zone

ASSET_KEY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
ASSET_KEY_FORM = "allowed are letters, digits, '_', '-' and '.', in parts joined by '/'"
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_RESERVED_TAGS = ("signalbox/", ".dagster/")
_SECONDS_TO_YEARS = r"^(0|(\d+ *(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?) *)+)$"
_MONTHS_TOO = r"^((\d+ *(s|m|h|d|w|minutes?|hours?|days?|weeks?) *)+|\d+ *(mo|months?))$"
MOST_TEXT = 100_000


class Written(BaseModel):
    """An entry of a file: closed, and strict about types."""

    # Pydantic's own `use_attribute_docstrings` reads the source at every import; see `schemas` instead.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class SchemaOf:
    """Shows a field as alternatives, one of them a model, without making its schema at import."""

    def __init__(self, model: type[BaseModel], *others: dict[str, Any]) -> None:
        self.model, self.others = model, others

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*self.others, self.model.model_json_schema()]}


def wrong(message: str) -> PydanticCustomError:
    """A fault in our own words: what is wrong, and what is allowed."""
    return PydanticCustomError("wrong", "{message}", {"message": message})


def _checked(check: Callable[[Any], object]) -> BeforeValidator:
    """Keep the value as written; what `check` raises as ValueError becomes the fault."""

    def validate(value: Any) -> Any:
        text = as_text(value)
        try:
            if isinstance(text, str):
                check(text)
        except ValueError as error:
            raise wrong(str(error)) from None
        return text

    return BeforeValidator(validate)


@lru_cache(maxsize=4_096)
def _duration(text: str) -> dt.timedelta:
    return parse_duration(text)


def _read_duration(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        return value
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise wrong("must be a duration such as 90s, 10m, 36h, 1d, 2w")
    try:
        return _duration(str(as_text(value)))
    except ValueError as error:
        raise wrong(str(error)) from None


def _longer_than_nothing(value: Any) -> Any:
    duration = _read_duration(value)
    if duration <= dt.timedelta(0):
        raise wrong("must be longer than 0s")
    return duration


def one_or_many(value: Any) -> Any:
    """A value alone stands for a list of one."""
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _argument_list(value: Any) -> Any:
    """Refuses a shell line, and shows it as a list."""
    if isinstance(value, str):
        raise wrong(f"is a text; write it as a list: {_as_list(value)}")
    if isinstance(value, list):
        words = [as_text(each) for each in cast("list[Any]", value)]
        if not words:
            raise wrong("is empty; name at least a program: [echo, hello]")
        if not isinstance(words[0], str) or not words[0].strip():
            raise wrong("must begin with the program to run")
        return words
    return value


def _as_list(line: str) -> str:
    import shlex

    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    if any(word in ("|", "&&", "||", ";", ">", "<", ">>", "&") for word in words):
        return f"[sh, -c, {_quoted(line)}]"
    return f"[{', '.join(_quoted(word) for word in words)}]"


def _quoted(word: str) -> str:
    if re.fullmatch(r"-{0,2}[A-Za-z_./][A-Za-z0-9_./=-]*", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _environment_name(name: str) -> None:
    if "=" in name:
        raise ValueError(f"{name.split('=')[0]!r} must stand without its value: env lists names to pass on")
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a variable's name; allowed are letters, digits and '_'")


def _asset_key(key: str) -> None:
    if not ASSET_KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is no asset key; {ASSET_KEY_FORM}")


def _identifier(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,100}", name):
        raise ValueError(f"{name[:80]!r} is not allowed; allowed are letters, digits and '_'")


def _good_name(name: str) -> None:
    if fault := name_fault(name):
        raise ValueError(fault)


def _mail_address(text: str) -> None:
    if not MAIL_ADDRESS.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no e-mail address in ASCII, such as ann@example.org")


def _http_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text[:80]!r} is no address such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password; name a variable for secrets")


def _relative_glob(pattern: str) -> None:
    if pattern.startswith(("/", "~")) or ".." in pattern.split("/") or not pattern.strip():
        raise ValueError(f"{pattern!r} must be a glob below the working directory, such as out/*.csv")


def _file_glob(pattern: str) -> None:
    if not pattern.startswith(("/", "{state}/", "~/")) or ".." in pattern.split("/") or "\0" in pattern:
        raise ValueError(f"{pattern!r} must be a glob that begins with /, ~/ or {{state}}/, without '..'")


def _span_of_a_day(text: str) -> None:
    if not _SPAN.fullmatch(text) or text.partition("-")[0] == text.partition("-")[2]:
        raise ValueError(f"{text[:40]!r} is no span of a day such as 22:00-07:00")


def _regex(pattern: str) -> None:
    if fault := pattern_fault(pattern):
        raise ValueError(fault)


def _read_tags(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    tags = {key: as_text(each) for key, each in cast("dict[str, Any]", value).items()}
    for key in tags:
        if key.startswith(_RESERVED_TAGS):
            raise wrong(f"the tag {key!r} is set by the program; choose another prefix")
        if not _TAG_KEY.fullmatch(key):
            raise wrong(
                f"bad tag key {key[:80]!r}; allowed are letters, digits, '_', '-', '.', at most 63,"
                " and one prefix ending in '/'"
            )
    return tags


Text = Annotated[str, BeforeValidator(as_text), Field(max_length=MOST_TEXT)]
Name = Annotated[str, _checked(_good_name), WithJsonSchema({"type": "string"})]
Flag = Annotated[
    bool, BeforeValidator(as_boolean), WithJsonSchema({"enum": [True, False, "yes", "no", "on", "off"]})
]
_DURATION_SCHEMA = WithJsonSchema(
    {
        "anyOf": [{"type": "string", "pattern": _SECONDS_TO_YEARS}, {"const": 0}],
        "examples": ["90s", "10m", "36h", "1d", "2w"],
    }
)
Duration = Annotated[dt.timedelta, BeforeValidator(_read_duration), _DURATION_SCHEMA]
PositiveDuration = Annotated[dt.timedelta, BeforeValidator(_longer_than_nothing), _DURATION_SCHEMA]
Step = Annotated[
    str,
    _checked(parse_every),
    WithJsonSchema(
        {"type": "string", "pattern": _MONTHS_TOO, "examples": ["1m", "10m", "1h", "1d", "1w", "3 months"]}
    ),
]
TimeZone = Annotated[
    str, _checked(zone), WithJsonSchema({"type": "string", "examples": ["UTC", "America/Chicago"]})
]
Instant = Annotated[
    str, BeforeValidator(as_text), WithJsonSchema({"type": "string", "examples": ["2026-12-31T23:00"]})
]


def _read_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(f"{as_text(value)!r} is not a number")
    return int(value) if isinstance(value, int) else float(value)


Number = Annotated[Any, BeforeValidator(_read_number), WithJsonSchema({"type": "number"})]
Natural = Annotated[int, Field(ge=0, le=1_000_000)]
"""A number of runs or tasks. The bound is far below what a column of the database takes."""
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
ArgumentList = Annotated[
    list[Text],
    BeforeValidator(_argument_list),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": ["string", "number", "boolean"]},
            "examples": [["python", "-m", "report"]],
        }
    ),
]
EnvironmentName = Annotated[str, _checked(_environment_name), WithJsonSchema({"type": "string"})]
Glob = Annotated[str, _checked(_relative_glob), _checked(check_glob_sets), WithJsonSchema({"type": "string"})]
Regex = Annotated[str, _checked(_regex), WithJsonSchema({"type": "string", "format": "regex"})]
_TEXTUAL = {"type": ["string", "number", "boolean"]}
Tags = Annotated[
    dict[str, str],
    BeforeValidator(_read_tags),
    WithJsonSchema({"type": "object", "additionalProperties": _TEXTUAL}),
]


def either(item: dict[str, Any]) -> WithJsonSchema:
    """The schema of one such item, or a list of them."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


_STRING: dict[str, Any] = {"type": "string"}
Texts = Annotated[list[Text], BeforeValidator(one_or_many), Field(min_length=1), either(_STRING)]
Instants = Annotated[
    list[Instant],
    BeforeValidator(one_or_many),
    Field(min_length=1),
    either({"type": "string", "examples": ["2026-12-31T23:00", "2026-12-31T23:00+01:00"]}),
]
_MAIL = Annotated[str, _checked(_mail_address), WithJsonSchema({"type": "string", "format": "email"})]
HttpUrl = Annotated[str, _checked(_http_url), WithJsonSchema({"type": "string", "format": "uri"})]
Addresses = Annotated[
    list[_MAIL],
    BeforeValidator(one_or_many),
    Field(min_length=1),
    either({"type": "string", "format": "email"}),
]
Names = Annotated[list[Name], BeforeValidator(one_or_many), Field(min_length=1), either(_STRING)]
AssetKeys = Annotated[
    list[Annotated[str, _checked(_asset_key), WithJsonSchema({"type": "string"})]],
    BeforeValidator(one_or_many),
    either(_STRING),
]
Identifier = Annotated[str, _checked(_identifier), WithJsonSchema({"type": "string"})]
Identifiers = Annotated[list[Identifier], BeforeValidator(one_or_many), either(_STRING)]
Globs = Annotated[list[Glob], BeforeValidator(one_or_many), either(_STRING)]
_QUIET = Annotated[
    str, _checked(_span_of_a_day), WithJsonSchema({"type": "string", "pattern": _SPAN.pattern})
]
QuietSpans = Annotated[
    list[_QUIET],
    BeforeValidator(one_or_many),
    Field(min_length=1),
    either({"type": "string", "examples": ["22:00-07:00"]}),
]
FileGlob = Annotated[str, _checked(_file_glob), _checked(check_glob_sets), WithJsonSchema({"type": "string"})]
FileGlobs = Annotated[list[FileGlob], BeforeValidator(one_or_many), either(_STRING)]
