"""The commands around agent queues, over both task queues: what they print, and how they end."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.task_queue.protocol import CHANNEL, TaskQueue
from scheduler_defs.cli.main import main
from scheduler_defs.execution.wakeup import WakingConnection
from tests.standins.task_queues import close_task_queues
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.yard import Yard, agent, declared
from tests.unit.task_queue.asking import add, comments, now, request

Answer = tuple[int, Any, str]
Signalbox = Callable[..., Answer]


@pytest.fixture
def signalbox(
    queue_engine: sa.Engine,
    queue: TaskQueue,
    postgres_queue: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Signalbox]:
    """Runs one command in this process: exit code, stdout (JSON if it is), stderr."""
    config = tmp_path / "config"
    config.mkdir()
    agents = {
        "vaela": {"queue": "dev", "limit": 2, "command": ["true"]},
        "damien": {"queue": "dev", "command": ["true"], "capabilities": ["gpu"]},
        "oscar": {"queues": ["qa"], "command": ["true"], "timeout": "20m"},
    }
    url = {"url": queue.address} if queue.backend == "tinytask" else {}
    document = {"task_queue": {"backend": queue.backend, **url}, "agents": agents}
    (config / "agents.yaml").write_text(json.dumps(document))
    for name, value in {
        "SIGNALBOX_POSTGRES_URL": queue_engine.url.render_as_string(hide_password=False),
        "SIGNALBOX_CONFIG": str(config),
        "SIGNALBOX_STATE": str(tmp_path / "state"),
        "USER": "ann",
        "LOGNAME": "ann",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("SIGNALBOX_UI_URL", "SIGNALBOX_AGENT", "SIGNALBOX_RECIPES"):
        monkeypatch.delenv(name, raising=False)

    def run(*argv: object, stdin: str = "") -> Answer:
        monkeypatch.setattr(sys, "argv", ["signalbox", *map(str, argv)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        printed = capsys.readouterr()
        try:
            return code, json.loads(printed.out), printed.err
        except ValueError:
            return code, printed.out, printed.err

    yield run
    close_task_queues()
    database.engine().dispose()


def test_given_a_title_when_added_then_the_task_is_shown_as_the_contract_says(signalbox: Signalbox) -> None:
    code, first, _ = signalbox("tasks", "add", "dig", "--queue", "dev", "--json")
    code, task, _ = signalbox(
        *("tasks", "add", "build", "--queue", "dev", "--priority", 7, "--blocked-by", first["id"]),
        *("--assign", "vaela", "--tag", "x", "--needs", "gpu", "--json"),
    )
    assert code == 0
    keys = "id title queue status assigned_to priority blocked_by blocked attempts max_attempts run_id created updated"
    assert set(keys.split()) <= set(task)
    assert (task["title"], task["queue"], task["status"], task["priority"]) == ("build", "dev", "idle", 7)
    assert (task["blocked_by"], task["blocked"], task["assigned_to"]) == ([first["id"]], True, "vaela")
    assert (task["created_by"], task["capabilities"], task["tags"]) == ("ann", ["gpu"], ["x"])
    assert "T" in task["created"] and task["created"].endswith("+00:00")


def test_given_json_lines_when_added_then_there_is_one_line_per_task(signalbox: Signalbox) -> None:
    lines = '{"title": "a", "key": "a"}\n\n{"title": "b", "queue": "qa", "blocked_by": ["a"]}\n'
    code, out, _ = signalbox("tasks", "add", "--queue", "dev", "--json", stdin=lines)
    tasks = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(task["title"], task["queue"], task["blocked_by"]) for task in tasks] == [
        ("a", "dev", []),
        ("b", "qa", [tasks[0]["id"]]),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"title": "a"', "line 1: not JSON"),
        ("[]", "line 1: a JSON object is expected, not list"),
        ('{"title": "a", "queue": "x y"}', "line 1: queue: "),
        ('{"title": "a", "queue": "dev", "colour": "red"}', "line 1: colour: unknown field; allowed are"),
        ('{"title": "", "queue": "dev"}', "line 1: title: "),
        ('{"title": "a", "queue": "dev", "priority": "high"}', "line 1: priority: "),
        ("", "stdin has no tasks"),
    ],
)
def test_given_bad_json_lines_when_added_then_the_line_and_the_field_are_named_and_nothing_is_added(
    signalbox: Signalbox, lines: str, message: str
) -> None:
    code, _, err = signalbox("tasks", "add", stdin=lines)
    assert code == 1
    assert message in err
    assert signalbox("tasks", "list", "--json")[1] == []


def test_given_a_cycle_when_blocked_then_it_is_refused_and_spelled_out(signalbox: Signalbox) -> None:
    _, a, _ = signalbox("tasks", "add", "a", "--queue", "dev", "--json")
    _, b, _ = signalbox("tasks", "add", "b", "--queue", "dev", "--blocked-by", a["id"], "--json")
    code, _, err = signalbox("tasks", "block", a["id"], b["id"])
    assert code == 1
    assert f"cycle: {a['id']} -> {b['id']} -> {a['id']}" in err


def test_given_a_dry_run_when_added_then_nothing_is(signalbox: Signalbox) -> None:
    code, shown, _ = signalbox("tasks", "add", "a", "--queue", "dev", "--dry-run", "--json")
    assert (code, shown["title"]) == (0, "a")
    assert signalbox("tasks", "list", "--json")[1] == []


def test_given_tasks_when_listed_then_filters_hold(signalbox: Signalbox, queue: TaskQueue) -> None:
    a, b = add(queue), add(queue, queue="qa")
    queue.fail(a, reason="x", author="ann")
    assert [t["id"] for t in signalbox("tasks", "list", "--json")[1]] == [b, a]
    assert [t["id"] for t in signalbox("tasks", "list", "--queue", "qa", "--json")[1]] == [b]
    assert [t["id"] for t in signalbox("tasks", "list", "--status", "failed", "--json")[1]] == [a]
    code, _, err = signalbox("tasks", "list", "--status", "done")
    assert (code, "allowed are idle, working" in err) == (1, True)
    assert "failed" in signalbox("tasks", "list")[1]


def test_given_a_task_when_steered_then_it_changes_and_says_who(
    signalbox: Signalbox, queue: TaskQueue
) -> None:
    id = add(queue)
    assert signalbox("tasks", "assign", id, "vaela", "--json")[1]["assigned_to"] == "vaela"
    assert signalbox("tasks", "assign", id, "--json")[1]["assigned_to"] is None
    code, _, err = signalbox("tasks", "assign", id, "vaella")
    assert (code, "did you mean 'vaela'" in err) == (1, True)
    assert signalbox("tasks", "move", id, "qa", "--json")[1]["queue"] == "qa"
    assert signalbox("tasks", "comment", id, "look", "--by", "bob", "--json")[0] == 0
    assert signalbox("tasks", "fail", id, "--reason", "no", "--json")[1]["status"] == "failed"
    assert signalbox("tasks", "requeue", id, "--json")[1]["status"] == "idle"
    assert signalbox("tasks", "complete", id, "--result", '{"n": 1}', "--json")[1]["status"] == "complete"
    assert signalbox("tasks", "cancel", id, "--reason", "no", "--json")[1]["status"] == "canceled"
    shown = signalbox("tasks", "show", id, "--json")[1]
    assert [c["created_by"] for c in shown["comments"] if c["content"] == "look"] == ["bob"]
    assert shown["runs"] == []


def test_given_a_task_that_was_given_out_when_shown_then_its_runs_are_named(
    signalbox: Signalbox, queue: TaskQueue, queue_engine: sa.Engine
) -> None:
    id = add(queue)
    yard = Yard(queue_engine, queue, declared(agent("vaela"), backend=queue.backend))
    (assignment,) = yard.look().requests
    assert "attempt 1  vaela  requested  run not launched yet" in signalbox("tasks", "show", id)[1]
    yard.begin(assignment, "run-1")
    assert "attempt 1  vaela  working  run run-1" in signalbox("tasks", "show", id)[1]
    _, shown, _ = signalbox("tasks", "show", id, "--json")
    assert [(run["run_id"], run["agent"], run["attempt"]) for run in shown["runs"]] == [("run-1", "vaela", 1)]


def test_given_many_failed_tasks_when_requeued_by_status_then_all_are_idle(
    signalbox: Signalbox, queue: TaskQueue
) -> None:
    ids = [add(queue) for _ in range(3)]
    for id in ids:
        queue.fail(id, reason="", author="ann")
    assert [
        t["status"] for t in signalbox("tasks", "requeue", "--status", "failed", "--dry-run", "--json")[1]
    ] == ["failed"] * 3
    assert [t["status"] for t in signalbox("tasks", "requeue", "--status", "failed", "--json")[1]] == [
        "idle"
    ] * 3
    assert signalbox("tasks", "requeue")[0] == 2


def test_given_an_export_when_imported_then_the_same_tasks_are_there_again(
    signalbox: Signalbox, queue: TaskQueue, tmp_path: Path
) -> None:
    first = add(queue, "dig", priority=3, tags=("x",))
    add(queue, "build", blocked_by=(first,))
    done = add(queue, "plan")
    queue.complete(done, author="ann")
    queue.comment(first, "deeper", author="bob")
    _, out, _ = signalbox("tasks", "export", "--comments")
    file = tmp_path / "tasks.jsonl"
    file.write_text(out)
    assert signalbox("tasks", "import", file, "--dry-run", "--json")[1] == {"imported": 0, "read": 3}
    assert signalbox("tasks", "import", file, "--json")[1] == {"imported": 3, "read": 3}
    found = signalbox("tasks", "list", "--json")[1]
    again = {task["title"]: task for task in found[:3]}
    assert again["build"]["blocked_by"] == [again["dig"]["id"]] != [first]
    assert (again["dig"]["priority"], again["plan"]["status"]) == (3, "complete")
    assert "deeper" in comments(queue, again["dig"]["id"])


def test_given_queues_when_listed_then_depth_age_and_load_are_there(
    signalbox: Signalbox, queue: TaskQueue
) -> None:
    first = add(queue)
    add(queue, blocked_by=(first,))
    add(queue, queue="docs")
    queue.claim(add(queue), request(), now())
    code, rows, _ = signalbox("queues", "--json")
    assert code == 0
    dev, qa, docs = rows
    keys = "queue idle blocked working failed oldest_seconds per_hour wait_p50_seconds wait_p95_seconds"
    assert set(keys.split()) <= set(dev)
    assert (dev["queue"], dev["idle"], dev["blocked"], dev["working"]) == ("dev", 2, 1, 1)
    assert (qa["queue"], qa["idle"], qa["oldest_seconds"]) == ("qa", 0, None)
    assert (docs["queue"], docs["served"]) == ("docs", False)
    assert dev["agents"] == {"vaela": "0/2", "damien": "0/1"}
    assert "no agent serves it" in signalbox("queues")[1]


def test_given_waiting_tasks_when_drawn_then_text_json_and_page_name_them(
    signalbox: Signalbox, queue: TaskQueue, tmp_path: Path
) -> None:
    first = add(queue, "dig <b>")
    second = add(queue, "build", blocked_by=(first,))
    third = add(queue, "paint", blocked_by=(second,))
    _, graph, _ = signalbox("queues", "graph", "--json")
    assert [(edge["task"], edge["blocker"]) for edge in graph["edges"]] == [(second, first), (third, second)]
    assert graph["cycles"] == []
    lines = signalbox("queues", "graph")[1].splitlines()
    assert lines == [f"{first} [dev] dig <b> (idle)", f"  {second} [dev] build", f"    {third} [dev] paint"]
    page = tmp_path / "graph.html"
    assert signalbox("queues", "graph", "--html", page)[0] == 0
    text = page.read_text()
    assert "dig &lt;b&gt;" in text and "dig <b>" not in text
    assert "http" not in text


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_ring_in_the_server_when_drawn_then_it_is_named(
    signalbox: Signalbox, queue: TaskQueue, tinytask_server: TinyTaskServer, tmp_path: Path
) -> None:
    a = add(queue)
    b = add(queue, blocked_by=(a,))
    c = add(queue, blocked_by=(b,))
    tinytask_server.store.update(a, {"blocked_by_task_id": c})
    assert signalbox("queues", "graph", "--json")[1]["cycles"] == [[a, c, b, a]]
    assert f"cycle {a} -> {c} -> {b} -> {a}" in signalbox("queues", "graph")[2]
    assert signalbox("queues", "graph", "--html", tmp_path / "g.html")[0] == 0
    shown = signalbox("agents", "reconcile", "--dry-run", "--json")[1]
    assert shown["placed"] == []
    assert any("cycle" in error for error in shown["errors"])


def test_given_a_dry_run_of_a_pass_then_placements_and_reasons_are_there_and_nothing_happens(
    signalbox: Signalbox, queue: TaskQueue
) -> None:
    first = add(queue)
    second = add(queue, priority=9, blocked_by=(first,))
    needy = add(queue, capabilities=("quantum",))
    add(queue, queue="qa")
    for _ in range(2):
        code, shown, _ = signalbox("agents", "reconcile", "--queue", "dev", "--dry-run", "--json")
        assert code == 0
        assert [(p["task"], p["agent"]) for p in shown["placed"]] == [(first, "vaela")]
        assert {w["task"]: w["reason"] for w in shown["waiting"]} == {
            second: f"blocked by {first} (idle)",
            needy: "needs quantum",
        }
        assert (shown["blocked"], shown["errors"]) == (1, [])
    assert len(signalbox("agents", "reconcile", "--dry-run", "--json")[1]["placed"]) == 2
    assert "needs quantum" in signalbox("agents", "reconcile", "--dry-run")[1]
    assert signalbox("agents", "reconcile", "--queue", "nowhere", "--dry-run")[0] == 1


def test_given_agents_when_steered_then_the_list_and_the_dry_run_say_so(
    signalbox: Signalbox, queue: TaskQueue
) -> None:
    add(queue)
    _, agents, _ = signalbox("agents", "list", "--json")
    assert [(a["name"], a["queues"], a["limit"], a["active"], a["state"]) for a in agents] == [
        ("vaela", ["dev"], 2, 0, "on"),
        ("damien", ["dev"], 1, 0, "on"),
        ("oscar", ["qa"], 1, 0, "on"),
    ]
    answer = signalbox("agents", "pause", "vaela", "--reason", "tea", "--json")[1]
    assert answer == {"name": "vaela", "state": "paused", "changed": True}
    assert signalbox("agents", "pause", "vaela", "--json")[1]["changed"] is False
    assert signalbox("agents", "drain", "damien", "--wait", "--json")[1]["state"] == "draining"
    shown = signalbox("agents", "reconcile", "--queue", "dev", "--dry-run", "--json")[1]
    assert [w["reason"] for w in shown["waiting"]] == ["no free slot: vaela paused, damien draining"]
    assert signalbox("agents", "resume", "vaela", "--json")[1]["state"] == "on"
    assert signalbox("agents", "list", "--json")[1][0]["state"] == "on"
    assert signalbox("agents", "show", "oscar", "--json")[1]["timeout"] == "PT20M"
    code, _, err = signalbox("agents", "pause", "vaelo")
    assert (code, "did you mean 'vaela'" in err) == (1, True)


def test_given_all_agents_paused_for_a_while_then_each_says_until_when_and_takes_work_again_after_that(
    signalbox: Signalbox, queue: TaskQueue, queue_engine: sa.Engine
) -> None:
    add(queue)
    told = signalbox("agents", "pause", "--all", "--reason", "broken", "--until", "2h", "--json")[1]
    assert [(each["name"], each["state"], each["changed"]) for each in told] == [
        (name, "paused", True) for name in ("vaela", "damien", "oscar")
    ]
    listed = signalbox("agents", "list", "--json")[1]
    assert {each["reason"] for each in listed} == {"broken"}
    assert all(each["state"].startswith("paused until ") and each["until"] for each in listed)
    shown = signalbox("agents", "reconcile", "--queue", "dev", "--dry-run", "--json")[1]
    assert shown["placed"] == []
    assert "vaela paused until" in shown["waiting"][0]["reason"]
    with queue_engine.begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.agent_states SET ends_at = now()"))
    assert {each["state"] for each in signalbox("agents", "list", "--json")[1]} == {"on"}
    assert len(signalbox("agents", "reconcile", "--queue", "dev", "--dry-run", "--json")[1]["placed"]) == 1
    signalbox("agents", "pause", "--all")
    assert {e["state"] for e in signalbox("agents", "resume", "--all", "--json")[1]} == {"on"}
    assert signalbox("agents", "pause")[0] == 2
    assert signalbox("agents", "pause", "vaela", "--all")[0] == 2
    code, _, err = signalbox("agents", "pause", "--all", "--until", "2020-01-01T00:00Z")
    assert (code, "is over already" in err) == (1, True)


def test_given_open_tasks_when_reported_then_agents_priorities_and_ages_are_there(
    signalbox: Signalbox, queue: TaskQueue, tmp_path: Path
) -> None:
    add(queue, "a" * 50, priority=5, assigned_to="vaela")
    queue.claim(add(queue, "b", priority=5), request(), now())
    add(queue, "c|d", priority=1)
    code, report, _ = signalbox("report", "workload", "--format", "json")
    assert code == 0
    assert report["summary"] == {
        "total_open_tasks": 3,
        "total_idle": 2,
        "total_working": 1,
        "total_agents": 1,
        "agents_with_work": ["vaela"],
    }
    assert report["agent_breakdown"]["vaela"]["total_tasks"] == 2
    assert report["priority_distribution"]["by_priority"] == {"5": 2, "1": 1}
    assert report["priority_distribution"]["average_priority"] == 3.67
    assert report["age_metrics"]["oldest_task_age_hours"] < 0.1
    text = signalbox("report", "workload")[1]
    assert "AGENT WORKLOAD" in text and "a" * 40 + "..." in text and "(67%)" in text
    assert "| c\\|d |" in signalbox("report", "workload", "--format", "markdown")[1]
    file = tmp_path / "report.md"
    assert signalbox("report", "workload", "--format", "markdown", "-o", file)[0] == 0
    assert file.read_text().startswith("# Agent workload")


def test_given_no_tasks_when_reported_then_everything_is_zero(signalbox: Signalbox) -> None:
    report = signalbox("report", "workload", "--json")[1]
    assert report["summary"]["total_open_tasks"] == 0
    assert (report["agent_breakdown"], report["tasks"]) == ({}, [])


def test_given_arrivals_and_run_times_when_asked_for_capacity_then_littles_law_answers(
    signalbox: Signalbox, queue: TaskQueue, queue_engine: sa.Engine
) -> None:
    for _ in range(30):
        add(queue)
    with queue_engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO signalbox.assignments (run_key, backend, task_id, queue, agent, attempt,"
                " max_attempts, run_id, claimed_at, ended_at, ending)"
                " VALUES ('k', :backend, 1, 'dev', 'vaela', 1, 3, 'r', now() - interval '20 minutes', now(),"
                " 'complete')"
            ),
            {"backend": queue.backend},
        )
    code, rows, _ = signalbox("capacity", "--window", "1h", "--json")
    assert code == 0
    (dev,) = [row for row in rows if row["queue"] == "dev"]
    assert (dev["slots"], dev["arrivals_per_hour"], dev["needed"], dev["advised"]) == (3, 30.0, 10, 13)
    assert dev["load"] == pytest.approx(10.0, abs=0.01)
    assert dev["wait_now_seconds"] is None
    assert dev["wait_advised_seconds"] > 0
    assert "grows" in signalbox("capacity", "--window", "1h")[1]
    assert signalbox("capacity", "--window", "soon")[0] == 1


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
@pytest.mark.parametrize("argv", [("tasks", "list"), ("queues",), ("agents", "reconcile", "--dry-run")])
def test_given_a_server_that_is_down_when_asked_then_the_command_names_it_and_exits_with_3(
    signalbox: Signalbox, tinytask_server: TinyTaskServer, argv: tuple[str, ...]
) -> None:
    tinytask_server.down()
    code, out, err = signalbox(*argv, "--json")
    assert (code, out) == (3, "")
    assert tinytask_server.url in err


def test_given_no_database_when_asked_then_the_command_exits_with_3(
    signalbox: Signalbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", "postgresql://ann:geheim@127.0.0.1:1/x")
    code, _, err = signalbox("agents", "list", "--json")
    assert code == 3
    assert "geheim" not in err


def test_given_a_command_that_changes_tasks_then_the_queues_are_looked_at_without_waiting_for_a_tick(
    signalbox: Signalbox, queue_engine: sa.Engine
) -> None:
    """Our own tables announce what changes in them; for a TinyTask server the command does."""
    waking = WakingConnection(CHANNEL, queue_engine.url.render_as_string(hide_password=False))
    waking.get()
    try:
        _, task, _ = signalbox("tasks", "add", "a", "--queue", "dev", "--json")
        assert waking.wait(5)
        signalbox("tasks", "complete", task["id"])
        assert waking.wait(5)
        signalbox("tasks", "list")
        assert not waking.wait(0)
    finally:
        waking.close()


def test_given_watch_when_interrupted_then_the_queues_were_listed_again_and_again(
    signalbox: Signalbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("scheduler_defs.cli.agents.queues.time.sleep", pause)
    _, printed, _ = signalbox("queues", "--watch")
    assert [line.split()[0] for line in printed.splitlines()] == ["QUEUE", "dev", "qa"] * 3


def test_given_tasks_when_asked_what_is_next_then_each_agent_and_each_task_says_why(
    signalbox: Signalbox, queue: TaskQueue
) -> None:
    ids = [add(queue, f"task {priority}", priority=priority) for priority in (1, 9, 5)]
    last, gpu = add(queue, "the last"), add(queue, "needs one", queue="qa")
    code, shown, _ = signalbox("tasks", "next", "--queue", "dev", "--json")
    assert code == 0
    assert [each["task"] for each in shown["tasks"]] == [ids[1], ids[2], ids[0], last]
    assert [each["agent"] is not None for each in shown["tasks"]] == [True, True, True, False]
    assert shown["tasks"][0]["title"] == "task 9" and shown["tasks"][0]["takes"] is None
    assert shown["tasks"][3]["waits"] == "no free slot: vaela 2/2, damien 1/1"
    assert {each["agent"]: each["then"] for each in shown["agents"]} == {"vaela": last, "damien": last}
    code, shown, _ = signalbox("tasks", "next", "--agent", "oscar", "--json")
    assert [each["task"] for each in shown["tasks"]] == [gpu] and shown["agents"][0]["now"] == [gpu]
    code, text, _ = signalbox("tasks", "next")
    assert code == 0 and "WHEN A SLOT IS FREE" in text and "priority 9" in text
    code, _, said = signalbox("tasks", "next", "--queue", "nobody")
    assert code != 0 and "no agent serves 'nobody'" in said


def test_given_a_template_when_its_gaps_are_filled_then_it_is_a_task_that_says_where_it_is_from(
    signalbox: Signalbox, queue: TaskQueue, tmp_path: Path
) -> None:
    if queue.backend != "postgres":
        pytest.skip("a TinyTask server holds fewer fields")
    file = tmp_path / "bugfix.md"
    file.write_text("---\ntitle: Mend {issue}\nqueue: dev\npriority: 4\ntags: [bug]\n---\n\nSee {issue}.\n")
    code, task, _ = signalbox(
        "tasks", "add", "--template", file, "--set", "issue=#12", "--tag", "now", "--json"
    )
    assert code == 0
    assert (task["title"], task["description"], task["priority"]) == ("Mend #12", "See #12.", 4)
    assert (task["queue"], task["tags"]) == ("dev", ["bug", "template:bugfix", "now"])
    code, task, _ = signalbox(
        *("tasks", "add", "Another title", "--template", file, "--set", "issue=x", "--priority", "9"),
        *("--queue", "qa", "--json"),
    )
    assert (task["title"], task["queue"], task["priority"]) == ("Another title", "qa", 9)
    code, _, said = signalbox("tasks", "add", "--template", file)
    assert code == 1 and "{issue} is not filled: --set issue=TEXT" in said
    code, _, said = signalbox("tasks", "add", "--template", file, "--set", "issue=1", "--set", "x=1")
    assert code == 1 and "has no {x}; it has issue" in said
    code, _, said = signalbox("tasks", "add", "--template", "nothing.md")
    assert code == 1 and "nothing.md: no template" in said
    code, _, said = signalbox("tasks", "add", "T", "--queue", "dev", "--set", "a=b")
    assert code == 2 and "--template" in said
