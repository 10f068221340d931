"""Looking at Docker's containers, when there is a Docker socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from scheduler_defs.jobs.service_map.snapshot import Container, Problem

_SOCKET = "/var/run/docker.sock"


def docker_address(environ: dict[str, str] | None = None) -> str | None:
    """Where Docker listens: `DOCKER_HOST`, else the usual socket if it exists, else None."""
    named = (os.environ if environ is None else environ).get("DOCKER_HOST")
    if named:
        return named
    return f"unix://{_SOCKET}" if Path(_SOCKET).exists() else None


def containers(address: str | None, *, timeout_seconds: int) -> tuple[list[Container] | None, list[Problem]]:
    """The running containers, None without Docker. A daemon that does not answer is a problem."""
    if address is None:
        return None, []
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        _connect(address, timeout_seconds)
        client = docker.DockerClient.from_env(
            timeout=timeout_seconds, environment={**os.environ, "DOCKER_HOST": address}
        )
        try:
            listed: list[dict[str, Any]] = client.api.containers()
        finally:
            client.close()
    except (DockerException, RequestException, OSError, ValueError) as error:
        return None, [Problem(f"docker at {address}", _first_line(error))]
    return sorted(map(container, listed), key=lambda item: item.name), []


def container(listed: dict[str, Any]) -> Container:
    """A container from Docker's list (API `GET /containers/json`)."""
    ports = sorted(
        {
            f"{port.get('IP', '')}:{port['PublicPort']}->{port['PrivatePort']}/{port['Type']}"
            if "PublicPort" in port
            else f"{port['PrivatePort']}/{port['Type']}"
            for port in listed.get("Ports") or ()
        }
    )
    names = listed.get("Names") or [listed["Id"][:12]]
    return Container(
        name=names[0].lstrip("/"), image=listed["Image"], status=listed.get("State", "?"), ports=tuple(ports)
    )


def _connect(address: str, timeout_seconds: int) -> None:
    """Raise at once what is wrong with a socket: the client would retry, and leave its sockets open."""
    path = address.removeprefix("unix://")
    if path == address:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout_seconds)
        probe.connect(path)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
