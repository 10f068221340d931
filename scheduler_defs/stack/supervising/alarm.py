"""`python -m scheduler_defs.stack.supervising.alarm KIND SECONDS DETAIL`: tell who watches for it.

Needs neither the database nor the broker. What was told is remembered in `alarms.json` of the state folder.
Without SECONDS (an empty text) it is over: who was told of it is told that. Exits 1 when a channel failed.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scheduler_defs.alerting.channels import Document, Place, send
from scheduler_defs.alerting.rules import watches
from scheduler_defs.alerting.rules.model import Alert, Event, Kind, State
from scheduler_defs.atomic import write_atomically
from scheduler_defs.declarations.models.alerts import AlertRule, Channel
from scheduler_defs.declarations.models.declared import Alerts
from scheduler_defs.errors import SignalboxError

FILE = "alarms.json"
SUBJECTS = {Kind.DAEMON_SILENT: "Dagster's daemon", Kind.BROKER_AWAY: "the broker"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule has said: since when it is so, when that was told, and which channels have yet to hear."""

    since: dt.datetime
    at: dt.datetime
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told now by one rule, to these channels."""

    alert: Alert
    owner: str | None


def decide(
    rules: Iterable[AlertRule],
    kind: Kind,
    seconds: float | None,
    detail: str,
    told: Mapping[str, Told],
    now: dt.datetime,
) -> Iterator[Telling]:
    """What the rules for this kind say now. Pure. `seconds`: for how long it is so; None: it is over."""
    for rule in rules:
        known = told.get(rule.name)
        if rule.on != kind.value:
            continue
        if seconds is None:
            if known is not None:
                yield _telling(rule, rule.channels, State.RECOVERED, kind, "", known.since, now)
            continue
        since = known.since if known is not None else now - dt.timedelta(seconds=seconds)
        if seconds < watches.bound(rule) and known is None:
            continue
        if known is None or now - known.at >= rule.throttle:
            yield _telling(rule, rule.channels, State.FAILING, kind, detail, since, now)
        elif known.left:
            yield _telling(rule, known.left, State.FAILING, kind, detail, since, now)


def tell(
    alerts: Alerts,
    kind: Kind,
    seconds: float | None,
    detail: str,
    told: Mapping[str, Told],
    now: dt.datetime,
    deliver: Callable[[Channel, Document], None],
) -> tuple[dict[str, Told], list[str]]:
    """Tell it; what is to be remembered, and faults of channels. An end that could not be told is kept."""
    after = {name: each for name, each in told.items() if name in alerts.rules}
    faults: list[str] = []
    for each in decide(alerts.rules.values(), kind, seconds, detail, after, now):
        alert, left = each.alert, []
        document = {"id": f"{alert.rule}-{alert.since:%s}", **alert.document(owner=each.owner)}
        for name in alert.channels:
            try:
                deliver(alerts.channels[name], document)
            except SignalboxError as error:
                left.append(name)
                faults.append(str(error))
        if alert.state is State.RECOVERED and not left:
            del after[alert.rule]
        elif alert.state is State.RECOVERED:
            after[alert.rule] = replace(after[alert.rule], left=tuple(left))
        else:
            after[alert.rule] = Told(alert.since, now, tuple(left))
    return after, faults


def _telling(
    rule: AlertRule,
    channels: tuple[str, ...],
    state: State,
    kind: Kind,
    detail: str,
    since: dt.datetime,
    now: dt.datetime,
) -> Telling:
    event = Event(kind, SUBJECTS[kind], now, state is State.RECOVERED, detail)
    return Telling(Alert(rule.name, channels, state, event, 1, 0, since, now), rule.owner)


def read(file: Path) -> dict[str, Told]:
    """What was told before; nothing where it cannot be read."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(file.read_text())
        instant = dt.datetime.fromisoformat
        return {
            name: Told(instant(each["since"]), instant(each["at"]), tuple(each["left"]))
            for name, each in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write(file: Path, told: Mapping[str, Told]) -> None:
    """Remember it."""
    document = {
        name: {"since": each.since.isoformat(), "at": each.at.isoformat(), "left": each.left}
        for name, each in told.items()
    }
    write_atomically(file, json.dumps(document), mode=0o600)


def main() -> None:
    import os

    from scheduler_defs.declarations import current
    from scheduler_defs.settings import settings

    kind, seconds, detail = sys.argv[1:4]
    where = settings()
    alerts = current(where.config, where.state).declarations.alerts
    place = Place(where.state / "logs", where.config.parent, os.environ)
    file = where.state / FILE
    told, faults = tell(
        alerts,
        Kind(kind),
        float(seconds) if seconds else None,
        detail,
        read(file),
        dt.datetime.now(dt.UTC),
        lambda channel, document: send(channel, document, place),
    )
    write(file, told)
    if faults:
        sys.exit("; ".join(faults))


if __name__ == "__main__":
    main()
