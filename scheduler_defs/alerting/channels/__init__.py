"""Where alerts go: one module per type of channel, each with `send(channel, document, place)`.

What a channel raises is a DeliveryError in one line without addresses: they may hold secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from scheduler_defs.approvals.links import Link
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.errors import NotReachableError, UsageError

Document = Mapping[str, Any]
"""An alert as JSON: see `Alert.document`; with its `id`, which is the same when it is sent again."""


class DeliveryError(NotReachableError):
    """The alert was not delivered, as far as one can tell; it may be tried again."""


class AddressError(UsageError):
    """The channel's environment variable is not set, or what it holds is no address."""


@dataclass(frozen=True)
class Place:
    """Where alerts are sent from: folders, and the environment that holds the addresses."""

    logs: Path
    folder: Path
    """Working directory of commands: the one that holds the declarations' folder."""
    environ: Mapping[str, str]
    decide: Callable[[Link], str] | None = None
    """The address at which a link decides; None: nobody can follow one."""


def send(channel: Channel, document: Document, place: Place) -> None:
    """Deliver one alert, within seconds.

    Raises DeliveryError, or AddressError for a channel that cannot work as it is.
    """
    deliver: Callable[[Channel, Document, Place], None] = import_module(f"{__name__}.{channel.type}").send
    deliver(channel, document, place)


def address(channel: Channel, environ: Mapping[str, str]) -> str:
    """What the channel's variable holds. Raises AddressError, which names the variable only."""
    found = environ.get(channel.url_env or "", "").strip()
    if not found:
        raise AddressError(f"channel {channel.name}: the variable {channel.url_env} is not set")
    return found
