"""What runs leave behind: their result, the files they keep, what they print."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from scheduler_defs.access.table import Action
from scheduler_defs.graphql.outputs import output
from scheduler_defs.graphql.runs import FINISHED
from scheduler_defs.jobs.commands.artifacts.folders import listed, run_folder
from scheduler_defs.settings import settings
from scheduler_defs.web.rest.asking import Looking
from scheduler_defs.web.rest.routes.runs import found_run

router = APIRouter(prefix="/runs/{run_id}", tags=["runs"])
PICTURES: Mapping[str, str] = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
"""What a page shows by the ending of its name: in a sandbox, in which no script of a picture runs."""

_CHUNK = 64 * 1024
MOST_OUTPUT = 64 * 1024 * 1024
"""Characters of output in one answer; what is beyond is cut off, and said so."""


@router.get("/result")
def result(asking: Looking, run_id: str) -> dict[str, Any]:
    """How it ended, and what it kept; 409 while it has not ended."""
    run = found_run(asking.require(Action.LOOK), run_id)
    if run["status"] not in FINISHED:
        raise HTTPException(HTTPStatus.CONFLICT, f"run {run_id} has not ended: {run['status']}")
    names = ("run_id", "job", "status", "failure", "error", "started", "ended", "retry_at")
    return {**{name: run[name] for name in names}, "artifacts": artifacts_of(run_id)}


@router.get("/artifacts")
def artifacts(asking: Looking, run_id: str) -> list[dict[str, Any]]:
    """The files that it has kept: `{path, size}`."""
    found_run(asking.require(Action.LOOK), run_id)
    return artifacts_of(run_id)


@router.get("/artifacts/{path:path}")
def artifact(asking: Looking, run_id: str, path: str, shown: bool = False) -> Response:
    """One of its files, to be saved: never shown as a page of ours. `shown`: a picture, to be looked at."""
    found_run(asking.require(Action.LOOK), run_id)
    file = kept_file(run_id, path)
    name = "".join(each if each.isalnum() or each in "._-" else "_" for each in Path(path).name)
    picture = PICTURES.get(Path(path).suffix.lower()) if shown else None
    how = "attachment" if picture is None else "inline"
    headers = {
        "Content-Disposition": f'{how}; filename="{name.encode("ascii", "replace").decode()}"',
        "Content-Length": str(os.fstat(file).st_size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Opener-Policy": "unsafe-none",  # browsers refuse a sandbox that has another
    }
    return StreamingResponse(_pieces(file), media_type=picture or "application/octet-stream", headers=headers)


@router.get("/output/{stream}", response_class=PlainTextResponse)
def printed(asking: Looking, run_id: str, stream: Literal["stdout", "stderr"]) -> Response:
    """What it has printed so far, all steps one after the other."""
    client = asking.require(Action.LOOK)
    found_run(client, run_id)
    text, size = list[str](), 0
    for piece in output(client, run_id):
        if piece.stream == stream:
            text.append(piece.text)
            size += len(piece.text)
            if size > MOST_OUTPUT:
                text.append("\n[cut off here]\n")
                break
    return PlainTextResponse("".join(text))


def kept_file(run_id: str, path: str) -> int:
    """A descriptor of one of its files. Raises 404."""
    file = opened(run_folder(settings().artifacts, run_id), path)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"run {run_id} has kept no such file")
    return file


def opened(folder: Path, path: str) -> int | None:
    """A descriptor of a regular file below the folder; None where there is none.

    Each part is opened from the folder before it and no symbolic link is followed: no path leads outside, and
    no rename in between makes it.
    """
    parts = path.split("/")
    if not all(part and part not in (".", "..") and "\0" not in part for part in parts):
        return None
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    except OSError:
        return None
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file


def artifacts_of(run_id: str) -> list[dict[str, Any]]:
    """`{path, size}` of each file that the run has kept."""
    folder = run_folder(settings().artifacts, run_id)
    return [{"path": each.path, "size": each.size} for each in listed(folder)]


def _pieces(file: int) -> Iterator[bytes]:
    with os.fdopen(file, "rb") as found:
        while piece := found.read(_CHUNK):
            yield piece
