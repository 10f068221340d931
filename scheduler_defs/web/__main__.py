"""`python -m scheduler_defs.web`: the webserver, in the environment that `signalbox env` prints."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from dagster._utils.interrupts import setup_interrupt_handlers
from starlette.applications import Starlette

from scheduler_defs import database
from scheduler_defs.access import credential
from scheduler_defs.declarations import current
from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import INSTALLATION, settings
from scheduler_defs.web import elsewhere, launchpad, next_ticks, workspace
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.doors.guard import MOST_BYTES
from scheduler_defs.web.doors.hosts import allowed, origin
from scheduler_defs.web.server import SignalboxWebserver

LOG_LEVEL = "warning"


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m scheduler_defs.web", description=__doc__)
    parser.add_argument(
        "--workspace", type=Path, action="append", help="of two locations of one name the later counts"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--path-prefix", default="", help="where a proxy has it, such as /signalbox")
    parser.add_argument("--ui-url", action="append", default=[], help="another address of it")
    parser.add_argument(
        "--without-login", action="store_true", help="in mode local, let in whoever reaches --host"
    )
    chosen = parser.parse_args()
    place = settings()
    urls = [url for url in (place.public_url, *chosen.ui_url, place.ui_url) if url]
    try:
        hosts, origins = allowed(chosen.host, urls), frozenset(map(origin, urls))
    except SignalboxError as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    setup_interrupt_handlers()
    next_ticks.install()
    launchpad.install()
    elsewhere.install()
    identities = Identities(
        access=lambda: current(place.config, place.state).declarations.access,
        engine=database.engine,
        credential=credential.create(place.state),
        anyone=chosen.without_login,
    )
    running: list[uvicorn.Server] = []
    with workspace.opened(chosen.workspace or [INSTALLATION / "workspace.yaml"]) as context:
        server = SignalboxWebserver(
            context,
            hosts=hosts,
            origins=origins,
            identities=identities,
            urls=urls,
            secure=any(url.startswith("https://") for url in urls),
            path_prefix=chosen.path_prefix,
            ending=lambda: any(each.should_exit for each in running),
        )
        config = uvicorn.Config(
            server.create_asgi_app(lifespan=_lifespan),
            host=chosen.host,
            port=chosen.port,
            log_level=LOG_LEVEL,
            # The peer is whom the socket says; a proxy is believed where it is declared.
            proxy_headers=False,
            server_header=False,
            ws_max_size=MOST_BYTES,
        )
        running.append(uvicorn.Server(config))
        with contextlib.suppress(KeyboardInterrupt):
            running[0].run()


@contextlib.asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    # As dagster-webserver does: uvicorn cancels the lifespan when it is told to end (encode/uvicorn#1160).
    with contextlib.suppress(asyncio.CancelledError):
        yield


if __name__ == "__main__":
    main()
