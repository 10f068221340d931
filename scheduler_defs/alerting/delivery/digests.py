"""Digests: what a rule says within a while, as one message. The alerts stay rows of their own until then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from scheduler_defs.declarations.models.alerts import AlertRule

Told = tuple[str, str, Mapping[str, Any], dt.datetime | None]
"""As `store.add` takes them: channel, rule, document, and when (None: at once)."""
MARK = "digest"
_SHOWN = 500

WAITING = sa.text(
    """
    SELECT channel, rule, min(due_at) AS due FROM signalbox.alerts
    WHERE sent_at IS NULL AND given_up_at IS NULL AND attempts = 0 AND due_at > :now AND document ? 'digest'
    GROUP BY channel, rule
    """
)


def waiting(connection: sa.Connection, now: dt.datetime) -> dict[tuple[str, str], dt.datetime]:
    """The digests that are being collected, by channel and rule, and when they are sent."""
    return {(row.channel, row.rule): row.due for row in connection.execute(WAITING, {"now": now})}


def put_off(
    told: Iterable[Told],
    rules: Mapping[str, AlertRule],
    open_until: Mapping[tuple[str, str], dt.datetime],
    now: dt.datetime,
) -> list[Told]:
    """The same, where those of a rule with a digest wait for its end. Pure.

    The first alert opens a digest; it is sent so long after it, and never within the rule's quiet hours.
    """
    ends = dict(open_until)
    found: list[Told] = []
    for channel, name, document, due in told:
        rule = rules.get(name)
        if rule is None or rule.digest is None:
            found.append((channel, name, document, due))
            continue
        end = max(ends.setdefault((channel, name), now + rule.digest), due or now)
        found.append((channel, name, {**document, MARK: True}, end))
    return found


def merged(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One message for several alerts of a rule; `id` and links are those of the first. Pure."""
    first = documents[0]
    owners = list(dict.fromkeys(each["owner"] for each in documents if each.get("owner")))
    texts = [str(each["text"]) for each in documents]
    text = f"{len(documents)} alerts of {first['rule']}: {'; '.join(texts)}"
    wrong = any(each["state"] == "failing" for each in documents)
    return {
        **{key: value for key, value in first.items() if key != MARK},
        "text": text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…",
        "state": "failing" if wrong else first["state"],
        "owner": ", ".join(owners) or None,
        "count": len(documents),
        "since": min(str(each["since"]) for each in documents),
        "alerts": [{key: value for key, value in each.items() if key != MARK} for each in documents],
    }
