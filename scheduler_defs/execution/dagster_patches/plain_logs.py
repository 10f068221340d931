"""Logs without colour codes where nobody sees colours (private Dagster API, contract-tested).

Dagster's daemon colours its log whatever it writes to; in a file the codes hide the level from its readers.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import coloredlogs
from dagster._utils.log import default_date_format_string, default_format_string

LOGGERS = ("dagster", "dagster-webserver", "dagit")


def without_colours() -> None:
    """Have this process' Dagster loggers write plain text, unless it writes to a terminal."""
    if sys.stdout is not None and sys.stdout.isatty():
        return
    plain = logging.Formatter(default_format_string(), default_date_format_string())
    for name in LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler.formatter, coloredlogs.ColoredFormatter):
                handler.setFormatter(plain)


def install() -> None:
    """In the daemon, which sets its loggers up when its storage is long there: plain from then on."""
    from dagster._daemon import controller

    configure = controller.__dict__["configure_loggers"]

    def configure_plainly(*arguments: Any, **others: Any) -> None:
        configure(*arguments, **others)
        without_colours()

    controller.__dict__["configure_loggers"] = configure_plainly
