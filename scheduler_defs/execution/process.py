"""Which of Dagster's processes this is (private Dagster API, contract-tested)."""

from __future__ import annotations

import sys


def is_daemon() -> bool:
    """Whether Dagster's daemon runs in this process, however it was started.

    Its commands' module is imported by nothing else. Its controller is: by every process that has a storage.
    """
    return "dagster._daemon.cli" in sys.modules


def is_persons_process() -> bool:
    """Whether people's requests end in this process. The daemon writes states too, and switches nothing."""
    return not is_daemon()
