"""`signalbox limits` on a real database, and limits that change while the queue runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler_defs.cli.limits import limits
from scheduler_defs.errors import NotReachableError
from tests.unit.execution.dequeue.setting import Queue, add_lease, add_worker, submit


def test_given_a_full_limit_when_asked_then_the_command_shows_use_and_waiting_as_json(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    add_worker(queue.url, "w@host", ["runs"], 2)
    (running,) = [submit(queue.instance, team="a")]
    queue.iterate()
    add_lease(queue.url, running, "w@host")
    submit(queue.instance, team="a")
    limits(as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "key": "team",
            "value": "a",
            "limit": 1,
            "source": "config/limits.yaml:2",
            "in_use": 1,
            "waiting": 1,
        },
        {
            "key": "dagster-celery/queue",
            "value": "runs",
            "limit": 2,
            "source": "slots of w@host",
            "in_use": 1,
            "waiting": 0,
        },
    ]
    limits()
    assert "config/limits.yaml:2" in capsys.readouterr().out


def test_given_a_limit_that_changes_when_the_file_is_written_then_it_counts_in_the_next_pass(
    queue: Queue, tmp_path: Path
) -> None:
    add_worker(queue.url, "w", ["runs"], 4)
    first, second = (submit(queue.instance, team="a") for _ in range(2))
    assert queue.iterate() == [first]
    file = tmp_path / "config" / "limits.yaml"
    file.write_text(file.read_text().replace("limit: 1", "limit: 2"))
    assert queue.iterate() == [second]
    shown = queue.instance.get_concurrency_config().run_queue_config
    assert shown is not None
    assert shown.tag_concurrency_limits == [{"key": "team", "limit": 2, "value": "a"}]


def test_given_a_database_that_is_away_when_asked_then_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", f"postgresql://nobody@/none?host={tmp_path}")
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    with pytest.raises(NotReachableError, match="the database cannot be reached"):
        limits()
