"""What has become of alerts: when each channel and rule spoke last, what waits, what was given up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

# Through alerts_by_channel and alerts_by_rule.
_CHANNELS = sa.text(
    """
    SELECT channel AS name, max(sent_at) AS last_sent,
           count(*) FILTER (WHERE sent_at IS NULL AND given_up_at IS NULL) AS waiting,
           count(given_up_at) AS given_up,
           (array_agg(fault ORDER BY id DESC)
            FILTER (WHERE sent_at IS NULL AND fault IS NOT NULL))[1] AS fault
    FROM signalbox.alerts
    GROUP BY channel
    """
)
_RULES = sa.text(
    "SELECT rule AS name, max(sent_at) AS last_sent FROM signalbox.alerts"
    " WHERE sent_at IS NOT NULL GROUP BY rule"
)


@dataclass(frozen=True)
class ChannelHistory:
    """What one channel has done in the last 30 days. `fault`: why the newest undelivered alert was not."""

    last_sent: dt.datetime | None = None
    waiting: int = 0
    given_up: int = 0
    fault: str | None = None


@dataclass(frozen=True)
class History:
    """What is known of channels and rules, by name."""

    channels: Mapping[str, ChannelHistory]
    rules: Mapping[str, dt.datetime]


def history(connection: sa.Connection) -> History:
    """Of the alerts that are kept."""
    channels = {
        row.name: ChannelHistory(row.last_sent, row.waiting, row.given_up, row.fault)
        for row in connection.execute(_CHANNELS)
    }
    return History(channels, {row.name: row.last_sent for row in connection.execute(_RULES)})
