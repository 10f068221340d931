"""How a command finds the running stack: the environment first, then what `signalbox up` wrote down."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scheduler_defs import settings
from scheduler_defs.errors import NotReachableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from scheduler_defs.graphql.client import GraphQLClient


def adopt_stack_environment() -> None:
    """Let this process talk to the running stack, without overriding what the user has set."""
    from scheduler_defs.stack.environment import of_running_stack

    for key, value in of_running_stack(settings.settings().state).items():
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


def database_engine() -> Engine:
    """The running stack's database. Raises NotReachableError when nothing says where it is."""
    from scheduler_defs import database

    adopt_stack_environment()
    return database.engine()
