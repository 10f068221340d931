"""The streams: first the present state, then what happens, and a heartbeat while nothing does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler_defs.agents.task_queue.objects import plain
from scheduler_defs.graphql.runs import FINISHED
from scheduler_defs.web.events.hub import Hub
from scheduler_defs.web.events.log import Frame

HEARTBEAT_SECONDS = 15.0
_SETTLE_SECONDS = 0.5
"""After its last state a run may still have a word or two to say."""


@dataclass(frozen=True)
class Wanted:
    """Which runs and tasks; None: any."""

    queue: str | None = None
    schedule: str | None = None
    job: str | None = None

    def holds(self, frame: Frame) -> bool:
        """Whether the frame is about what is wanted."""
        if frame.kind == "task":
            return self.schedule is None and self.job is None and self.queue in (None, frame.data["queue"])
        run = frame.data["run"] or {}
        return all(
            wanted is None or run.get(name) == wanted
            for name, wanted in (("queue", self.queue), ("schedule", self.schedule), ("job", self.job))
        )


async def of_run(hub: Hub, run_id: str, after: int) -> AsyncIterator[bytes]:
    """A run's events after a number: `state`, each `event`, and at the end of the run `end`."""
    async with hub.listening():
        sent = after
        run = await _run(hub, run_id)
        yield frame("state", run, sent)
        last = await _last(hub, run_id) if _ended(run) else None
        while not hub.ending():
            mark = hub.events.at
            found = await hub.page(run_id, sent, mark, lambda s=sent, m=mark: hub.log.of_run(run_id, s, m))
            for each in found:
                sent = each.id
                yield frame(each.kind, each.data, sent)
            if last is not None and sent >= last:
                yield frame("end", run, sent)
                return
            if not found and not await hub.wait(
                HEARTBEAT_SECONDS if last is None else _SETTLE_SECONDS,
                lambda s=sent, end=last: hub.of_run(run_id) > s or (end is not None and hub.events.at >= end),
            ):
                yield b": \n\n"
            if last is None:
                run = await _run(hub, run_id)
                if _ended(run):
                    await hub.wait(_SETTLE_SECONDS, lambda: False)
                    last = await _last(hub, run_id)


def _ended(run: Any) -> bool:
    return run is None or run["status"] in FINISHED


async def _run(hub: Hub, run_id: str) -> Any:
    """The run as it is, asked for once for all who listen to it."""
    (found,) = await hub.page(
        f"state of {run_id}", 0, hub.events.at, lambda: [Frame(0, "state", hub.log.run(run_id) or {})]
    )
    return found.data or None


async def _last(hub: Hub, run_id: str) -> int:
    """The number of the last event that an ended run has."""
    return await hub.blocking(lambda: hub.log.last_of(run_id))


async def of_everything(
    hub: Hub, state: Callable[[], Mapping[str, Any]], wanted: Wanted, after: tuple[int, int] | None
) -> AsyncIterator[bytes]:
    """`state`; then each `run` that changes its state, each `task` that something is said of. Never ends."""
    async with hub.listening():
        events, comments = after or (hub.events.at, hub.comments.at)
        yield frame("state", await hub.blocking(state), f"{events}.{comments}")
        while not hub.ending():
            to = hub.events.at, hub.comments.at
            moves = await _pages(hub, "moves", events, to[0], hub.log.moves)
            said = await _pages(hub, "comments", comments, to[1], hub.log.comments)
            for each in moves:
                events = each.id
                if wanted.holds(each):
                    yield frame(each.kind, each.data, f"{events}.{comments}")
            for each in said:
                comments = each.id
                if wanted.holds(each):
                    yield frame(each.kind, each.data, f"{events}.{comments}")
            if moves or said:
                continue
            events, comments = max(events, to[0]), max(comments, to[1])
            at = events, comments
            if not await hub.wait(
                HEARTBEAT_SECONDS, lambda at=at: hub.events.at > at[0] or hub.comments.at > at[1]
            ):
                yield b": \n\n"


async def _pages(
    hub: Hub, of: str, after: int, mark: int, read: Callable[[int, int], list[Frame]]
) -> list[Frame]:
    if after >= mark:
        return []
    return await hub.page(of, after, mark, lambda: read(after, mark))


def frame(kind: str, data: Any, id: int | str) -> bytes:
    """One event of the stream."""
    text = json.dumps(data, ensure_ascii=False, default=plain)
    return f"event: {kind}\nid: {id}\ndata: {text}\n\n".encode()


def number(text: str | None) -> int | None:
    """`Last-Event-ID` of a run's stream; None where it is none of ours."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def numbers(text: str | None) -> tuple[int, int] | None:
    """`Last-Event-ID` of the stream of everything."""
    first, dot, second = (text or "").partition(".")
    found = number(first), number(second)
    return (found[0], found[1]) if dot and found[0] is not None and found[1] is not None else None
