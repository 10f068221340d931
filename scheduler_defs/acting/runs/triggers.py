"""Webhooks in: is the request signed with the trigger's secret, is it new, and what does it ask for."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.acting.place import transaction
from scheduler_defs.acting.runs.launch import launch_order, order_job
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.models.triggers import Trigger
from scheduler_defs.errors import NotReachableError, SignalboxError, UsageError
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import list_runs
from scheduler_defs.launching import Launch

SIGNATURE = "x-signalbox-signature"
"""`t=UNIX SECONDS,v1=HEX`: HMAC-SHA256 over the seconds, a dot and the body."""
GITHUB = "x-hub-signature-256"
"""`sha256=HEX`: HMAC-SHA256 over the body, as GitHub and others sign."""
_UNSURE = dt.timedelta(minutes=1)
_statement = NamedSql(Path(__file__).parent)


class NotSigned(SignalboxError):
    """The request is not from who knows the secret, or is too old."""


class Replayed(SignalboxError):
    """The request was taken before."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One signed request. `forget`: from then on a repetition is refused for its age; None: it has no age."""

    digest: str
    forget: dt.datetime | None


def verified(
    trigger: Trigger, secret: str, headers: Mapping[str, str], body: bytes, now: dt.datetime
) -> Delivery:
    """Raises NotSigned. `headers` have names in lower case."""
    given, said_at = _signature(headers)
    signed = body if said_at is None else f"{said_at}.".encode() + body
    right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), given.lower().encode()):
        raise NotSigned("the signature does not fit the body and the secret")
    digest = hashlib.sha256(f"{trigger.name}\0{right}".encode()).hexdigest()
    if said_at is None:
        return Delivery(digest, None)
    age = abs(now.timestamp() - said_at)
    if age > trigger.within.total_seconds():
        raise NotSigned(f"the request is {age:.0f} s old; at most {trigger.within.total_seconds():.0f} s")
    return Delivery(digest, dt.datetime.fromtimestamp(said_at, dt.UTC) + 2 * trigger.within)


def config_of(trigger: Trigger, body: bytes) -> dict[str, Any]:
    """The job's params from the request. Raises UsageError for what is not there, or is no single value."""
    try:
        document = json.loads(body) if body.strip() else {}
    except ValueError:
        raise UsageError("the body is not JSON") from None
    found: dict[str, Any] = dict(trigger.config)
    for param, path in trigger.params.items():
        value = document
        for part in path.split("."):
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                raise UsageError(f"the body has no {path!r}, which {trigger.name} takes for {param}")
        if not isinstance(value, str | int | float | bool):
            raise UsageError(
                f"{path!r} of the body is {type(value).__name__}; one value is wanted for {param}"
            )
        found[param] = value
    return found


def fire(
    engine: sa.Engine,
    client: GraphQLClient,
    declarations: Declarations,
    trigger: Trigger,
    delivery: Delivery,
    config: Mapping[str, Any],
) -> dict[str, str]:
    """`{run_id, status}`; once for each delivery. Raises Replayed, with the run of the first time."""
    with transaction(engine) as connection:
        connection.execute(_statement("forget_deliveries"))
        values = {"digest": delivery.digest, "trigger": trigger.name, "forget": delivery.forget}
        fresh = connection.execute(_statement("take_delivery"), values).first() is not None
        known = connection.execute(_statement("known_delivery"), values).one()
    if not fresh:
        _refuse_again(engine, client, delivery, known)
    order = _order(declarations, trigger, config)
    order = replace(order, tags={**order.tags, tags.DELIVERY: delivery.digest})
    try:
        answer = launch_order(client, order)
    except SignalboxError as error:
        if not isinstance(error, NotReachableError):  # then it may have been launched all the same
            with transaction(engine) as connection:
                connection.execute(_statement("give_delivery_back"), {"digest": delivery.digest})
        raise
    with transaction(engine) as connection:
        connection.execute(_statement("delivered"), {"digest": delivery.digest, "run_id": answer["run_id"]})
    return answer


def would(declarations: Declarations, trigger: Trigger, config: Mapping[str, Any]) -> dict[str, Any]:
    """`{job, run_config, tags}` of what `fire` would launch."""
    order = _order(declarations, trigger, config)
    return {"job": order.job, "run_config": order.run_config, "tags": order.tags}


def _order(declarations: Declarations, trigger: Trigger, config: Mapping[str, Any]) -> Launch:
    return order_job(
        declarations,
        trigger.job,
        config=config,
        actor=f"trigger:{trigger.name}",
        reason=f"a request to the trigger {trigger.name}",
    )


def _refuse_again(engine: sa.Engine, client: GraphQLClient, delivery: Delivery, known: sa.Row[Any]) -> None:
    """Raise Replayed, unless the first time was cut off before anything was launched."""
    if known.run_id is not None:
        raise Replayed(f"this request was taken before: run {known.run_id}")
    runs = list_runs(client, with_tags={tags.DELIVERY: delivery.digest}, limit=1)
    if runs:
        raise Replayed(f"this request was taken before: run {runs[0]['run_id']}")
    with transaction(engine) as connection:
        values = {"digest": delivery.digest, "unsure": _UNSURE}
        if connection.execute(_statement("take_delivery_over"), values).first() is None:
            raise Replayed("this request is being taken")


def _signature(headers: Mapping[str, str]) -> tuple[str, int | None]:
    own, github = headers.get(SIGNATURE), headers.get(GITHUB)
    if own is not None:
        parts: dict[str, str] = {}
        for part in own.split(","):
            name, _, value = part.strip().partition("=")
            parts[name] = value
        at = parts.get("t", "")
        if at.isascii() and at.isdecimal() and len(at) < 12 and parts.get("v1"):
            return parts["v1"], int(at)
        raise NotSigned("X-Signalbox-Signature is t=UNIX SECONDS,v1=HEX")
    if github is not None and github.startswith("sha256="):
        return github.removeprefix("sha256="), None
    raise NotSigned("the request is not signed: X-Signalbox-Signature or X-Hub-Signature-256 is wanted")


def secret_of(trigger: Trigger, environ: Mapping[str, str]) -> str:
    """Raises NotReachableError where it is not set: nobody can be let in."""
    found = environ.get(trigger.secret, "")
    if not found:
        raise NotReachableError(
            f"trigger {trigger.name}: {trigger.secret} is not set where the webserver runs"
        )
    return found
