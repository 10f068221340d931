"""A real stack with a login: its own parts come in, others by password or token, and nobody else."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.running_stack import SIGNALBOX, Stack, clean_environment, new_yard, running

ACCESS = """
access:
  mode: password
  grants:
    - {who: ann, role: operator}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yard = new_yard(tmp_path_factory.mktemp("yard"))
    (yard.config / "access.yaml").write_text(ACCESS)
    with running(yard, "--workers", "2") as started:
        yield started


def ask(stack: Stack, **headers: str) -> httpx.Response:
    return httpx.post(f"{stack.ui}/graphql", json={"query": "{ version }"}, headers=headers, trust_env=False)


def test_the_stack_and_its_command_come_in_and_say_who_acts(guarded: Stack) -> None:
    assert guarded.component("webserver")["state"] == "healthy"
    run = guarded.json("jobs", "launch", "heartbeat")
    assert run["run_id"]


@pytest.mark.attack
def test_nobody_else_does(guarded: Stack) -> None:
    assert ask(guarded).status_code == 401
    assert ask(guarded, Authorization="Bearer sbx_guessed").status_code == 401


@pytest.mark.attack
def test_a_token_does_until_it_is_revoked(guarded: Stack) -> None:
    made = guarded.json("tokens", "create", "ci", "--role", "viewer", "--expires", "1d")
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert ask(guarded, **bearer).status_code == 200
    assert [each["name"] for each in guarded.json("tokens", "list")] == ["ci"]
    shown = guarded.run("tokens", "list", "--json").stdout + guarded.run("tokens", "list").stdout
    assert made["token"] not in shown
    assert made["token"] not in "".join(path.read_text() for path in (guarded.state / "logs").glob("*.log"))
    guarded.run("tokens", "revoke", "ci")
    time.sleep(2.1)  # so long a good token is not looked up again
    assert ask(guarded, **bearer).status_code == 401


def test_a_person_does_with_a_password(guarded: Stack) -> None:
    subprocess.run(
        [*SIGNALBOX, "--state", str(guarded.state), "--config", str(guarded.config), "people", "add", "ann"],
        input="correct horse battery\n",
        text=True,
        env=clean_environment(),
        check=True,
        timeout=60,
    )
    (listed,) = guarded.json("people", "list")
    assert (listed["name"], listed["roles"]) == ("ann", ["operator"])
    with httpx.Client(base_url=guarded.ui, trust_env=False) as browser:
        page = browser.get("/runs", headers={"Accept": "text/html"})
        assert page.status_code == 303
        fields = {"name": "ann", "password": "correct horse battery"}
        assert browser.post("/signalbox/login", data=fields).status_code == 303
        found = browser.post("/graphql", json={"query": "{ permissions { permission value } }"}).json()
    allowed = {item["permission"] for item in found["data"]["permissions"] if item["value"]}
    assert "launch_pipeline_execution" in allowed
    assert "delete_pipeline_run" not in allowed


@pytest.mark.attack
def test_a_host_beyond_loopback_is_refused_without_a_login(tmp_path_factory: pytest.TempPathFactory) -> None:
    yard = new_yard(tmp_path_factory.mktemp("open"))
    refused = yard.run("up", "--host", "0.0.0.0", check=False)
    assert refused.returncode == 1
    assert "access: {mode: password}" in refused.stderr
