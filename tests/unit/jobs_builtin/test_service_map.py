"""What listens and runs, and what changed."""

import http.server
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from scheduler_defs.jobs.builtin import BUILTIN_ASSETS
from scheduler_defs.jobs.reports import op_name
from scheduler_defs.jobs.service_map import observe
from scheduler_defs.jobs.service_map.comparing import Change, compare, identities
from scheduler_defs.jobs.service_map.containers import container, containers, docker_address
from scheduler_defs.jobs.service_map.snapshot import (
    Container,
    Listener,
    Process,
    Scope,
    Snapshot,
    service_name,
    services,
    within_scope,
)
from tests.patience import wait_until


def process(service: str, pid: int = 1, memory: int = 100, user: str = "ann") -> Process:
    return Process(
        pid=pid, service=service, user=user, cpu_percent=1.5, memory_bytes=memory, threads=2, started=1e9
    )


def snapshot(
    processes: tuple[Process, ...] = (),
    listeners: tuple[Listener, ...] = (),
    running: tuple[Container, ...] | None = None,
) -> Snapshot:
    return Snapshot(processes, listeners, running, 1.0, 2.0, 3, None)


@pytest.mark.parametrize(
    ("name", "command", "service"),
    [
        ("nginx", ["nginx: worker process"], "nginx"),
        ("postgres", ["postgres: checkpointer "], "postgres"),
        ("postgres", ["/usr/lib/postgresql/16/bin/postgres", "-D", "/data"], "postgres"),
        ("python3.11", ["/venv/bin/python3.11", "-m", "celery", "-A", "x", "worker"], "celery"),
        ("python", ["python", "-m", "dagster._daemon"], "dagster"),
        ("dagster-daemon", ["/venv/bin/python", "/venv/bin/dagster-daemon", "run"], "dagster-daemon"),
        ("python", ["python", "-u", "-X", "dev", "serve.py", "--password", "hunter2"], "serve.py"),
        ("python", ["python", "-c", "secret = 'hunter2'"], "python"),
        ("node", ["node", "--inspect", "/srv/app/server.js"], "server.js"),
        ("bash", ["-bash"], "bash"),
        ("kworker/0:1", [], "0:1"),
        ("", [], "?"),
        ("celeryd", ["[celeryd: celery@host:ForkPoolWorker-1]"], "celeryd"),
    ],
)
def test_service_name_of_process(name: str, command: list[str], service: str) -> None:
    assert service_name(name, command) == service


def test_processes_of_one_name_and_user_are_one_service() -> None:
    found = services(
        [process("a", 1, 10), process("a", 2, 20), process("a", 3, 5, user="bob"), process("b", 4, 90)]
    )
    assert [(item.name, item.user, item.processes, item.memory_bytes) for item in found] == [
        ("b", "ann", 1, 90),
        ("a", "ann", 2, 30),
        ("a", "bob", 1, 5),
    ]


def test_allowlist_hides_what_it_does_not_name() -> None:
    seen = snapshot(
        (process("postgres"), process("secret-tool", 2)),
        (
            Listener("tcp", "127.0.0.1", 5432, "postgres", 1, "ann"),
            Listener("tcp", "0.0.0.0", 9, "secret-tool", 2, "ann"),
            Listener("tcp", "0.0.0.0", 10, None, None, None),
        ),
        (Container("postgres-1", "postgres:16", "running", ()), Container("other", "x", "running", ())),
    )
    shown = within_scope(seen, Scope.allowlist, ["Postgres*"])
    assert [item.service for item in shown.processes] == ["postgres"]
    assert [item.port for item in shown.listeners] == [5432]
    assert shown.containers is not None and [item.name for item in shown.containers] == ["postgres-1"]
    assert within_scope(seen, Scope.all, []) is seen


