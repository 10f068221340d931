"""`signalbox queues graph`: who blocks whom, as text, JSON, or one HTML page without anything to load."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.terminal.output import print_json, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.agents.task_queue.models import OpenEdge

_MOST_ROWS = 2_000


def graph_command(
    queue: Annotated[str | None, typer.Option(help="Only edges that touch this queue.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with a drawing to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who waits for whom, and the rings that never start."""
    from scheduler_defs.agents.deciding.matching.graph import cycles

    edges = [
        edge
        for edge in open_place().task_queue.open_edges()
        if queue in (None, edge.task_queue, edge.blocker_queue)
    ]
    rings = cycles([(edge.task, edge.blocker) for edge in edges])
    if html is not None:
        try:
            html.write_text(page(edges), encoding="utf-8")
        except OSError as error:
            raise SignalboxError(f"{html}: {error.strerror}") from None
        say(f"written to {html}")
    elif as_json:
        print_json({"edges": [_edge(edge) for edge in edges], "cycles": [list(ring) for ring in rings]})
    else:
        sys.stdout.write(tree(edges) or "no task waits for another one\n")
        for ring in rings:
            say("cycle " + " -> ".join(map(str, ring)))


def _edge(edge: OpenEdge) -> dict[str, Any]:
    return {
        "task": edge.task,
        "blocker": edge.blocker,
        "task_title": edge.task_title,
        "blocker_title": edge.blocker_title,
        "task_queue": edge.task_queue,
        "blocker_queue": edge.blocker_queue,
        "blocker_state": edge.blocker_state,
    }


def tree(edges: Sequence[OpenEdge]) -> str:
    """Blockers that wait for nothing themselves, each with those behind it indented below it."""
    behind: dict[int, list[OpenEdge]] = {}
    for edge in edges:
        behind.setdefault(edge.blocker, []).append(edge)
    waiting = {edge.task for edge in edges}
    heads = {edge.blocker: edge for edge in edges if edge.blocker not in waiting}
    # Members of a ring are behind no head: begin somewhere on it.
    lines: list[str] = []
    seen: set[int] = set()

    def add(task: int, text: str, depth: int) -> None:
        stack = [(task, text, depth)]
        while stack and len(lines) < _MOST_ROWS:
            current, shown, level = stack.pop()
            again = current in seen
            lines.append(f"{'  ' * level}{current} {shown}{' (see above)' if again else ''}")
            if again:
                continue
            seen.add(current)
            below = behind.get(current, [])
            stack += [(e.task, f"[{e.task_queue}] {e.task_title}", level + 1) for e in reversed(below)]

    for head, edge in sorted(heads.items()):
        add(head, f"[{edge.blocker_queue}] {edge.blocker_title} ({edge.blocker_state})", 0)
    for edge in edges:
        if edge.blocker not in seen and edge.task not in seen:
            add(edge.blocker, f"[{edge.blocker_queue}] {edge.blocker_title} ({edge.blocker_state})", 0)
    if len(lines) >= _MOST_ROWS:
        lines.append("...")
    return "".join(f"{line}\n" for line in lines)


def page(edges: Sequence[OpenEdge]) -> str:
    """An HTML page with a drawing."""
    from html import escape

    from scheduler_defs.acting.agent_queues.blocking import BOX, drawing

    found = drawing(edges)
    drawn = [
        f'<path class="{"ring" if arrow.ringed else ""}" d="{arrow.path}" marker-end="url(#arrow)"/>'
        for arrow in found.arrows
    ]
    for box in found.boxes:
        label = escape(f"{box.task} [{box.queue}] {box.title}"[:32])
        hint = escape(f"{box.task} [{box.queue}] {box.title} ({box.state})")
        kind = "ring" if box.ringed else escape(box.state)
        drawn.append(
            f'<g><title>{hint}</title><rect class="{kind}" x="{box.x}" y="{box.y}" width="{BOX[0]}" '
            f'height="{BOX[1]}" rx="5"/><text x="{box.x + 8}" y="{box.y + 22}">{label}</text></g>'
        )
    listed = "".join(f"<li>cycle {' → '.join(map(str, ring))}</li>" for ring in found.rings)
    return _PAGE.format(
        width=found.width, height=found.height, drawn="\n".join(drawn), rings=listed, count=len(edges)
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Who blocks whom</title><style>
body {{ font: 14px system-ui, sans-serif; margin: 1rem; color: #222; background: #fff; }}
svg {{ border: 1px solid #ddd; }}
rect {{ fill: #eef3fb; stroke: #6b8fc9; }} rect.working {{ fill: #e8f6e8; stroke: #4c9a4c; }}
rect.failed, rect.canceled, rect.archived {{ fill: #f3f3f3; stroke: #999; }}
rect.ring {{ fill: #fdeaea; stroke: #c33; }}
b {{ padding: 1px 8px; border: 1px solid; border-radius: 4px; font-weight: normal; }}
path {{ stroke: #888; fill: none; }} path.ring {{ stroke: #c33; }}
</style></head><body>
<h1>Who blocks whom</h1><p>{count} edges, from blockers on the left to those that wait on the right.
<b style="background: #eef3fb; border-color: #6b8fc9">idle</b>
<b style="background: #e8f6e8; border-color: #4c9a4c">working</b>
<b style="background: #f3f3f3; border-color: #999">failed, canceled, archived: will not complete by itself</b>
<b style="background: #fdeaea; border-color: #c33">cycle: never starts</b></p>
<ul>{rings}</ul>
<svg width="{width}" height="{height}" role="img">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 L8 4 L0 8 z" style="fill:#888"/></marker></defs>
{drawn}
</svg></body></html>
"""
