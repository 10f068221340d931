"""`signalbox open`: the UI of the running stack in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

PAGES = {
    "overview": "/overview",
    "schedules": "/automation",
    "runs": "/runs",
    "jobs": "/jobs",
    "assets": "/assets",
}


def open_command(
    page: Annotated[
        str | None,
        typer.Argument(help=f"One of {', '.join(PAGES)}, or a run id; the first page when left out."),
    ] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Print the address, and open nothing.")] = False,
) -> None:
    """Open the UI in a browser, or say where it is when there is none here."""
    import webbrowser

    from scheduler_defs.cli.terminal.connection import graphql
    from scheduler_defs.cli.terminal.output import print_line, say
    from scheduler_defs.graphql.runs import find_run

    client = graphql()
    path = "" if page is None else PAGES.get(page)
    if path is None:
        path = f"/runs/{find_run(client, str(page))['run_id']}"
    address = client.url + path
    print_line(address)
    if not only_print and not webbrowser.open(address):
        say("no browser could be started here: open the address yourself")
