"""`signalbox runs output`: what a run has printed."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs.cli.options import AsJson, RunId
from scheduler_defs.cli.terminal.connection import graphql
from scheduler_defs.cli.terminal.output import print_json
from scheduler_defs.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduler_defs.graphql.outputs import Piece

_PAUSE_SECONDS = 0.3


def output_command(
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="As it grows, until the run ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a run has printed: its stdout on stdout, its stderr on stderr.

    With --json one document of its steps; with --follow as well, lines of JSON.
    """
    from scheduler_defs.graphql.outputs import output
    from scheduler_defs.graphql.runs import find_run

    client = graphql()
    full_id = find_run(client, run_id)["run_id"]
    pieces = output(client, full_id, follow=(lambda: time.sleep(_PAUSE_SECONDS)) if follow else None)
    if as_json and not follow:
        print_json({"run_id": full_id, "steps": _by_step(pieces)})
        return
    for piece in pieces:
        if as_json:
            line = {"step": piece.step, "stream": piece.stream, "text": piece.text}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        else:
            show(piece)


def show(piece: Piece) -> None:
    """Print a piece to the stream that it was printed to; a terminal gets no control characters of it."""
    stream = sys.stderr if piece.stream == "stderr" else sys.stdout
    stream.write(visible(piece.text, lines=True) if stream.isatty() else piece.text)
    stream.flush()


def _by_step(pieces: Iterable[Piece]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for piece in pieces:
        streams = found.setdefault(piece.step, {"stdout": "", "stderr": ""})
        streams[piece.stream] += piece.text
    return [{"step": step, **streams} for step, streams in found.items()]
