"""`python -m demo`: a stack of its own, four agents, twelve tasks; what they ask is answered, and all land.

Exit code 0 when everything has landed in order. `--keep` leaves the stack running, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from demo import yard

ANSWER = "green"
MOST_SECONDS = 300


class Stack:
    """The stack in a folder, by the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIGNALBOX_", "DAGSTER_"))
        }

    def run(self, *arguments: str, given: str | None = None) -> str:
        """What `signalbox ARGUMENTS` prints. Raises SystemExit with its last words when it fails."""
        where = ["--state", str(self.folder / "state"), "--config", str(self.folder / "config")]
        done = subprocess.run(
            [sys.executable, "-m", "scheduler_defs.cli.main", *where, *arguments],
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"signalbox {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The same, read as JSON."""
        return json.loads(self.run(*arguments, "--json"))


def main() -> int:
    """The whole story."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="signalbox-demo-"))
    repository = folder / "yard"
    yard.make_repository(repository)
    (folder / "config").mkdir()
    (folder / "config" / "agents.yaml").write_text(json.dumps(yard.declarations(repository)))
    stack = Stack(folder)
    tell(f"a stack in {folder} starts")
    try:
        stack.run("up", "--detach", "--port", "0")
        tell(f"the UI: {stack.json('status')['ui']}")
        stack.run("tasks", "add", given=yard.tasks())
        ended = watch(stack)
        faults = [*ended, *out_of_order(stack, repository)]
    finally:
        if options.keep:
            tell(f"still running: signalbox --state {folder}/state --config {folder}/config down")
        else:
            stack.run("down")
    for fault in faults:
        tell(f"wrong: {fault}")
    if not faults:
        tell(f"{len(yard.TASKS)} tasks landed in order")
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if faults else 0


def watch(stack: Stack) -> list[str]:
    """Tell each step, and answer what is asked, until all is done; what is not done in time."""
    known: dict[str, str] = {}
    closed: set[str] = set()
    end = time.monotonic() + MOST_SECONDS
    while time.monotonic() < end:
        found = sorted(stack.json("tasks", "list"), key=lambda task: task["id"])
        for task in found:
            state = "blocked" if task["blocked"] else task["status"]
            who = f" ({task['agent']})" if state == "working" else ""
            if known.get(task["title"]) != state:
                known[task["title"]] = state
                tell(f"{task['id']:>3} {task['title']}: {state}{who}")
        for question in stack.json("inbox"):
            task_id = question["subject"].rpartition(":")[2]
            tell(f"{task_id:>3} asks: {question['text']} The answer: {ANSWER}")
            stack.run("tasks", "answer", task_id, ANSWER)
        now_closed = {pool["name"] for pool in stack.json("quotas") if pool["state"] == "closed"}
        for pool in sorted(now_closed ^ closed):
            tell(f"the pool {pool} is {'closed' if pool in now_closed else 'open again'}")
        closed = now_closed
        if all(task["status"] in ("complete", "failed", "canceled") for task in found):
            break
        time.sleep(0.5)
    return [f"{title} is {state}" for title, state in known.items() if state != "complete"]


def out_of_order(stack: Stack, repository: Path) -> list[str]:
    """What landed before something that it had to wait for, or is not there."""
    ids = {task["title"]: task["id"] for task in stack.json("tasks", "list")}
    order = yard.git(repository, "log", "--reverse", "--format=%s", "main").splitlines()[1:]
    tell("the base: " + ", ".join(order))
    faults = [f"{title} is not on main" for title in ids if title not in order]
    for title, blockers, does in yard.TASKS:
        if title not in order:
            continue
        faults += [
            f"{title} landed before {each}" for each in blockers if each in order[order.index(title) :]
        ]
        text = yard.git(repository, "show", f"main:parts/{ids[title]}")
        if text != (f"{title}: {ANSWER}" if does == "asks" else title):
            faults.append(f"{title} says {text!r}")
    attempts = {task["title"]: task["attempts"] for task in stack.json("tasks", "list")}
    faults += [f"{title} took {count} attempts" for title, count in attempts.items() if count != 1]
    return faults


def tell(line: str) -> None:
    """To whoever watches."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
