"""`python -m benchmarks.web`: how fast pages, API and live events answer, with a thousand schedules.

A stack of its own with a history; server, database and this client share the machine. The load of the machine
is printed, because a busy one makes every number worse.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.stack_bars import MeasuredStack
from benchmarks.web import measures, yard
from benchmarks.web.client import Web
from scheduler_defs.stack.machine import record


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--schedules", type=int, default=yard.SCHEDULES)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the rate")
    parser.add_argument("--clients", type=int, default=500, help="of live events")
    parser.add_argument("--hold", action="store_true", help="at the end wait for Enter before it goes down")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="web-"))
    stack = MeasuredStack(folder / "state", folder / "config")
    yard.write(stack.config, chosen.schedules)
    try:
        stack.run("up", "--detach", "--workers", "2")
        yard.fill(stack, chosen.schedules)
        found = record.read(stack.state)
        assert found is not None
        print(f"{found.ui}: {chosen.schedules:,} schedules, load {os.getloadavg()[0]:.1f}", flush=True)
        pid = next(each.pid for each in found.components if each.name == "webserver")
        asyncio.run(measured(found.ui, psutil.Process(pid), chosen))
        print(f"load at the end {os.getloadavg()[0]:.1f}")
        if chosen.hold:
            input(f"{stack.state}: Enter ends it ")
    finally:
        stack.run("down")
        shutil.rmtree(folder, ignore_errors=True)


async def measured(ui: str, server: psutil.Process, chosen: argparse.Namespace) -> None:
    """Everything, one after the other."""
    where = urlsplit(ui)
    assert where.hostname and where.port
    web = Web(where.hostname, where.port)
    run_id = json.loads((await web.get("/api/v1/runs?limit=1")).body)["items"][0]["run_id"]
    await measures.pages(web, run_id, server)
    await measures.reads(web, run_id, server)
    await measures.submits(web, server)
    await measures.at_a_rate(web, run_id, chosen.rate, chosen.seconds, server)
    await measures.listeners(web, chosen.clients, server)
    await web.close()


if __name__ == "__main__":
    main()
