"""What the demonstration is made of: the repository, the agents, and twelve dependent tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TASKS: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("track plan", (), None),
    ("blocks", ("track plan",), None),
    ("switches", ("track plan",), "lies"),
    ("signals", ("blocks",), "asks"),
    ("interlocking", ("blocks", "switches"), None),
    ("timetable", (), "limited"),
    ("platforms", ("track plan",), None),
    ("announcements", ("timetable", "platforms"), None),
    ("dispatch", ("interlocking", "signals"), None),
    ("tests", ("dispatch",), None),
    ("manual", ("announcements",), None),
    ("opening day", ("tests", "manual"), None),
)
"""Title, what it waits for, and how its agent goes about it."""

CHECK = """
import os, pathlib, sys
part = pathlib.Path("parts") / os.environ["SIGNALBOX_TASK"]
if not part.exists() or not part.read_text().strip():
    sys.exit(f"{part} is missing")
"""


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints."""
    who = {
        f"GIT_{role}_{what}": "demo@signalbox.invalid"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **who}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_repository(folder: Path) -> None:
    """One with a check that every part must pass."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "check.py").write_text(CHECK)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "An empty yard")


def declarations(repository: Path) -> dict[str, Any]:
    """Four agents on two accounts; their work is checked, and lands by itself."""
    agent = [sys.executable, str(Path(__file__).with_name("agent.py"))]

    def declared(quota: str) -> dict[str, Any]:
        return {
            "queue": "yard",
            "quota": quota,
            "command": agent,
            "timeout": "2m",
            "retries": {"max_attempts": 3, "backoff": "none"},
            "accept": [[sys.executable, "check.py"]],
            "workspace": {"repository": str(repository), "landing": "rebase"},
        }

    return {
        "task_queue": {"backend": "postgres"},
        "quotas": {"north": {}, "south": {}},
        "agents": {
            name: declared(quota)
            for name, quota in (("ada", "north"), ("ben", "north"), ("cleo", "south"), ("dan", "south"))
        },
    }


def tasks() -> str:
    """As JSON lines; titles are their keys."""
    lines = [
        {
            "title": title,
            "queue": "yard",
            "key": title,
            "blocked_by": list(blockers),
            "payload": {"writes": title, **({"does": does} if does else {})},
        }
        for title, blockers, does in TASKS
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)
