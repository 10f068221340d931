"""The examples of CONTRIBUTING.md run, and the places that it names are there."""

from __future__ import annotations

import datetime as dt
import re
import sys
import types
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs.alerting.channels import Place, send
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.base import Position

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```python\n# example: ([a-z ]+)\n(.*?)```", TEXT, re.DOTALL))


def example(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType(module)
    monkeypatch.setitem(sys.modules, module, made)
    exec(compile(EXAMPLES[name], f"CONTRIBUTING.md ({name})", "exec"), made.__dict__)
    return made


def test_every_place_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:scheduler_defs|tests|docs)/[\w/.-]+)`", TEXT))
    named |= set(re.findall(r"\]\(([\w/.-]+)\)", TEXT))
    assert len(named) > 10
    assert {place for place in named if not (ROOT / place).exists()} == set()


def test_the_probe_is_found_and_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scheduler_defs.conditions import registry

    monkeypatch.setattr(registry, "_probes", dict(registry.probes()))
    made = example("probe", "my_probes", monkeypatch)
    (tmp_path / "letter").touch()
    found, argument = registry.find(f"spool.depth:{tmp_path}")
    assert (found.read, argument) == (made.spool_depth, str(tmp_path))
    assert made.spool_depth(str(tmp_path), None) == 1.0
    assert made.spool_depth(str(tmp_path / "none"), None) is None


def test_the_channel_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example("channel", "scheduler_defs.alerting.channels.outbox", monkeypatch)
    source = Position(file="config/alerts.yaml", line=1, column=1)
    channel = Channel.model_construct(name="out", source=source, type="outbox")
    send(channel, {"id": 7, "text": "on fire"}, Place(tmp_path / "logs", tmp_path, {}))
    assert "on fire" in (tmp_path / "outbox" / "7.json").read_text()


def test_the_task_queue_reads_and_does_not_claim(dagster_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from scheduler_defs import database
    from scheduler_defs.agents.task_queue.new_task import NewTask
    from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue

    engine = database.engine(dagster_url)
    try:
        (task,) = PostgresTaskQueue(engine).add([NewTask(title="paint it", queue="dev")])
        read_only = example("task queue", "my_task_queue", monkeypatch).ReadOnlyTaskQueue(engine)
        assert read_only.get(task).title == "paint it"
        with pytest.raises(PermissionError):
            read_only.claim(task, None, dt.datetime.now(dt.UTC))
    finally:
        engine.dispose()


def test_the_job_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    made = example("job", "my_job", monkeypatch)
    done = dg.materialize([made.uptime])
    assert done.success
    assert list(tmp_path.glob("artifacts/*/uptime.md"))
