"""A stack that is well: what it says of itself, and that Dagster's own tools work with it."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.stack.health import checks
from tests.integration.running_stack import Stack, new_yard, until

COMPONENTS = [
    "postgres",
    "valkey",
    "code-server",
    "webserver",
    "daemon",
    "worker-runs",
    "worker-steps",
    "worker-agents",
]


def test_given_a_running_stack_then_every_component_says_that_it_is_well(stack: Stack) -> None:
    status = stack.json("status")
    assert status["healthy"] is True
    assert status["ui"] == stack.ui
    assert [item["name"] for item in status["components"]][: len(COMPONENTS)] == COMPONENTS
    for item in status["components"]:
        assert item["state"] == "healthy", item
        assert item.keys() >= {"name", "state", "pid", "since", "restarts", "address", "detail"}
    for worker in status["workers"]:
        assert worker.keys() >= {"id", "host", "pid", "queues", "slots", "busy", "heartbeat"}
    served = {queue for worker in status["workers"] for queue in worker["queues"]}
    assert {"runs", "steps"} <= served
    assert [problem for problem in status["problems"] if problem.startswith("queue")] == []


def test_given_a_running_stack_then_nothing_listens_beyond_the_loopback(stack: Stack) -> None:
    addresses: set[str] = set()
    for process in stack.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # runs come and go
            listening = [each for each in process.net_connections("inet") if each.status == "LISTEN"]
            addresses |= {connection.laddr.ip for connection in listening}
    assert addresses
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_given_a_running_stack_when_another_up_is_asked_for_then_it_names_the_pid_and_nothing_changes(
    stack: Stack,
) -> None:
    before = stack.record
    for detach in ((), ("--detach",)):
        done = stack.run("up", *detach, check=False)
        assert done.returncode == 1
        assert f"already running here, pid {before.pid};" in done.stderr
        assert "Traceback" not in done.stderr
    assert stack.record.id == before.id


def test_given_a_busy_port_when_it_is_asked_for_then_up_fails_and_leaves_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    port = stack.ui.rpartition(":")[2]
    other = new_yard(tmp_path)
    done = other.run("up", "--detach", "--port", port, check=False)
    assert done.returncode == 1
    assert f"--port {port}: busy" in done.stderr
    assert other.run("status", check=False).returncode == 3


def test_given_no_stack_then_status_and_env_say_so_with_code_3_and_down_is_content(tmp_path: Path) -> None:
    other = new_yard(tmp_path)
    for command in ("status", "env"):
        done = other.run(command, check=False)
        assert (done.returncode, done.stdout) == (3, "")
        assert "no stack runs on" in done.stderr
    assert "No stack runs" in other.run("down").stderr


def test_given_the_exports_in_a_shell_then_they_are_the_ones_of_the_record(stack: Stack) -> None:
    script = stack.run("env").stdout + "env -0"
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in printed.stdout.split("\0") if "=" in line)
    assert stack.exports.items() <= found.items()


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        ("dagster", ["definitions", "validate", "-w", "workspace.yaml"], "Validation successful"),
        ("dagster", ["schedule", "list", "-w", "workspace.yaml", "-l", "signalbox"], "heartbeat"),
        ("dagster._daemon", ["liveness-check"], "Daemon live"),
    ],
)
def test_given_the_exports_then_dagsters_own_commands_work(
    stack: Stack, module: str, arguments: list[str], expected: str
) -> None:
    done = dagster(stack, module, *arguments)
    assert expected in done.stdout + done.stderr


def test_given_the_exports_when_dagster_launches_a_job_then_a_worker_executes_it(stack: Stack) -> None:
    dagster(stack, "dagster", "job", "launch", "-w", "workspace.yaml", "-l", "signalbox", "-j", "gpu_report")
    # The job's own schedule fires twice an hour, perhaps just now.
    runs = stack.json("runs", "list", "--job", "gpu_report")
    (run_id,) = {run["run_id"] for run in runs if run["schedule"] is None}
    run = until(lambda: finished(stack, run_id), f"the end of {run_id}")
    assert run["status"] == "SUCCESS", run
    assert run["worker"]


def test_given_the_exports_when_dagster_materializes_an_asset_then_it_is_in_the_stacks_history(
    stack: Stack,
) -> None:
    done = dagster(
        stack, "dagster", "asset", "materialize", "-m", "scheduler_defs.definitions", "--select", "gpu_report"
    )
    assert "RUN_SUCCESS" in done.stderr
    assert any(
        run["job"] == "__ephemeral_asset_job__" or "gpu_report" in run["job"]
        for run in stack.json("runs", "list", "--limit", "500")
    )


def test_given_a_checkout_then_dagsters_project_tool_knows_it(stack: Stack) -> None:
    listed = dg(stack, "list", "defs", "--json")
    assert "heartbeat" in listed.stdout
    assert "loaded successfully" in dg(stack, "check", "defs").stdout.replace("\n", " ")


@pytest.mark.attack
@pytest.mark.case("attack-a5-code-server")
def test_given_a_running_stack_then_only_its_user_may_speak_to_the_code_server(stack: Stack) -> None:
    listening = Path(stack.exports["SIGNALBOX_CODE_SERVER_SOCKET"])
    folder = listening.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(listening.stat().st_mode) == 0o600
    outer = psutil.Process(stack.pid("code-server"))
    for process in (outer, *outer.children(recursive=True)):
        connections = process.net_connections("all")
        assert [each for each in connections if each.status == "LISTEN"] == [], "no TCP port"
        sockets = {each.laddr for each in connections if each.laddr and not isinstance(each.laddr, tuple)}
        assert sockets <= {str(path) for path in folder.iterdir()}, "nor one in everybody's /tmp"
    if os.geteuid() == 0:
        script = (
            "import os, socket; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
            f"socket.socket(socket.AF_UNIX).connect({str(listening)!r})"
        )
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "PermissionError" in other.stderr


@pytest.mark.case("dagster-X-no-environment")
def test_given_only_dagster_home_then_dagsters_commands_find_the_stack(stack: Stack) -> None:
    found = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX")}
    env = {**found, "DAGSTER_HOME": str(PROJECT_ROOT), "SIGNALBOX_STATE": stack.exports["SIGNALBOX_STATE"]}

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dagster", *arguments],
            env=env,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "run_launcher" in call("instance", "info")
    call("job", "launch", "-j", "service_map")
    run_id = stack.json("runs", "list", "--job", "service_map")[0]["run_id"]
    until(lambda: finished(stack, run_id), f"the end of {run_id}")
    assert run_id in call("run", "list")
    # What is switched in the UI is what `list` shows, though it has loaded the code itself.
    stack.run("schedules", "disable", "heartbeat")
    try:
        assert "Schedule: heartbeat [STOPPED]" in call("schedule", "list")
    finally:
        stack.run("schedules", "enable", "heartbeat")


@pytest.fixture
def second_webserver(stack: Stack) -> Iterator[str]:
    from scheduler_defs.stack.machine.ports import Ports

    ports = Ports("127.0.0.1")
    port = ports.from_(31000)
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-p", str(port)],
        env=stack.environment,
        cwd=PROJECT_ROOT,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)
    ports.close()


def test_given_the_exports_then_a_plain_dagster_webserver_serves_the_same_stack(
    second_webserver: str, stack: Stack
) -> None:
    def loaded() -> bool:
        try:
            return checks.webserver(second_webserver, stack.postgres_url) == ""
        except (OSError, checks.NotHealthy):
            return False

    assert until(loaded, "a second webserver with the code location")


def finished(stack: Stack, run_id: str) -> dict[str, object] | None:
    """The run's object, once it has ended."""
    run = json.loads(stack.run("runs", "show", run_id, "--json").stdout)
    return run if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None


def dagster(stack: Stack, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of Dagster with the exports, as a user types it."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=stack.environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def dg(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Dagster's project tool, which has no `python -m` form."""
    program = Path(sys.executable).with_name("dg")
    done = subprocess.run(
        [str(program), *arguments],
        env={**stack.environment, "NO_COLOR": "1"},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
