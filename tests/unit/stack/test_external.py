"""What a stack relies on and does not start itself, as `signalbox status` shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler_defs.settings import Settings, settings
from scheduler_defs.stack.components.external import task_queue
from tests.standins.tinytask import TinyTaskServer


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    return settings()


def declare(where: Settings, **fields: str) -> None:
    (where.config / "agents.yaml").write_text(json.dumps({"task_queue": fields}))


def test_given_our_own_tables_then_there_is_nothing_else_to_ask(where: Settings) -> None:
    declare(where, backend="postgres")
    assert task_queue(where) == []


def test_given_a_tinytask_server_then_its_state_follows_it_and_names_the_address(where: Settings) -> None:
    """W9: with the server down everything looked well."""
    with TinyTaskServer() as server:
        declare(where, backend="tinytask", url=server.url.replace("//", "//ann:secret@"))
        (row,) = task_queue(where)
        assert (row["name"], row["state"], row["address"]) == ("task-queue", "healthy", server.url)
        server.down()
        (row,) = task_queue(where)
        assert (row["state"], row["address"]) == ("unhealthy", server.url)
        assert f"the task queue at {server.url} does not answer" in row["detail"]
        assert "secret" not in json.dumps(row)
        server.up()
        assert task_queue(where)[0]["state"] == "healthy"
