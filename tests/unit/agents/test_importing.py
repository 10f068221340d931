"""TinyScheduler's files become declarations that `signalbox check` accepts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from scheduler_defs.cli.importing.tinyscheduler import read_env, read_limits, translate
from scheduler_defs.cli.main import main
from scheduler_defs.declarations import load
from scheduler_defs.errors import SignalboxError

ENV = """
# production
export TINYSCHEDULER_AGENT_LIMITS='{"vaela": 3, "damien": 2, "oscar": 1, "ghost": 4}'
TINYSCHEDULER_MCP_ENDPOINT=http://127.0.0.1:3900/mcp
TINYSCHEDULER_GOOSE_BIN="/usr/bin/goose"   # here
TINYSCHEDULER_MAX_RUNTIME_SEC=1800
TINYSCHEDULER_LOOP_INTERVAL_SEC=30
TINYSCHEDULER_DISABLE_BLOCKING=1
TINYSCHEDULER_COLOUR=red
OTHER=1
"""
CONTROL = [
    {"agentName": "vaela", "agentType": "dev", "maxConcurrency": 9},
    {"agentName": "damien", "agentType": "dev"},
    {"agentName": "oscar", "agentType": "qa"},
    {"agentName": "oscar", "agentType": "docs"},
    {"agentName": "kalis", "agentType": "qa"},
]


def test_given_both_files_when_imported_then_the_declarations_are_free_of_faults_and_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("config", "recipes"):
        (tmp_path / name).mkdir()
    (tmp_path / "recipes" / "vaela.yaml").write_text("title: x\n")
    (tmp_path / "tiny.env").write_text(ENV)
    (tmp_path / "control.json").write_text(json.dumps(CONTROL))
    target = tmp_path / "config" / "agents.yaml"
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SIGNALBOX_RECIPES", raising=False)
    argv = ["signalbox", "import", "tinyscheduler", "--env-file", str(tmp_path / "tiny.env")]
    argv += ["--control", str(tmp_path / "control.json"), "--to", str(target)]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    notes = capsys.readouterr().err
    found = load(tmp_path / "config")
    assert found.problems == ()
    agents = found.declarations.agents
    assert [(a.name, a.queues, a.limit) for a in agents.values()] == [
        ("vaela", ("dev",), 3),
        ("damien", ("dev",), 2),
        ("oscar", ("qa", "docs"), 1),
        ("kalis", ("qa",), 0),
    ]
    assert agents["vaela"].recipe == str(tmp_path / "recipes" / "vaela.yaml")
    assert agents["vaela"].command[:5] == (
        "/usr/bin/goose",
        "run",
        "--no-session",
        "--recipe",
        "{agent.recipe}",
    )
    assert agents["vaela"].timeout is not None
    assert agents["vaela"].timeout.total_seconds() == 1800
    queue = found.declarations.task_queue
    assert (queue.backend, queue.url, queue.default.blocking) == ("tinytask", "http://127.0.0.1:3900", False)
    for words in (
        "kalis: has no limit",
        "ghost: has a limit and is not in the control file",
        "vaela: maxConcurrency is left out",
        "oscar: is in the control file more than once",
        "damien.yaml is not in the recipes folder",
        "TINYSCHEDULER_LOOP_INTERVAL_SEC is not needed",
        "TINYSCHEDULER_COLOUR is unknown",
    ):
        assert words in notes
    with pytest.raises(SystemExit) as again:
        main()
    assert again.value.code == 1


def test_given_no_control_file_then_the_legacy_mode_is_noted() -> None:
    found = translate({"TINYSCHEDULER_AGENT_LIMITS": "a:1, b:2"}, None, ())
    assert [agent["limit"] for agent in found.document["agents"].values()] == [1, 2]
    assert any("legacy mode" in note for note in found.notes)
    assert yaml.safe_dump(found.document)


@pytest.mark.parametrize("text", ["a:b", '{"a": -1}', '{"a": true}', '{"a": 1.5}', "a:-1", "{"])
def test_given_limits_that_are_not_natural_numbers_then_they_are_refused(text: str) -> None:
    with pytest.raises(SignalboxError, match="AGENT_LIMITS"):
        read_limits(text)


@pytest.mark.parametrize(
    ("control", "message"),
    [
        (["vaela"], "entry 1: an object is expected"),
        ([{"agentName": "a"}], "entry 1: agentName and agentType must be texts"),
        ([{"agentName": "../a", "agentType": "dev"}], "entry 1: agentName: bad name"),
    ],
)
def test_given_a_faulty_control_file_then_the_entry_is_named(control: list[object], message: str) -> None:
    with pytest.raises(SignalboxError, match=message):
        translate({}, control, ())


def test_given_a_faulty_env_file_then_the_line_is_named() -> None:
    with pytest.raises(SignalboxError, match="line 2: NAME=value is expected"):
        read_env("A=1\nwhat is this\n")


def test_given_a_file_of_variables_then_it_is_read_as_dotenv_reads_it() -> None:
    text = """# queues
export A=1
B="say \\"hi\\"" # greeting
C='two
lines'
D=a#b
E=$A
"""
    expected = {"A": "1", "B": 'say "hi"', "C": "two\nlines", "D": "a#b", "E": "$A"}
    assert read_env(text) == expected


@pytest.mark.parametrize(("text", "number"), [("A=1\n\nNAME\n", 3), ("A B=1\n", 1), ("\n=x\n", 2)])
def test_given_a_line_that_is_no_variable_then_the_fault_names_it(text: str, number: int) -> None:
    with pytest.raises(SignalboxError, match=rf"^line {number}: NAME=value is expected"):
        read_env(text)
