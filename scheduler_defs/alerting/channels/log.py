"""Alerts as lines of JSON in `logs/alerts.log` of the state folder, cut at 20 MB with three older pieces."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from scheduler_defs.alerting.channels import DeliveryError, Document, Place
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.private import make_private

FILE = "alerts.log"
LARGEST_BYTES = 20_000_000
OLDER_PIECES = 3


def send(channel: Channel, document: Document, place: Place) -> None:
    """Append one line. Raises DeliveryError when the file cannot be written."""
    line = json.dumps({**document, "channel": channel.name}, ensure_ascii=False)
    try:
        make_private(place.logs)
        handler = _Strict(
            place.logs / FILE, maxBytes=LARGEST_BYTES, backupCount=OLDER_PIECES, encoding="utf-8"
        )
        try:
            handler.append(line)
        finally:
            handler.close()
    except OSError as error:
        raise DeliveryError(
            f"channel {channel.name}: {FILE}: {error.strerror or 'cannot be written'}"
        ) from None


class _Strict(RotatingFileHandler):
    """Raises what the library would only print, and takes back a line that was written by half."""

    def append(self, line: str) -> None:
        """Add the line, or nothing, and raise OSError."""
        record = logging.LogRecord("signalbox.alerts", logging.INFO, "", 0, line, None, None)
        path = Path(self.baseFilename)
        if self.shouldRollover(record):
            self.doRollover()
        before = path.stat().st_size if path.exists() else 0
        try:
            logging.FileHandler.emit(self, record)
        except OSError:
            # What the stream still holds would be written when it is closed.
            stream, self.stream = self.stream, None  # pyright: ignore[reportAttributeAccessIssue]
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
            with contextlib.suppress(OSError):
                os.truncate(path, before)
            raise

    def handleError(self, record: logging.LogRecord) -> None:
        raise
