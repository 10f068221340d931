"""Alerts as lines of JSON in `logs/alerts.log` of the state folder, cut at 20 MB with three older pieces."""

from __future__ import annotations

import json
import logging
from logging.handlers import RotatingFileHandler

from scheduler_defs.alerting.channels import DeliveryError, Document, Place
from scheduler_defs.declarations.alert_models import Channel

FILE = "alerts.log"
LARGEST_BYTES = 20_000_000
OLDER_PIECES = 3


def send(channel: Channel, document: Document, place: Place) -> None:
    """Append one line. Raises DeliveryError when the file cannot be written."""
    line = json.dumps({**document, "channel": channel.name}, ensure_ascii=False)
    try:
        place.logs.mkdir(parents=True, exist_ok=True)
        handler = _Strict(
            place.logs / FILE, maxBytes=LARGEST_BYTES, backupCount=OLDER_PIECES, encoding="utf-8"
        )
        try:
            handler.emit(logging.LogRecord("signalbox.alerts", logging.INFO, "", 0, line, None, None))
        finally:
            handler.close()
    except OSError as error:
        raise DeliveryError(
            f"channel {channel.name}: {FILE}: {error.strerror or 'cannot be written'}"
        ) from None


class _Strict(RotatingFileHandler):
    """Raises what the library would only print."""

    def handleError(self, record: logging.LogRecord) -> None:
        raise
