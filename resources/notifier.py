"""Telling people: the alert channels, for jobs and sensors."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence

from pydantic import Field

from resources.base import YardResource
from scheduler_defs.access import credential
from scheduler_defs.alerting.channels import Document, Place, send
from scheduler_defs.approvals.links import Link, written
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import Settings, settings


class NotifierResource(YardResource):
    """The channels that `alerts:` declares. Alerts go through it, and so may any job's own message."""

    channels: list[str] = Field(default=[], description="Whom to tell when nobody is named; none: all.")

    def tell(self, text: str, *, channels: Sequence[str] | None = None) -> list[str]:
        """Send one line to the channels now, and return their names.

        Raises SignalboxError for a channel that is not declared, DeliveryError or AddressError when one
        fails; those before it have been told.
        """
        from scheduler_defs.declarations import current

        place = settings()
        declared = current(place.config, place.state).declarations.alerts.channels
        names = list(channels or self.channels or declared)
        for name in names:
            if name not in declared:
                known = ", ".join(declared) or "none is declared"
                raise SignalboxError(f"there is no alert channel {name!r}; known: {known}")
        document = {"id": uuid.uuid4().hex, "kind": "message", "text": text}
        for name in names:
            self.deliver(declared[name], document, self.place())
        return names

    def deliver(self, channel: Channel, document: Document, place: Place) -> None:
        """Send a document through one channel. What the alerts' sensor calls for each alert."""
        send(channel, document, place)

    def place(self) -> Place:
        """Where messages are sent from."""
        where = settings()
        return Place(where.logs, where.config.parent, os.environ, _decide(where))


def _decide(where: Settings) -> Callable[[Link], str] | None:
    """How an alert's link to an approval is written; None where no webserver's address is known."""
    key, address = credential.read(where.state), where.public_url
    if key is None or not address:
        return None
    return lambda link: f"{address.rstrip('/')}/signalbox/decide#{written(link, key)}"
