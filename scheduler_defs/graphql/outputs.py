"""What runs have printed, read through GraphQL as the UI does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import FINISHED, captured_logs, find_run

PIECE_BYTES = 1_000_000


@dataclass(frozen=True)
class Piece:
    """Something that a step of a run has printed to `stdout` or `stderr`."""

    step: str
    stream: str
    text: str


@dataclass
class _Read:
    """How far the output of one run is read."""

    events: str | None = None
    captures: dict[str, str] = field(default_factory=dict)
    """File key -> step."""
    cursors: dict[str, str | None] = field(default_factory=dict)


def output(
    client: GraphQLClient, run_id: str, *, follow: Callable[[], None] | None = None
) -> Iterator[Piece]:
    """What the run has printed, step by step; with `follow`, as it grows, until the run has ended.

    `follow()` waits between two looks.
    """
    read = _Read()
    while True:
        ended = follow is None or find_run(client, run_id)["status"] in FINISHED
        found, read.events = captured_logs(client, run_id, read.events)
        read.captures |= found
        for key, step in read.captures.items():
            yield from _pieces(client, run_id, key, step, read)
        if ended or follow is None:
            return
        follow()


def last_lines(client: GraphQLClient, run_id: str, count: int) -> dict[str, list[str]]:
    """The last lines of stdout and of stderr of the run's last steps together."""
    lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
    for piece in output(client, run_id):
        lines[piece.stream] = (lines[piece.stream] + piece.text.splitlines())[-count:]
    return lines


def _pieces(client: GraphQLClient, run_id: str, key: str, step: str, read: _Read) -> Iterator[Piece]:
    while True:
        before = read.cursors.get(key)
        answer: dict[str, Any] = client.call(
            "CapturedLogs", logKey=[run_id, "compute_logs", key], cursor=before, limit=PIECE_BYTES
        )
        for stream in ("stdout", "stderr"):
            if answer[stream]:
                yield Piece(step, stream, answer[stream])
        read.cursors[key] = answer["cursor"]
        if answer["cursor"] == before or not (answer["stdout"] or answer["stderr"]):
            return
