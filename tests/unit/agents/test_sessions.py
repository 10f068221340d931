"""The registry of agents' sessions, and what their programs say that they have used."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.sessions.registry import Session, sessions
from scheduler_defs.agents.working.transcript import understand
from tests.patience import wait_until
from tests.unit.agents.bench import Bench
from tests.unit.agents.desk import signalbox_here as signalbox_here
from tests.unit.agents.runs_to_kill import start
from tests.unit.agents.test_cli import Signalbox
from tests.unit.task_queue.asking import add, comments

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
SAYS = """
import json, os, pathlib, sys
seen = pathlib.Path({seen!r})
seen.write_text(seen.read_text() + json.dumps(sys.argv[1:]) + "\\n" if seen.exists() else json.dumps(sys.argv[1:]) + "\\n")
print(json.dumps({{"type": "system", "session_id": "s-1"}}), flush=True)
print(json.dumps({{"type": "result", "session_id": "s-1", "num_turns": 2, "total_cost_usd": 0.25,
                  "usage": {{"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100}}}}))
"""


@pytest.fixture
def told(bench: Bench) -> Bench:
    """The bench with an agent that names its session, and says what it has used."""
    script = bench.folder / "agent.py"
    script.write_text(SAYS.format(seen=str(bench.folder / "seen")))
    command = [sys.executable, str(script)]
    bench.declare(command, resume=[*command, "--resume", "{session.id}", "{answer.text}"])
    return bench


def known() -> list[Session]:
    with database.engine().connect() as connection:
        return sessions(connection)


def argv(bench: Bench) -> list[list[str]]:
    return [json.loads(line) for line in (bench.folder / "seen").read_text().splitlines()]


def test_given_runs_then_their_sessions_are_listed_with_what_they_have_used_and_so_are_the_runs(
    told: Bench, signalbox_here: Signalbox
) -> None:
    id = add(told.queue)
    run = told.run()
    code, (shown,), _ = signalbox_here("sessions", "list", "--json")
    expected = {"id": "s-1", "task": id, "agent": "vaela", "cli": "claude", "state": "ended", "tokens": 15}
    assert code == 0
    assert expected.items() <= shown.items()
    assert shown.keys() >= {"host", "workspace", "last_seen"}
    assert (shown["cached"], shown["turns"], shown["cost_usd"]) == (100, 2, 0.25)
    assert {name: value for name, value in run.tags.items() if name in tags.TOKENS} == {
        tags.TOKENS_FRESH: "15",
        tags.TOKENS_CACHED: "100",
        tags.TOKENS_TURNS: "2",
        tags.TOKENS_COST_USD: "0.25",
    }


def test_given_a_dump_then_it_is_the_whole_registry_and_renews_nothing(
    told: Bench, signalbox_here: Signalbox
) -> None:
    add(told.queue)
    told.run()
    before = known()
    code, dumped, _ = signalbox_here("sessions", "dump")
    assert code == 0
    assert [each["id"] for each in json.loads(dumped)] == ["s-1"]
    signalbox_here("sessions", "show", "s-1", "--json")
    assert known() == before


def test_given_a_session_then_its_task_goes_on_in_it_with_what_is_said(
    told: Bench, signalbox_here: Signalbox
) -> None:
    id = add(told.queue)
    told.run()
    assert told.queue.get(id).status is TaskStatus.COMPLETE
    code, _, _ = signalbox_here("sessions", "resume", "s-1", "and the tests?", "--dry-run")
    assert (code, told.queue.get(id).status) == (0, TaskStatus.COMPLETE)
    code, found, said = signalbox_here("sessions", "resume", "s-1", "and the tests?", "--by", "ann", "--json")
    assert code == 0, said
    assert (found["task"], found["resumed"]) == (id, True)
    assert told.queue.get(id).status is TaskStatus.IDLE
    assert "vaela is to go on: and the tests?" in comments(told.queue, id)
    told.run()
    assert argv(told) == [[], ["--resume", "s-1", "and the tests?"]]
    (session,) = known()
    assert (session.tokens, session.turns, session.cost_usd) == (30, 4, 0.5), "turns add up"


def test_given_an_agent_that_cannot_resume_then_that_is_said(told: Bench, signalbox_here: Signalbox) -> None:
    add(told.queue)
    told.run()
    told.declare(["true"])
    code, _, said = signalbox_here("sessions", "resume", "s-1")
    assert code == 1
    assert said.startswith("signalbox: session s-1: its agent vaela has no resume:")
    code, _, said = signalbox_here("sessions", "resume", "s-9")
    assert (code, "no session 's-9'" in said) == (1, True)


def test_given_old_sessions_then_pruning_says_how_many_and_which_and_a_dry_run_forgets_none(
    told: Bench, signalbox_here: Signalbox
) -> None:
    add(told.queue)
    told.run()
    code, gone, said = signalbox_here("sessions", "prune", "--json")
    assert (code, gone, said) == (0, [], "0 sessions forgotten\n")
    with database.engine().begin() as connection:
        connection.execute(
            sa.text("UPDATE signalbox.agent_sessions SET last_seen = now() - interval '31 days'")
        )
    code, gone, said = signalbox_here("sessions", "prune", "--dry-run", "--json")
    assert ([each["id"] for each in gone], said) == (["s-1"], "1 session to be forgotten\n")
    assert len(known()) == 1
    code, gone, said = signalbox_here("sessions", "prune", "--json")
    assert ([each["id"] for each in gone], said) == (["s-1"], "1 session forgotten\n")
    assert known() == []
    code, _, said = signalbox_here("sessions", "prune", "--older-than", "soon")
    assert (code, said.startswith("signalbox: --older-than: ")) == (1, True)


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_worker_killed_in_a_turn_then_the_session_was_known_before_and_is_lost(bench: Bench) -> None:
    line = json.dumps({"type": "system", "session_id": "s-2"})
    bench.declare(["sh", "-c", f"echo '{line}'; sleep 60"])
    add(bench.queue)
    run = start(bench)
    wait_until(lambda: [each.state for each in known()] == ["working"], seconds=60)
    run.kill()
    bench.look()
    assert [each.state for each in known()] == ["lost"]


@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_provider_that_refuses_then_the_next_run_goes_on_in_the_same_session(bench: Bench) -> None:
    script = bench.folder / "agent.py"
    refused = {
        "type": "result",
        "session_id": "s-3",
        "is_error": True,
        "api_error_status": 429,
        "result": "limit",
    }
    script.write_text(
        f"import json, sys\nopen({str(bench.folder / 'seen')!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
        f"if len(sys.argv) < 2:\n    print({json.dumps(json.dumps(refused))}); sys.exit(1)\n"
    )
    command = [sys.executable, str(script)]
    bench.declare(command, resume=[*command, "{session.id}", "{answer.text}"])
    id = add(bench.queue)
    bench.run()
    assert [(each.id, each.state) for each in known()] == [("s-3", "limited")]
    with database.engine().begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.quota_pools SET closed_until = NULL"))
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    assert argv(bench) == [[], ["s-3", "Go on."]]


def used(*lines: Any) -> tuple[int | None, int | None, int | None, float | None]:
    found = understand([line if isinstance(line, str) else json.dumps(line) for line in lines], NOW)
    return found.tokens, found.cached, found.turns, found.cost_usd


CLAUDE = {
    "input_tokens": 3,
    "output_tokens": 4,
    "cache_read_input_tokens": 9,
    "cache_creation_input_tokens": 2,
}
CODEX = {"input_tokens": 100, "cached_input_tokens": 60, "output_tokens": 7}
OPENAI = {"prompt_tokens": 50, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 40}}


def step(id: str, **tokens: Any) -> dict[str, Any]:
    part = {"id": id, "type": "step-finish", "tokens": tokens, "cost": 0.5}
    return {"type": "step_finish", "sessionID": "o-1", "part": part}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [
                {"type": "assistant", "message": {"id": "m", "usage": CLAUDE}, "session_id": "s"},
                {"type": "assistant", "message": {"id": "m", "usage": CLAUDE}, "session_id": "s"},
                {"type": "result", "usage": CLAUDE, "num_turns": 2, "total_cost_usd": 0.1},
            ],
            (9, 9, 2, 0.1),
        ),
        ([{"type": "thread.started"}, {"type": "turn.completed", "usage": CODEX}], (47, 60, 1, None)),
        (
            [
                step("a", input=10, output=2, reasoning=1, cache={"read": 7, "write": 3}),
                step("a", input=10, output=2, reasoning=1, cache={"read": 7, "write": 3}),
                step("b", input=1, output=1, reasoning=0, cache={"read": 2, "write": 0}),
            ],
            (18, 9, 2, 1.0),
        ),
        (
            [
                {"id": "c1", "object": "chat.completion.chunk", "usage": OPENAI},
                {"id": "c1", "object": "chat.completion.chunk", "usage": OPENAI},
                {
                    "id": "c2",
                    "object": "chat.completion",
                    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
                },
            ],
            (18, 40, 2, None),
        ),
        (
            [
                "Tokens: 1.2k sent, 42 received.",
                "Tokens: 300 sent, 8 received. Cost: $0.02 message, $0.03 session.",
            ],
            (1550, None, 2, 0.02),
        ),
        ([{"type": "complete", "total_tokens": 321}], (321, None, None, None)),
        (
            ["no tokens here", "{not json", {"type": "result", "usage": "many", "total_cost_usd": True}],
            (None, None, None, None),
        ),
        (
            [{"type": "step_finish", "part": {"tokens": 5}}, {"type": "x", "id": 1, "usage": []}],
            (None, None, None, None),
        ),
    ],
)
def test_given_what_the_programs_print_then_each_turn_counts_once(lines: list[Any], expected: Any) -> None:
    assert used(*lines) == expected
