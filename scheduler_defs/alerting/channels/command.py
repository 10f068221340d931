"""Alerts given to a program, as JSON on its standard input. Never through a shell."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess

from scheduler_defs.alerting.channels import DeliveryError, Document, Place
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.jobs.commands.running.env import command_environment
from scheduler_defs.redaction import redact_secrets

TIMEOUT_SECONDS = 10.0
_SHOWN = 200


def send(channel: Channel, document: Document, place: Place) -> None:
    """Run it to its end; exit code 0 is a success, and after ten seconds it is killed with its children.

    Its environment is that of a command without listed variables: nothing secret is in it. Raises
    DeliveryError.
    """
    try:
        process = subprocess.Popen(
            channel.command,
            env=command_environment(place.environ, (), {"SIGNALBOX_CHANNEL": channel.name}).variables,
            cwd=place.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise DeliveryError(f"channel {channel.name}: {channel.command[0]}: {reason}") from None
    with process:
        try:
            _, said = process.communicate(
                json.dumps(dict(document), ensure_ascii=False).encode(), timeout=TIMEOUT_SECONDS
            )
        except subprocess.TimeoutExpired:
            _kill(process)
            raise DeliveryError(
                f"channel {channel.name}: the command had not ended after {TIMEOUT_SECONDS:g} s"
            ) from None
    if process.returncode != 0:
        last = redact_secrets(" ".join(said.decode(errors="replace").split()))[-_SHOWN:]
        detail = f": {last}" if last else ""
        raise DeliveryError(f"channel {channel.name}: exit code {process.returncode}{detail}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
