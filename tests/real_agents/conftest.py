"""Real coding agents, offline: their programs as `make agents` installs them, and a model server on loopback."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scheduler_defs.settings import PROJECT_ROOT
from tests.real_agents.model_server import Served, model_server
from tests.real_agents.scenarios import PROGRAMS_OF, possible
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
    server: Served

    def mode(self, text: str) -> None:
        """What the model does from now on."""
        self.mode_file.write_text(text)

    def declare(self, **fields: Any) -> None:
        """The page's declaration, over the test's repository."""
        entry = declared(self.name)
        if "price" in fields:
            self.bench.head["prices"] = {"fake": fields["price"]}
            fields["price"] = "fake"
        fields.setdefault("timeout", "3m")
        fields.setdefault("accept", [["test", "-e", "done.txt"]])
        if "resume" in entry:
            fields["resume"] = entry["resume"]
        self.bench.declare(
            entry["command"],
            env=[*entry["env"], *ENVIRONMENT],
            workspace={"repository": str(self.repository.path)},
            **fields,
        )


PAGES = {"claude": "claude-code", "codex": "codex", "opencode": "opencode", "aider": "aider"}
ENVIRONMENT = [
    *("ANTHROPIC_BASE_URL", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "IS_SANDBOX", "DISABLE_AUTOUPDATER"),
    *("OPENAI_API_BASE", "OPENCODE_DISABLE_AUTOUPDATE"),
]
"""Besides what the pages name: where the model server is, and that nothing is looked up elsewhere."""
_SANDBOX, _NO_SANDBOX = ["--sandbox", "workspace-write"], "--dangerously-bypass-approvals-and-sandbox"


def declared(name: str) -> dict[str, Any]:
    """The agent as the program's page has it, with the program that is installed here."""
    page = (PROJECT_ROOT / "docs" / "programs" / f"{PAGES[name]}.md").read_text()
    (found,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (entry,) = yaml.safe_load(found)["agents"].values()
    for key in ("command", "resume"):
        words = entry.get(key)
        if words is None:
            continue
        assert words[0] == name
        words[0] = str(PROGRAMS[name])
        if name == "codex" and key == "resume":
            words.insert(3, _NO_SANDBOX)
        elif name == "codex":
            at = words.index(_SANDBOX[0])
            assert words[at : at + 2] == _SANDBOX
            words[at : at + 2] = [_NO_SANDBOX]
    return {key: entry[key] for key in ("command", "resume", "env") if key in entry}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test names its scenario, and runs with the programs that it is possible with."""
    if "real" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("scenario")
        names = possible(marker.args[0]) if marker else PROGRAMS_OF
        metafunc.parametrize("real", names, indirect=True)


@pytest.fixture
def real(
    request: pytest.FixtureRequest,
    bench: Bench,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RealAgent]:
    if not PROGRAMS[request.param].exists():
        pytest.skip(f"{request.param} is not installed in {INSTALLED}: make agents")
    monkeypatch.setattr("scheduler_defs.agents.working.watching.LOOK_EVERY", 1.0)
    monkeypatch.setattr("scheduler_defs.agents.quotas.complaints.PATIENCE_SECONDS", 8.0)
    home, mode = tmp_path / "home", tmp_path / "mode"
    (home / ".codex").mkdir(parents=True)
    mode.write_text("ok")
    with model_server(mode) as server:
        address = server.address
        (home / ".codex" / "config.toml").write_text(CODEX.format(address=address))
        settings = home / ".config" / "opencode"
        settings.mkdir(parents=True)
        OPENCODE["provider"]["local"]["options"]["baseURL"] = f"{address}/v1"
        (settings / "opencode.json").write_text(json.dumps(OPENCODE))
        monkeypatch.delenv("CLAUDE_CODE_OAUTH_TOKEN", raising=False)
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
        yield RealAgent(request.param, bench, Repository(tmp_path / "app"), mode, server)
