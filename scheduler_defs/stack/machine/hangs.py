"""A supervisor that hangs minds nothing and ends nothing: at least its log is to say where."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import sys


async def say_where_it_hangs(after_seconds: float = 20.0) -> None:
    """Should the event loop stand still for so long, what every thread does is written to stderr, once.

    A thread of the interpreter does it, without Python: it works whatever the others wait for.
    """
    with contextlib.suppress(OSError, ValueError), os.fdopen(os.dup(sys.stderr.fileno()), "w") as log:
        try:
            while True:
                faulthandler.dump_traceback_later(after_seconds, file=log)
                await asyncio.sleep(after_seconds / 4)
        finally:
            faulthandler.cancel_dump_traceback_later()
