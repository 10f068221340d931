"""How a command finds the running stack: the environment first, then what `signalbox up` wrote down."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from scheduler_defs import settings
from scheduler_defs.errors import NotReachableError

if TYPE_CHECKING:
    from scheduler_defs.graphql.client import GraphQLClient


def stack_environment() -> dict[str, str]:
    """The exports of the stack that runs on this state folder; empty when there is none."""
    path = settings.settings().state / "stack.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in document.get("environment", {}).items()}


def adopt_stack_environment() -> None:
    """Let this process talk to the running stack, without overriding what the user has set."""
    for key, value in stack_environment().items():
        os.environ.setdefault(key, value)


def graphql() -> GraphQLClient:
    """A client for the running stack's webserver.

    Raises NotReachableError when neither `SIGNALBOX_UI_URL` nor a running stack says where it is.
    """
    from scheduler_defs.graphql.client import GraphQLClient

    adopt_stack_environment()
    url = settings.settings().ui_url
    if url is None:
        state = settings.settings().state
        raise NotReachableError(
            f"no stack is running on {state}: start one with `signalbox up`, or set {settings.UI_URL}"
        )
    return GraphQLClient(url)
