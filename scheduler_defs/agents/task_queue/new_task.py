"""What people give when they add or import tasks, checked."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.errors import SignalboxError

LARGEST_PAYLOAD = 1_048_576
"""Bytes of a task's payload as compact JSON."""


def _name(text: str) -> str:
    from scheduler_defs.declarations.names import NAME

    if NAME.fullmatch(text) is None:
        raise ValueError(
            "1 to 128 letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_', are allowed"
        )
    return text


def _text(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the character U+0000 is not allowed")
    return text


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _paths(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({_path(value) for value in values}))


def _path(text: str) -> str:
    path = text.removeprefix("./").rstrip("/")
    names = path.split("/")
    if not path or len(path) > 1000 or "" in names or {".", ".."} & set(names) or not path.isprintable():
        raise ValueError(f"{text!r}: a path below the repository's root is expected, such as src/api/**")
    if wrong := next((name for name in names if "**" in name and name != "**"), None):
        raise ValueError(f"{text!r}: ** stands for folders and is a name by itself, not a part of {wrong!r}")
    return path


def _payload(value: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    size = len(text.encode())
    if size > LARGEST_PAYLOAD:
        raise ValueError(f"the payload has {size} bytes of JSON; at most {LARGEST_PAYLOAD} are allowed")
    if "\\u0000" in text:
        raise ValueError("the character U+0000 is not allowed")
    return value


Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, AfterValidator(_text)]
Capabilities = Annotated[tuple[Name, ...], AfterValidator(_sorted)]
Payload = Annotated[dict[str, Any], AfterValidator(_payload)]
Paths = Annotated[tuple[str, ...], Field(max_length=100), AfterValidator(_paths)]
Reference = int | str


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _check_deadline(not_before: dt.datetime | None, deadline: dt.datetime | None) -> None:
    if not_before is not None and deadline is not None and not_before >= deadline:
        raise ValueError(f"not_before {not_before.isoformat()} is not before the deadline")


class NewTask(_Closed):
    """A task to add.

    `blocked_by` and `parent` name tasks by id, or by the `key` of a task in the same batch.
    """

    title: Text = Field(min_length=1, max_length=1000)
    queue: Name
    description: Text | None = None
    assigned_to: Name | None = None
    priority: int = Field(0, ge=-(2**31), lt=2**31, strict=True)
    tags: tuple[Text, ...] = ()
    capabilities: Capabilities = ()
    paths: Paths = ()
    payload: Payload = Field(default_factory=dict)
    recipe: Text | None = None
    parent: Reference | None = None
    blocked_by: tuple[Reference, ...] = ()
    not_before: AwareDatetime | None = None
    deadline: AwareDatetime | None = None
    max_attempts: int | None = Field(None, ge=1, le=1000, strict=True)
    created_by: Text = Field("signalbox", min_length=1, max_length=200)
    key: Reference | None = None

    @model_validator(mode="after")
    def starts_before_it_is_due(self) -> Self:
        _check_deadline(self.not_before, self.deadline)
        return self


class TaskChanges(_Closed):
    """What is to be different about a task; what is not given stays."""

    title: Text | None = Field(None, min_length=1, max_length=1000)
    description: Text | None = None
    priority: int | None = Field(None, ge=-(2**31), lt=2**31, strict=True)
    tags: tuple[Text, ...] | None = None
    capabilities: Capabilities | None = None
    paths: Paths | None = None
    payload: Payload | None = None
    recipe: Text | None = None
    not_before: AwareDatetime | None = None
    deadline: AwareDatetime | None = None
    max_attempts: int | None = Field(None, ge=1, le=1000, strict=True)

    @model_validator(mode="after")
    def starts_before_it_is_due(self) -> TaskChanges:
        _check_deadline(self.not_before, self.deadline)
        return self

    def given(self) -> dict[str, Any]:
        """The fields that are to change."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ImportedComment(_Closed):
    """A comment that came along with an imported task."""

    content: Text = Field(min_length=1, max_length=100_000)
    created_by: Text = "import"
    created: AwareDatetime | None = None


class ImportedTask(NewTask):
    """A task from another queue, or from `tasks export`: what has happened to it comes along."""

    status: TaskStatus = TaskStatus.IDLE
    """`working` becomes idle: no run of ours works on it."""
    attempts: int = Field(0, ge=0)
    result: Any = None
    created: AwareDatetime | None = None
    finished: AwareDatetime | None = None
    comments: tuple[ImportedComment, ...] = ()


def read_new_task(document: object, *, where: str = "") -> NewTask:
    """Check one task. Raises SignalboxError: the place, the field, what is wrong, what is allowed."""
    return _read(NewTask, document, where)


def read_imported(document: object, *, where: str = "") -> ImportedTask:
    """Check one task that comes from elsewhere, with what has happened to it. Raises SignalboxError."""
    return _read(ImportedTask, document, where)


def read_json_lines(lines: Iterable[str], *, imported: bool = False, **defaults: Any) -> Iterator[NewTask]:
    """Tasks from JSON lines; empty lines are passed over. `defaults` fill in what a line leaves out."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except ValueError as error:
            raise SignalboxError(f"line {number}: not JSON: {error}") from None
        if not isinstance(document, dict):
            raise SignalboxError(f"line {number}: a JSON object is expected, not {type(document).__name__}")
        given = {**{key: value for key, value in defaults.items() if value is not None}, **document}
        yield _read(ImportedTask if imported else NewTask, given, f"line {number}: ")


def refuse_foreign(tasks: Iterable[NewTask]) -> None:
    """Raise SignalboxError when a task names one that is not among them.

    Ids of another database mean other tasks here, or none.
    """
    given = list(tasks)
    known = {str(task.key) for task in given if task.key is not None}
    for task in given:
        named = [*task.blocked_by, *([task.parent] if task.parent is not None else [])]
        foreign = [str(reference) for reference in named if str(reference) not in known]
        if foreign:
            raise SignalboxError(
                f"{task.title!r} names {', '.join(foreign)}, which the file does not have; "
                "export those as well, or allow ids of this database with --existing-ids"
            )


def exported(document: Mapping[str, Any]) -> dict[str, Any]:
    """A task object of the command (`tasks show --json`) as `import` reads it back."""
    kept = {name: document[name] for name in ImportedTask.model_fields if document.get(name) is not None}
    return {**kept, "key": document["id"]}


def instant(text: str, *, now: dt.datetime) -> dt.datetime:
    """`2026-03-01T14:00`, with an offset or in the local zone; or a duration from now: `90m`.

    Raises SignalboxError.
    """
    from scheduler_defs.timing.durations import parse_duration

    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        try:
            return now + parse_duration(text)
        except ValueError:
            raise SignalboxError(
                f"{text!r} is neither an ISO 8601 instant nor a duration from now, such as 90m"
            ) from None
    return found if found.tzinfo else found.astimezone()


_T = TypeVar("_T", bound=NewTask)


def _read(model: type[_T], document: object, where: str) -> _T:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "task"
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"unknown field; allowed are {', '.join(sorted(model.model_fields))}"
        raise SignalboxError(f"{where}{place}: {message}") from None
