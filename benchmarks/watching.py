"""`python -m benchmarks.watching`: what noticing changed declarations costs while nothing changes.

Our polling of the example yard's `config/`, as the supervisor does it, and `watchfiles` with notifications of
the kernel; each in a process of its own: memory added (PSS, with imports), CPU, and how often it wakes up.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import time
from pathlib import Path

import psutil

CONFIG = Path(__file__).parents[1] / "config"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watching", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    for how in ("polling", "watchfiles"):
        process = processes.Process(target=measure, args=(how, options.seconds))
        process.start()
        process.join()
    print(f"load {os.getloadavg()[0]:.1f}")


def measure(how: str, seconds: float) -> None:
    """Watch for so long and print what it cost."""
    asyncio.run(_measure(how, seconds))


async def _measure(how: str, seconds: float) -> None:
    me = psutil.Process()
    before = me.memory_full_info().pss
    watching = asyncio.create_task(_watch(how))
    await asyncio.sleep(2)
    memory, began, woken = me.memory_full_info().pss - before, time.process_time(), _wakeups(me)
    await asyncio.sleep(seconds)
    cpu, woken = time.process_time() - began, _wakeups(me) - woken
    per_minute = 60 / seconds
    print(
        f"{how:12}{memory / 1e6:6.1f} MB{cpu * 1_000 * per_minute:8.0f} ms of CPU a minute"
        f"{woken * per_minute:8.0f} wake-ups a minute{me.num_threads():4} threads"
    )
    watching.cancel()


async def _watch(how: str) -> None:
    if how == "watchfiles":
        from watchfiles import awatch

        async for _ in awatch(CONFIG, recursive=False):
            pass
        return
    from scheduler_defs.stack.supervising.watch import DECLARATIONS, changes

    async for _ in changes(CONFIG, DECLARATIONS):
        pass


def _wakeups(process: psutil.Process) -> int:
    """How often its threads have waited and gone on, so far."""
    return sum(
        int(line.split()[1])
        for thread in process.threads()
        for line in Path(f"/proc/{process.pid}/task/{thread.id}/status").read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )


if __name__ == "__main__":
    main()
