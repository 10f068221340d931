"""A RabbitMQ node for tests: Debian's server, on free ports, its data in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

# Debian's /usr/sbin wrapper changes to the user `rabbitmq` and its folders; this is the server itself.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def is_installed() -> bool:
    """Whether this machine has it."""
    return SERVER.exists()


@contextmanager
def rabbitmq(port: int | None = None) -> Iterator[str]:
    """The URL of a running node (user guest), on a free port unless one is named."""
    folder = Path(tempfile.mkdtemp(prefix="sb-mq-"))
    free, distribution, epmd = _free_ports(3)
    port = port or free
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users.guest = true\nlog.console = false\n"
    )
    (folder / "enabled_plugins").write_text("[].\n")
    environment = {
        **os.environ,
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"sb{uuid.uuid4().hex[:8]}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        # Two schedulers that sleep when idle: this machine has other things to do.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [str(SERVER)], env=environment, stdout=output, stderr=output, start_new_session=True, cwd=folder
        )
    try:
        _wait(port, process, folder / "output")
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        _end_port_mapper(epmd)
        shutil.rmtree(folder, ignore_errors=True)


def _end_port_mapper(port: int) -> None:
    """Erlang starts its port mapper as a daemon in a session of its own: ours is known by its port."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "epmd" and process.environ().get("ERL_EPMD_PORT") == str(port):
                process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                probe.settimeout(5)
                if probe.recv(1):
                    return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"RabbitMQ did not start:\n{output.read_text()[-4000:]}")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
