"""`signalbox alerts`: where alerts go, what they are sent for, and whether a channel works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs import settings
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.declarations import load_declared, unknown
from scheduler_defs.cli.terminal.output import here, local_time, print_json, print_table, say

if TYPE_CHECKING:
    from scheduler_defs.alerting.delivery.history import History
    from scheduler_defs.declarations.models.alerts import AlertRule, Channel
    from scheduler_defs.declarations.models.declared import Declarations

app = typer.Typer(help="List alert channels and rules; test a channel; acknowledge alerts.")


@app.command("list")
def list_alerts(as_json: AsJson = False) -> None:
    """Channels and rules, and when they were last heard of. Never an address: only its variable."""
    import os

    from scheduler_defs.running_stack import adopt

    adopt()
    declarations = load_declared()
    known = _history()
    channels = [_channel(each, known, os.environ.keys()) for each in declarations.alerts.channels.values()]
    rules = [_rule(each, known) for each in declarations.alerts.rules.values()]
    notify = _notify(declarations, known)
    if as_json:
        print_json({"channels": channels, "rules": rules, "notify": notify})
        return
    print_table(
        ("CHANNEL", "TYPE", "TO", here("LAST SENT"), "WAITING", "GIVEN UP", "FAULT"),
        [_channel_row(channel) for channel in channels],
        empty="no alert channels are declared",
    )
    if rules or notify:
        rows = [_rule_row(rule) for rule in rules] + [_notify_row(each) for each in notify]
        print_table(("RULE", "ON", "OF", "CHANNELS", "AFTER", here("LAST SENT")), rows, empty="")


@app.command("test")
def test_channel(
    name: Annotated[str, typer.Argument(metavar="CHANNEL", help="Name of a declared channel.")],
    as_json: AsJson = False,
) -> None:
    """Send a test alert through a channel now, from here: with this shell's environment.

    Exits 1 for a channel that is not declared, 2 if its variable is not set or holds no address, 3 if the
    alert was not delivered.
    """
    import datetime as dt
    import os

    from scheduler_defs.alerting.channels import Place, send
    from scheduler_defs.alerting.rules.model import State
    from scheduler_defs.launching import current_actor
    from scheduler_defs.running_stack import adopt

    channels = load_declared().alerts.channels
    if name not in channels:
        raise unknown("alert channel", name, channels)
    adopt()
    where = settings.settings()
    document = {
        "text": f"test alert from Signalbox, asked for by {current_actor()}",
        "state": State.TEST.value,
        "rule": "test",
        "subject": f"channel {name}",
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }
    send(channels[name], document, Place(where.logs, where.config.parent, os.environ))
    if as_json:
        print_json({"channel": name, "sent": True, "at": document["at"]})
    else:
        say(f"sent a test alert through {name}")


@app.command("ack")
def acknowledge_alerts(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of alerts, as channels are given.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="All open ones of this rule.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All open ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say that somebody looks after it: nobody else is told because of it. Exits 1 if there was none."""
    import datetime as dt

    from scheduler_defs.alerting.acknowledging import acknowledge
    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.errors import UsageError

    if sum((bool(numbers), rule is not None, every)) != 1:
        raise UsageError("name alerts by number, or say --rule NAME, or --all")
    if rule is not None and rule not in (known := load_declared().alerts.rules):
        raise unknown("alert rule", rule, known)
    done = acknowledge(database_engine(), dt.datetime.now(dt.UTC), ids=numbers or (), rule=rule)
    if as_json:
        print_json([{key: row[key] for key in ("id", "rule", "channel", "subject", "text")} for row in done])
    else:
        print_table(
            ("ALERT", "RULE", "ACKNOWLEDGED"),
            [(row["id"], row["rule"], row["text"]) for row in done],
            empty="no open alert",
        )
    if not done:
        raise typer.Exit(1)


def _history() -> History:
    """What the database knows; nothing, and a line about it, while it cannot be reached."""
    from sqlalchemy.exc import SQLAlchemyError

    from scheduler_defs.alerting.delivery.history import History, history
    from scheduler_defs.cli.terminal.connection import database_engine
    from scheduler_defs.errors import NotReachableError

    try:
        with database_engine().connect() as connection:
            return history(connection)
    except (NotReachableError, SQLAlchemyError) as error:
        reason = str(error) if isinstance(error, NotReachableError) else "it does not answer"
        say(f"signalbox: when alerts were sent is not known without the database ({reason})")
        return History({}, {})


def _channel(channel: Channel, known: History, set_here: Any) -> dict[str, Any]:
    from scheduler_defs.alerting.delivery.history import ChannelHistory

    of = known.channels.get(channel.name, ChannelHistory())
    return {
        "name": channel.name,
        "type": channel.type,
        "variable": channel.url_env,
        "variable_set": channel.url_env in set_here if channel.url_env else None,
        "to": list(channel.to),
        "command": list(channel.command),
        "description": channel.description,
        "last_sent": of.last_sent,
        "waiting": of.waiting,
        "given_up": of.given_up,
        "fault": of.fault,
    }


def _rule(rule: AlertRule, known: History) -> dict[str, Any]:
    return {
        "name": rule.name,
        "on": rule.on,
        "channels": list(rule.channels),
        "schedules": list(rule.schedules),
        "jobs": list(rule.jobs),
        "queues": list(rule.queues),
        "after": rule.after,
        "throttle_seconds": rule.throttle.total_seconds(),
        "description": rule.description,
        "last_sent": known.rules.get(rule.name),
    }


def _notify(declarations: Declarations, known: History) -> list[dict[str, Any]]:
    from scheduler_defs.alerting.rules.watches import notify_name

    return [
        {
            "schedule": schedule.name,
            "channels": list(schedule.notify),
            "last_sent": known.rules.get(notify_name(schedule.name)),
        }
        for schedule in declarations.schedules.values()
        if schedule.notify
    ]


def _channel_row(channel: dict[str, Any]) -> tuple[object, ...]:
    sent = local_time(channel["last_sent"])
    counts = (channel["waiting"], channel["given_up"])
    return (channel["name"], channel["type"], _target(channel), sent, *counts, channel["fault"])


def _rule_row(rule: dict[str, Any]) -> tuple[object, ...]:
    parts = [f"{key} {', '.join(rule[key])}" for key in ("schedules", "jobs", "queues") if rule[key]]
    told = ", ".join(rule["channels"])
    return (
        rule["name"],
        rule["on"],
        "; ".join(parts) or "all",
        told,
        rule["after"],
        local_time(rule["last_sent"]),
    )


def _notify_row(notify: dict[str, Any]) -> tuple[object, ...]:
    told = ", ".join(notify["channels"])
    return ("notify", "", f"schedule {notify['schedule']}", told, "", local_time(notify["last_sent"]))


def _target(channel: dict[str, Any]) -> str:
    variable = channel["variable"]
    if variable is None:
        return " ".join(channel["command"]) or "logs/alerts.log"
    where = f"${variable}" if channel["variable_set"] else f"${variable} (not set here)"
    return " ".join([*channel["to"], "through", where]) if channel["to"] else where
