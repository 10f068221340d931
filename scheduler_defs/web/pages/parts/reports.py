"""`/signalbox/runs/{id}/reports/{path}`: a file in Markdown that a run has kept, to be read.

Whoever writes a job, and whatever writes its report, is a stranger here: HTML in it is shown as text,
pictures come from the run's own files only, and the page is a sandbox in which no script runs.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from scheduler_defs.web.doors.headers import CONTENT_POLICY
from scheduler_defs.web.pages.asking import client_of
from scheduler_defs.web.pages.rendering import prefix, render
from scheduler_defs.web.rest.routes.files import PICTURES, kept_file
from scheduler_defs.web.rest.routes.runs import found_run

ENDINGS = (".md", ".markdown")
POLICY = (
    "sandbox allow-same-origin allow-top-navigation-by-user-activation; default-src 'none'; "
    "style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_MOST_BYTES = 2_000_000


def page(request: Request) -> Response:
    """The report."""
    run_id, path = request.path_params["run_id"], request.path_params["path"]
    run = found_run(client_of(request), run_id)
    with os.fdopen(kept_file(run_id, path), "rb") as file:
        text = file.read(_MOST_BYTES).decode(errors="replace")
    files = f"{prefix(request)}/api/v1/runs/{quote(run_id, safe='')}/artifacts"
    values = {"run": run, "file": path, "report": html(text, files, Path(path).parent)}
    answer = render(request, "report.html", values, title=Path(path).name)
    answer.headers[CONTENT_POLICY] = POLICY
    answer.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"  # browsers refuse a sandbox that has another
    return answer


def html(text: str, files: str, folder: Path) -> str:
    """Markdown as HTML that holds nothing of what it was given but text, links and the run's own pictures.

    `files`: the address of the run's files. `folder`: where the report lies among them.
    """
    return _markdown().render(text, {"files": files, "folder": folder})


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.add_render_rule("image", _picture)
    return made


def _picture(_renderer: Any, tokens: Any, at: int, _options: Any, env: Any) -> str:
    """One that the run has kept; any other is only named."""
    from markdown_it.common.utils import escapeHtml

    source, about = str(tokens[at].attrs.get("src", "")), escapeHtml(tokens[at].content)
    path = os.path.normpath(env["folder"] / source)
    here = ":" not in source and not source.startswith("/") and not path.startswith("..")
    if not here or Path(path).suffix.lower() not in PICTURES:
        return f"[{about}]"
    return f'<img src="{env["files"]}/{escapeHtml(path)}?shown=1" alt="{about}" loading="lazy">'
