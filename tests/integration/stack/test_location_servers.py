"""Real code servers of a location, without the rest of a stack: found by a link, replaced by those that load."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from scheduler_defs.stack.components import code_server, locations
from scheduler_defs.stack.components.locations import Served
from scheduler_defs.stack.machine.record import State
from scheduler_defs.stack.supervising.locations import LocationServer
from scheduler_defs.stack.supervising.minder import StackContext

PROJECT = "import dagster as dg\n\n\n@dg.op\ndef work(): ...\n\n\n@dg.job\ndef {job}():\n    work()\n"
DEADLINE_SECONDS = 240


def test_given_edits_then_the_link_leads_to_the_newest_server_that_has_loaded() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sb-loc-"))
    (folder / "logs").mkdir()
    context = StackContext("no-stack-of-any-test", {}, folder / "logs", {}, lambda: None)
    file = folder / "defs.py"
    file.write_text(PROJECT.format(job="first"))
    served = Served("ml", ("--python-file", str(file)), str(folder), sys.executable)
    server = LocationServer(served, context, folder)
    link = locations.socket_of(folder, "ml")

    async def until_it_is(state: State) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (record := server.record()) is None or record.state is not state:
                await asyncio.sleep(0.1)

    async def story() -> None:
        try:
            await server._begin()
            await until_it_is(State.HEALTHY)
            assert await asyncio.to_thread(code_server.loaded_repositories, str(link)) == 1
            first = link.readlink()
            file.write_text("import no_such_module\n")
            await server._begin()
            record = server.record()
            assert record is not None
            assert "no_such_module" in record.detail
            assert link.readlink() == first
            file.write_text(PROJECT.format(job="second"))
            await server._begin()
            assert link.readlink() != first
            assert await asyncio.to_thread(code_server.loaded_repositories, str(link)) == 1
        finally:
            await server.stop()

    asyncio.run(story())
