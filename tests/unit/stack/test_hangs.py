"""A loop that stands still is told of."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from scheduler_defs.stack.machine.hangs import say_where_it_hangs


def test_given_a_loop_that_stands_still_then_stderr_says_where(capfd: Any) -> None:
    said = ""

    async def story() -> None:
        nonlocal said
        watching = asyncio.create_task(say_where_it_hangs(0.2))
        await asyncio.sleep(0)
        for _ in range(100):
            threading.Event().wait(0.1)  # what must not be done on an event loop
            said += capfd.readouterr().err
            if "in story" in said:
                break
        watching.cancel()

    asyncio.run(story())
    assert "in story" in said
