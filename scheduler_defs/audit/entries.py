"""What an audit entry says, and who is acting: from the door that took the request to the table."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from scheduler_defs.redaction import redact_secrets

_LONGEST_TEXT = 500
_MOST_KEYS = 50
# JSON numbers beyond this are not the same in every reader (RFC 8785 allows none).
_LARGEST_INTEGER = 2**53 - 1
_UNPRINTABLE = {0: "\ufffd"}
_HASH = re.compile(r"(?:[a-z0-9]{2,10}:)?[0-9a-f]{7,128}")
HASH_KEYS = ("hash", "sha256", "digest", "checksum", "fingerprint", "commit")
"""Keys, also as the end of one (`before_sha256`), whose hexadecimal values are evidence: they stay whole."""
CLOSED_KEYS = ("payload", "result", "run_config", "config", "body", "text")
"""Keys whose values are people's data: only their size and hash are kept."""


class Channel(StrEnum):
    """Through which door a change came."""

    UI = "ui"
    GRAPHQL = "graphql"
    REST = "rest"
    CLI = "cli"
    MCP = "mcp"
    LINK = "link"
    """A link in an alert."""
    FILE = "file"
    SYSTEM = "system"
    """The program itself: a schedule's tick, a retry, retention."""


class Action(StrEnum):
    """What was done. A dot separates the kind of thing from the deed."""

    SCHEDULE_ON = "schedule.switched_on"
    SCHEDULE_OFF = "schedule.switched_off"
    SCHEDULE_RESET = "schedule.switch_reset"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SENSOR_ON = "sensor.switched_on"
    SENSOR_OFF = "sensor.switched_off"
    RUN_LAUNCHED = "run.launched"
    RUN_CANCELLED = "run.cancelled"
    RUN_DELETED = "run.deleted"
    RETRY_CALLED_OFF = "run.retry_called_off"
    DECLARATIONS_EDITED = "declarations.edited"
    DECLARATIONS_IN_FORCE = "declarations.in_force"
    APPLIED = "declarations.applied"
    TASK_STEERED = "task.steered"
    AGENT_STEERED = "agent.steered"
    BUDGET_ALLOWED = "budget.allowed"
    APPROVAL_DECIDED = "approval.decided"
    LOGGED_IN = "access.login"
    LOGGED_OUT = "access.logged_out"
    LOGIN_REFUSED = "access.login_refused"
    TOKEN_CREATED = "access.token_created"  # noqa: S105 - the name of a deed
    TOKEN_REVOKED = "access.token_revoked"  # noqa: S105
    PERSON_ADDED = "access.person_added"
    PERSON_REMOVED = "access.person_removed"
    PASSWORD_SET = "access.password_set"  # noqa: S105
    PRUNED = "upkeep.pruned"
    BACKED_UP = "upkeep.backed_up"
    RESTORED = "upkeep.restored"


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts, through which door, and as part of which request."""

    actor: str
    channel: Channel
    request_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of state. `subject` is `kind:name`, as in `schedule:nightly` or `run:1b2c…`.

    `before` and `after` are small facts. Secrets in them are redacted, and what is people's data (see
    `CLOSED_KEYS`) becomes its size and hash, in `record`.
    """

    action: Action | str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    run_id: str | None = None
    acting: Acting | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """An entry as it stands in the table; `sequence` and `hash` are None until it is sealed."""

    id: int
    sequence: int | None
    at: dt.datetime
    actor: str
    channel: str
    action: str
    subject: str
    reason: str | None
    request_id: str | None
    run_id: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    hash: str | None


MANY_DEEDS = (Channel.UI, Channel.GRAPHQL)
"""Doors where one request may do the same to the same subject more than once, and each time counts."""
SYSTEM = Acting("signalbox", Channel.SYSTEM)
_acting: ContextVar[Acting] = ContextVar("signalbox_acting", default=SYSTEM)


def acting() -> Acting:
    """Who acts in this request; the program itself where no door has said otherwise."""
    return _acting.get()


@contextmanager
def acting_as(who: Acting) -> Iterator[None]:
    """Everything recorded within is done by `who`."""
    token = _acting.set(who)
    try:
        yield
    finally:
        _acting.reset(token)


def act_as(who: Acting) -> None:
    """From here on this process acts for `who`: a command ends before anybody else could."""
    _acting.set(who)


def on_behalf_of(actor: str) -> Acting:
    """Who acts now, or `actor` where no door has said who does."""
    who = acting()
    return replace(who, actor=actor) if who == SYSTEM else who


def request_id() -> str:
    """An id for one request; what is recorded of it carries it."""
    return uuid.uuid4().hex


def because(reason: str | None) -> Acting:
    """Who acts now, with a reason of its own."""
    return replace(acting(), reason=reason) if reason else acting()


def facts(given: Mapping[str, Any] | None) -> str | None:
    """`before` or `after` as the JSON that is stored: redacted, bounded, and the same in every reader."""
    if given is None:
        return None
    return json.dumps(_fact("", given), ensure_ascii=False, sort_keys=True)


def text(given: str | None) -> str | None:
    """A text from outside as it may be stored: one line's worth, without secrets and without NUL."""
    if given is None:
        return None
    plain = given.encode("utf-8", "replace").decode("utf-8").translate(_UNPRINTABLE)
    return redact_secrets(plain)[:_LONGEST_TEXT]


def _fact(key: str, value: Any) -> Any:
    if isinstance(value, str) and key.rpartition("_")[2] in HASH_KEYS and _HASH.fullmatch(value):
        return value
    if key in CLOSED_KEYS and value is not None:
        content = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
        data = content.encode("utf-8", "replace")
        return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) <= _LARGEST_INTEGER else str(value)
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)
        case str():
            return text(value)
        case Mapping():
            named = {text(str(name)) or "": item for name, item in list(value.items())[:_MOST_KEYS]}
            return {name: _fact(name, item) for name, item in named.items()}
        case dt.datetime():
            return value.isoformat()
        case Sequence() | set() | frozenset():
            return [_fact("", item) for item in list(value)[:_MOST_KEYS]]
        case _:
            return text(str(value))
