"""Everything that can be wrong with agents, the task queue, limits, directives and alerts."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler_defs.declarations import load
from tests.unit.declarations.yards import lines, load_yard, write_yard

NAMES = "allowed are 1 to 128 letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_'"

# What follows the agent's name -> the fault without file name. Lines from 3, columns from 5.
AGENTS = {
    "queue: dev": "2:3: agents.v: needs command: [PROGRAM, ARGUMENTS] or recipe: FILE",
    "command: [a]": "2:3: agents.v: needs one of queue: NAME or queues: [NAMES]",
    "command: [a]\n    queue: dev\n    queues: [qa]": "2:3: agents.v: needs one of queue: NAME or queues: [NAMES]",
    "command: [a]\n    queues: []": "4:13: agents.v.queues: must not be empty",
    "command: [a]\n    queue: 'a b'": f"4:12: agents.v.queue: bad name 'a b'; {NAMES}",
    "command: [a]\n    queue: dev\n    limit: -1": "5:12: agents.v.limit: must be at least 0, not '-1'",
    "command: [a]\n    queue: dev\n    limit: 1.5": "5:12: agents.v.limit: must be a whole number, not '1.5'",
    "command: [a]\n    queue: dev\n    limit: two": "5:12: agents.v.limit: must be a whole number, not 'two'",
    "command: [a]\n    queue: dev\n    limit: true": "5:12: agents.v.limit: must be a whole number, not 'true'",
    "command: goose run --recipe dev.yaml\n    queue: dev": "3:14: agents.v.command: is a text; write it as a list: [goose, run, --recipe, dev.yaml]",
    "command: [a, '{params.x}']\n    queue: dev": "3:18: agents.v.command[1]: {params.x} belongs to jobs; agents have {task.*}, {agent.*}, {run.*}",
    "command: [a, '{agent.recipe}']\n    queue: dev": "3:18: agents.v.command[1]: {agent.recipe} stands for no recipe; add recipe: FILE",
    "command: [a]\n    queue: dev\n    working_hours: nine to five": "5:20: agents.v.working_hours: window 'nine to five' is not understood; write it as mon-fri 09:00-17:00, sat,sun 10:00-14:00 or 22:00-06:00",
    "command: [a]\n    queue: dev\n    timezone: Mars": "5:15: agents.v.timezone: timezone 'Mars' is not known; use an IANA name, for example UTC or America/Chicago",
    "command: [a]\n    queue: dev\n    retries: {base: 2h}": "5:21: agents.v.retries.base: base is longer than cap",
    "recipe: dev.yml\n    queue: dev": "3:13: agents.v.recipe: there is no file 'dev.yml' in recipes/; did you mean 'dev.yaml'?",
    "recipe: recipes/nope.py\n    queue: dev": "3:13: agents.v.recipe: there is no file 'recipes/nope.py' in recipes/; allowed are dev.yaml, odd.txt",
    "recipe: folder\n    queue: dev": "3:13: agents.v.recipe: there is no file 'folder' in recipes/; allowed are dev.yaml, odd.txt",
    "recipe: /etc/passwd\n    queue: dev": "3:13: agents.v.recipe: '/etc/passwd' must be relative to the recipes folder recipes/",
    "recipe: ../outside.yaml\n    queue: dev": "3:13: agents.v.recipe: '../outside.yaml' leads outside the recipes folder recipes/",
    "recipe: folder/../../outside.yaml\n    queue: dev": "3:13: agents.v.recipe: 'folder/../../outside.yaml' leads outside the recipes folder recipes/",
    "recipe: link.yaml\n    queue: dev": "3:13: agents.v.recipe: 'link.yaml' leads outside the recipes folder recipes/",
    "recipe: loop.yaml\n    queue: dev": "3:13: agents.v.recipe: 'loop.yaml' cannot be resolved",
    'recipe: "a\\0b"\n    queue: dev': "3:13: agents.v.recipe: holds a NUL character, which neither the database nor a program can take",
    "recipe: .\n    queue: dev": "3:13: agents.v.recipe: '.' leads outside the recipes folder recipes/",
    "recipe: odd.txt\n    queue: dev": '2:3: agents.v: needs command: [PROGRAM, .., "{agent.recipe}"]; only recipes ending in .py, .yaml have one of their own',
}


@pytest.mark.parametrize(("text", "expected"), AGENTS.items(), ids=AGENTS.keys())
def test_given_a_faulty_agent_when_checked_then_one_line_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    recipes = tmp_path / "recipes"
    (recipes / "folder").mkdir(parents=True)
    (recipes / "dev.yaml").write_text("x: 1\n")
    (recipes / "odd.txt").write_text("x\n")
    (tmp_path / "outside.yaml").write_text("secret\n")
    if "link" in text:
        (recipes / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    if "loop" in text:
        (recipes / "loop.yaml").symlink_to(recipes / "loop.yaml")
    result = load_yard(tmp_path, f"agents:\n  v:\n    {text}\n")
    assert lines(result) == [f"a.yaml:{expected}"]
    assert not result.declarations.agents


def test_given_a_recipe_when_loaded_then_its_real_path_and_a_command_of_its_kind_are_known(
    tmp_path: Path,
) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "dev.yaml").write_text("x: 1\n")
    (recipes / "qa.py").write_text("x = 1\n")
    (recipes / "alias.yaml").symlink_to("dev.yaml")
    result = load_yard(
        tmp_path,
        "agents:\n"
        "  a: {queue: dev, recipe: recipes/dev.yaml}\n"
        "  b: {queue: dev, recipe: qa.py}\n"
        "  c: {queue: dev, recipe: alias.yaml, command: [run, '{agent.recipe}', '{task.id}']}\n",
    )
    assert lines(result) == []
    a, b, c = result.declarations.agents.values()
    assert a.recipe == str(recipes / "dev.yaml") and a.command[:2] == ("goose", "run")
    assert b.recipe == str(recipes / "qa.py") and b.command == ("python", "{agent.recipe}")
    assert c.recipe == str(recipes / "dev.yaml") and c.command[0] == "run"


def test_given_another_recipes_folder_when_loaded_then_recipes_come_from_there(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dev.yaml").write_text("x: 1\n")
    config = write_yard(tmp_path, {"a.yaml": "agents:\n  a: {queue: dev, recipe: dev.yaml}\n"})
    assert lines(load(config, recipes=elsewhere)) == []


OTHERS = {
    "task_queue: {queues: {qa: {blocking: off}}}": "1:23: task_queue.queues.qa: no agent serves the queue 'qa'",
    "task_queue: {backend: redis}": "1:23: task_queue.backend: 'redis' is unknown; allowed are postgres, tinytask",
    "task_queue: {backend: tinytask}": "1:1: task_queue: backend tinytask needs url: http://HOST:PORT",
    "task_queue: {backend: tinytask, url: 'file:///etc'}": "1:1: task_queue: url 'file:///etc' must begin with http:// or https://",
    "task_queue: {url: 'http://x'}": "1:1: task_queue: url belongs to backend: tinytask; the postgres backend uses the stack's database",
    "task_queue: {ageing: {every: 0}}": "1:30: task_queue.ageing.every: must be longer than 0s",
    "task_queue: []": "1:1: task_queue: must be a mapping of keys to values, not a list",
    "limits:\n  a: {key: team}": "2:3: limits.a: the key 'limit' is missing",
    "limits:\n  a: {key: team, limit: -1}": "2:25: limits.a.limit: must be at least 0, not '-1'",
    "limits:\n  a: {key: team, value: x, per_value: true, limit: 1}": "2:3: limits.a: has both value and per_value; choose one",
    "limits:\n  - {key: team, limt: 1}": "2:5: limits.1: the key 'limit' is missing || 2:17: limits.1.limt: unknown key; did you mean 'limit'?",
    "directives:\n  a: {txt: x}": "2:3: directives.a: the key 'text' is missing || 2:7: directives.a.txt: unknown key; did you mean 'text'?",
    "directives:\n  a: ''": "2:3: directives.a: must not be empty",
    "directives:\n  a: [x]": "2:3: directives.a: must be a mapping of keys to values, not a list",
    "alerts:\n  channels: {w: {type: webhook}}": "2:17: alerts.channels.w: type webhook needs url_env: NAME_OF_VARIABLE",
    "alerts:\n  channels: {w: {type: webhook, url_env: 'https://hooks.example/T0K3N'}}": "2:42: alerts.channels.w.url_env: 'https://hooks.example/T0K3N' is not a variable's name; allowed are letters, digits and '_'",
    "alerts:\n  channels: {w: {type: email, url_env: SMTP}}": "2:17: alerts.channels.w: type email needs to: [ADDRESSES]",
    "alerts:\n  channels: {w: {type: command}}": "2:17: alerts.channels.w: type command needs command: [PROGRAM, ARGUMENTS]",
    "alerts:\n  rules: {r: {on: run_failed, channels: ops}}": "2:41: alerts.rules.r.channels: there is no alert channel 'ops'; no alert channel is declared",
    "alerts:\n  rules: {r: {on: missed, channels: [l], late_by: 1m}}\n  channels: {l: {type: log}}": "2:14: alerts.rules.r: late_by goes with on: late, and not with on: missed",
    "alerts:\n  rules: {r: {on: blocker_cycle, channels: [l], after: 2}}\n  channels: {l: {type: log}}": "2:14: alerts.rules.r: after does not go with on: blocker_cycle: a cycle is told once, when it is seen",
    "alerts:\n  rules: {r: {on: failed, channels: [ops]}}\n  channels: {ops: {type: log}}": "2:19: alerts.rules.r.on: 'failed' is unknown; did you mean 'run_failed'?",
}


@pytest.mark.parametrize(("text", "expected"), OTHERS.items(), ids=OTHERS.keys())
def test_given_a_faulty_entry_when_checked_then_one_line_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert set(lines(load_yard(tmp_path, text + "\n"))) == {
        f"a.yaml:{each}" for each in expected.split(" || ")
    }


def test_given_two_task_queues_when_checked_then_the_second_is_refused(tmp_path: Path) -> None:
    files = {"a.yaml": "task_queue: {backend: postgres}\n", "b.yaml": "task_queue: {blocking: off}\n"}
    assert lines(load_yard(tmp_path, files)) == [
        "b.yaml:1:1: task_queue: is declared already, at config/a.yaml:1:1"
    ]


def test_given_a_schedule_of_a_queue_that_nobody_serves_when_checked_then_refused(tmp_path: Path) -> None:
    text = (
        "agents:\n  v: {queue: dev, command: [a]}\n"
        "schedules:\n"
        "  a: {job: agent_task, every: 1d, config: {queue: dev}}\n"
        "  b: {job: agent_task, every: 1d, config: {queue: qa}}\n"
    )
    assert lines(load_yard(tmp_path, text)) == [
        "a.yaml:5:51: schedules.b.config.queue: no agent serves the queue 'qa'"
    ]


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[logs/*]", "a.yaml:1:23: reports.log_files[0]: 'logs/*' must be a glob that begins with"),
        (
            "/srv/../etc/**",
            "a.yaml:1:22: reports.log_files: '/srv/../etc/**' must be a glob that begins with",
        ),
        ("{a: b}", "a.yaml:1:22: reports.log_files"),
    ],
)
def test_given_faulty_log_files_when_checked_then_one_line_says_where(
    tmp_path: Path, written: str, fault: str
) -> None:
    (line,) = lines(load_yard(tmp_path, f"reports: {{log_files: {written}}}\n"))
    assert line.startswith(fault)


def test_given_log_files_in_several_files_then_all_are_allowed_and_none_is_none(tmp_path: Path) -> None:
    files = {
        "a.yaml": "reports: {log_files: /srv/a/*.log}\n",
        "b.yaml": "reports: {log_files: [/srv/b/**]}\n",
    }
    result = load_yard(tmp_path, files)
    assert lines(result) == [] and result.declarations.reports.log_files == ("/srv/a/*.log", "/srv/b/**")
    result = load_yard(tmp_path / "none", "reports: {log_files: []}\n")
    assert lines(result) == [] and result.declarations.reports.log_files == ()
