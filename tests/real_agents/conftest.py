"""Real coding agents, offline: their programs as `make agents` installs them, and a model server on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler_defs.settings import PROJECT_ROOT
from tests.real_agents.model_server import model_server
from tests.standins.task_queues import (  # noqa: F401
    postgres_queue,
    queue_engine,
    tinytask_queue,
    tinytask_server,
)
from tests.unit.agents.bench import Bench, bench  # noqa: F401
from tests.unit.agents.repository import Repository

INSTALLED = Path(os.environ.get("SIGNALBOX_REAL_AGENTS") or PROJECT_ROOT / ".agents")
PROGRAMS = {
    "aider": INSTALLED / "aider" / "bin" / "aider",
    **{name: INSTALLED / "node_modules" / ".bin" / name for name in ("claude", "codex", "opencode")},
}
OPENCODE: dict[str, Any] = {
    "model": "local/fake",
    "small_model": "local/fake",
    "autoupdate": False,
    "share": "disabled",
    "permission": {"edit": "allow", "bash": "allow", "webfetch": "deny"},
    "provider": {
        "local": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"apiKey": "{env:OPENAI_API_KEY}"},
            "models": {"fake": {}},
        }
    },
}
CODEX = """
model = "fake"
model_provider = "local"
[model_providers.local]
name = "local"
base_url = "{address}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


@pytest.fixture
def queue(postgres_queue: Any) -> Any:  # noqa: F811
    """The own tables only: what the programs do has nothing to do with where tasks are."""
    return postgres_queue


@dataclass
class RealAgent:
    """One program on the bench, in worktrees of a repository, with its model server."""

    name: str
    bench: Bench
    repository: Repository
    mode_file: Path

    def mode(self, text: str) -> None:
        """What the model does from now on."""
        self.mode_file.write_text(text)

    def declare(self, **fields: Any) -> None:
        command, resume, env = COMMANDS[self.name]
        program = str(PROGRAMS[self.name])
        fields.setdefault("accept", [["test", "-e", "done.txt"]])
        if resume:
            fields["resume"] = [program, *resume]
        self.bench.declare(
            [program, *command],
            env=env,
            timeout="2m",
            workspace={"repository": str(self.repository.path)},
            **fields,
        )


PROMPT = "Write done.txt. The task is in {run.task_file}."
CLAUDE = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash,Edit,Read,Write"]
CLAUDE += ["--output-format", "stream-json", "--verbose"]
COMMANDS = {
    "claude": (
        ["--print", PROMPT, *CLAUDE],
        ["--print", "--resume", "{session.id}", "{answer.text}", *CLAUDE],
        [
            *("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"),
            *("IS_SANDBOX", "DISABLE_AUTOUPDATER"),
        ],
    ),
    "codex": (
        ["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT],
        [
            *("exec", "resume", "--json", "--skip-git-repo-check"),
            *("--dangerously-bypass-approvals-and-sandbox", "{session.id}", "{answer.text}"),
        ],
        ["OPENAI_API_KEY"],
    ),
    "opencode": (
        ["run", "--format", "json", PROMPT],
        ["run", "--format", "json", "--session", "{session.id}", "{answer.text}"],
        ["OPENAI_API_KEY", "OPENCODE_DISABLE_AUTOUPDATE"],
    ),
    "aider": (
        [
            *("--yes-always", "--no-check-update", "--no-pretty", "--no-stream", "--no-auto-commits"),
            *("--no-show-model-warnings", "--analytics-disable"),
            *("--message-file", "{run.task_file}"),
        ],
        [],
        ["OPENAI_API_BASE", "OPENAI_API_KEY", "AIDER_MODEL"],
    ),
}
"""The command, how a session is gone on with (aider has none), and the variables it needs."""


@pytest.fixture(params=sorted(COMMANDS))
def real(
    request: pytest.FixtureRequest,
    bench: Bench,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RealAgent]:
    if not PROGRAMS[request.param].exists():
        pytest.skip(f"{request.param} is not installed in {INSTALLED}: make agents")
    home, mode = tmp_path / "home", tmp_path / "mode"
    (home / ".codex").mkdir(parents=True)
    mode.write_text("ok")
    with model_server(mode) as address:
        (home / ".codex" / "config.toml").write_text(CODEX.format(address=address))
        settings = home / ".config" / "opencode"
        settings.mkdir(parents=True)
        OPENCODE["provider"]["local"]["options"]["baseURL"] = f"{address}/v1"
        (settings / "opencode.json").write_text(json.dumps(OPENCODE))
        for name, value in {
            "OPENAI_API_BASE": f"{address}/v1",
            "AIDER_MODEL": "openai/fake",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "HOME": str(home),
            "ANTHROPIC_BASE_URL": address,
            "ANTHROPIC_API_KEY": "any-key",
            "OPENAI_API_KEY": "any-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        }.items():
            monkeypatch.setenv(name, value)
        yield RealAgent(request.param, bench, Repository(tmp_path / "app"), mode)
