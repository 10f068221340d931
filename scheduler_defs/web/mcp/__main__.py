"""`python -m scheduler_defs.web.mcp`: MCP over standard input and output, for a running stack."""

from __future__ import annotations

import asyncio
import sys

import httpx
from mcp.server.stdio import stdio_server

from scheduler_defs.access import credential
from scheduler_defs.errors import NotReachableError
from scheduler_defs.settings import UI_URL, settings
from scheduler_defs.web.access.gate import CHANNEL_HEADER
from scheduler_defs.web.mcp.calling import Ask, Order, Reply
from scheduler_defs.web.mcp.door import arguments, reply
from scheduler_defs.web.mcp.server import Context, build
from scheduler_defs.web.rest import app as rest

_SECONDS = 60.0


def main() -> None:
    """Serve until the input ends."""
    place = settings()
    if place.ui_url is None:
        sys.exit(f"set {UI_URL}, or start it as `signalbox mcp`")
    headers = {**credential.headers(place.state), CHANNEL_HEADER: "mcp"}
    asyncio.run(_serve(place.ui_url.rstrip("/") + rest.PATH, headers))


async def _serve(api: str, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=api, headers=headers, timeout=_SECONDS, trust_env=False) as client:

        async def ask(order: Order) -> Reply:
            try:
                return reply(await client.request(**arguments(order)))
            except httpx.HTTPError as error:
                raise NotReachableError(f"{api} does not answer: {type(error).__name__}") from None

        def ask_for(_: Context) -> Ask:
            return ask

        server = build(rest.build(lambda *_: {}).openapi(), ask_for)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    main()
