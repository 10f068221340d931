"""An agent with a worktree for each task: what it does, a task's payload says in Python."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from scheduler_defs import database
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.workspaces import store
from scheduler_defs.cli.main import main
from tests.unit.agents.bench import Bench
from tests.unit.agents.repository import Repository
from tests.unit.agents.test_cli import Signalbox
from tests.unit.task_queue.asking import add, comments

WORKER = """
import json, os, pathlib, subprocess, sys
document = json.loads(pathlib.Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text())
task = document["task"]
note = {
    "cwd": os.getcwd(), "files": sorted(p.name for p in pathlib.Path().iterdir() if p.name != ".git"),
    "port": os.environ.get("SIGNALBOX_PORT"), "tmp": os.environ.get("TMPDIR"), "workspace": document.get("workspace"),
    "attempt": document["run"]["attempt"], "task": task["id"], "rejections": task["rejections"],
}
with open(SEEN, "a") as file:
    file.write(json.dumps(note) + "\\n")
code = task["payload"]["code"] if task["payload"] else "pathlib.Path(str(task['id'])).write_text('done')"
exec(code)
"""


class Desk:
    """The bench with a repository, and an agent that does what a task's payload says in Python."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.repository = Repository(bench.folder / "app")
        self.seen = bench.folder / "seen.jsonl"
        script = bench.folder / "worker.py"
        script.write_text(f"SEEN = {str(self.seen)!r}\n" + WORKER)
        self.command = [sys.executable, str(script)]
        self.declare()

    def declare(self, accept: Any = None, **workspace: Any) -> None:
        fields = {"accept": accept} if accept is not None else {}
        self.bench.declare(
            self.command, workspace={"repository": str(self.repository.path), **workspace}, **fields
        )

    def add(self, code: str = "", **fields: Any) -> int:
        payload = {"payload": {"code": code}} if code else {}
        return add(self.bench.queue, fields.pop("title", "a task"), **payload, **fields)

    def notes(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.seen.read_text().splitlines()]

    def kept(self, task_id: int) -> store.Kept:
        with database.engine().connect() as connection:
            (found,) = store.of_task(connection, self.bench.queue.backend, task_id)
        return found

    def done(self, *ids: int) -> None:
        for id in ids:
            task = self.bench.queue.get(id)
            assert task.status is TaskStatus.COMPLETE, comments(self.bench.queue, id)


@pytest.fixture
def signalbox_here(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Signalbox:
    """The command on the bench's files: exit code, stdout (JSON if asked for), stderr."""

    def run(*argv: object) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["signalbox", *map(str, argv)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(said.out) if "--json" in argv else said.out, said.err

    return run


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


def write(name: str, text: str) -> str:
    return f"pathlib.Path({name!r}).write_text({text!r})"