def test_changes_are_what_appeared_disappeared_and_changed() -> None:
    before = identities(
        snapshot(
            (process("a"), process("gone", 2)),
            (Listener("tcp", "::", 80, "a", 1, "ann"), Listener("tcp", "::", 81, "a", 1, "ann")),
            (Container("c", "x:1", "running", ()),),
        )
    )
    after = identities(
        snapshot(
            (process("a"), process("a", 5), process("new", 3)),
            (Listener("tcp", "::", 80, "b", 7, "ann"), Listener("udp", "::", 50_000, "a", 1, "ann")),
            (Container("c", "x:2", "running", ()),),
        )
    )
    assert compare(before, after) == [
        Change("container", "changed", "c", "x:1 running -> x:2 running"),
        Change("listener", "changed", "tcp :::80", "a -> b"),
        Change("listener", "disappeared", "tcp :::81", "a"),
        Change("service", "changed", "a (ann)", "1 -> 2"),
        Change("service", "disappeared", "gone (ann)", "1"),
        Change("service", "appeared", "new (ann)", "1"),
    ]
    assert compare(after, after) == []


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process of its own that listens on a TCP port."""
    program = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout and running.stdin
    yield running, int(running.stdout.readline())
    running.stdin.close()
    running.wait(10)
    running.stdout.close()


def test_process_that_listens_is_seen(server: tuple[subprocess.Popen[bytes], int]) -> None:
    running, port = server
    found, _ = observe.processes(0.0)
    by_pid = {item.pid: item for item in found}
    assert by_pid[running.pid].service.startswith("python")
    assert by_pid[running.pid].memory_bytes > 1_000_000
    listening, problems = observe.listeners(by_pid)
    assert problems == []
    (listener,) = [item for item in listening if item.port == port]
    assert (listener.protocol, listener.address, listener.pid) == ("tcp", "127.0.0.1", running.pid)
    assert listener.user == by_pid[os.getpid()].user


def test_busy_process_shows_its_processor_use() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            wait_until(lambda: _use(busy.pid) > 10)
        finally:
            busy.kill()


def _use(pid: int) -> float:
    found, _ = observe.processes(0.4)
    return next(item.cpu_percent for item in found if item.pid == pid)


def test_process_that_may_not_be_looked_at_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    really = psutil.Process.num_threads

    def refuse(self: psutil.Process) -> object:
        if self.pid == os.getpid():
            raise psutil.AccessDenied(self.pid)
        return really(self)

    monkeypatch.setattr(psutil.Process, "num_threads", refuse)
    found, problems = observe.processes(0.0)
    assert [(item.subject, item.problem) for item in problems] == [
        (f"process {os.getpid()}", "permission denied")
    ]
    assert found


def test_sockets_that_may_not_be_listed_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> object:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert [item.problem for item in observe.listeners({})[1]] == ["permission denied"]


class _Docker(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer: object = {"ApiVersion": "1.45", "MinAPIVersion": "1.24"}
        if "/containers/json" in self.path:
            answer = [
                {
                    "Id": "0123456789abcdef",
                    "Names": ["/web-1"],
                    "Image": "nginx:1.27",
                    "State": "running",
                    "Ports": [
                        {"PrivatePort": 80, "Type": "tcp"},
                        {"PrivatePort": 80, "PublicPort": 8080, "IP": "0.0.0.0", "Type": "tcp"},
                    ],
                }
            ]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[str]:
    """Something that speaks Docker's API on a Unix socket."""
    with _Docker(str(tmp_path / "docker.sock"), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"unix://{tmp_path}/docker.sock"
        server.shutdown()
        thread.join()


def test_containers_are_read_from_docker(docker: str) -> None:
    found, problems = containers(docker, timeout_seconds=5)
    assert problems == []
    assert found == [Container("web-1", "nginx:1.27", "running", ("0.0.0.0:8080->80/tcp", "80/tcp"))]


def test_no_docker_is_no_problem() -> None:
    assert containers(None, timeout_seconds=1) == (None, [])


def test_docker_that_does_not_answer_is_a_problem_within_the_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen()
        found, problems = containers(f"unix://{tmp_path}/docker.sock", timeout_seconds=1)
    assert found is None
    assert "timed out" in problems[0].problem.lower()
    gone, refused = containers(f"unix://{tmp_path}/nothing.sock", timeout_seconds=1)
    assert gone is None and len(refused) == 1


def test_docker_address_comes_from_the_environment() -> None:
    assert docker_address({"DOCKER_HOST": "tcp://h:2375"}) == "tcp://h:2375"


def test_container_without_name_goes_by_its_id() -> None:
    assert container({"Id": "0123456789abcdef", "Image": "x"}).name == "0123456789ab"


def test_report_shows_what_changed_since_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: tuple[subprocess.Popen[bytes], int]
) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    asset = next(asset for asset in BUILTIN_ASSETS if asset.key.to_user_string() == "service_map")
    running, port = server

    def report() -> dict[str, object]:
        config = {"ops": {op_name("service_map"): {"config": {"scope": "all", "sample_seconds": 0.0}}}}
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize([asset], run_config=config, instance=instance)
        metadata = result.asset_materializations_for_node(op_name("service_map"))[0].metadata
        assert metadata["processes"].value == metadata["processes_seen"].value
        return json.loads((tmp_path / "artifacts" / result.run_id / "service_map.json").read_text())

    first = report()
    assert (first["compared_with"], first["changes"]) == (None, [])
    assert [problem["subject"] for problem in first["problems"]] == [
        f"docker at unix://{tmp_path}/nothing.sock"
    ]
    running.stdin.close()
    running.wait(10)
    second = report()
    assert {"what": "listener", "change": "disappeared", "name": f"tcp 127.0.0.1:{port}"}.items() <= next(
        change for change in second["changes"] if change["name"] == f"tcp 127.0.0.1:{port}"
    ).items()
    (tmp_path / "service_map" / "all.json").write_text("{")
    assert report()["compared_with"] is None
