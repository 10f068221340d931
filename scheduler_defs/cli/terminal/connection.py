"""How a command finds the running stack: the environment first, then what `signalbox up` wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler_defs import running_stack, settings
from scheduler_defs.errors import NotReachableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from scheduler_defs.graphql.client import GraphQLClient


def graphql() -> GraphQLClient:
    """A client for the running stack's webserver.

    Raises NotReachableError when neither `SIGNALBOX_UI_URL` nor a running stack says where it is.
    """
    from scheduler_defs.graphql.client import GraphQLClient

    running_stack.adopt()
    url = settings.settings().ui_url
    if url is None:
        state = settings.settings().state
        raise NotReachableError(
            f"no stack is running on {state}: start one with `signalbox up`, or set {settings.UI_URL}"
        )
    return GraphQLClient(url)


def has_stack_declarations() -> bool:
    """Whether the folder of the declarations is the running stack's, and not another one that was named."""
    place = settings.settings()
    return running_stack.exports(place.state).get(settings.CONFIG, str(place.config)) == str(place.config)


def database_engine() -> Engine:
    """The running stack's database. Raises NotReachableError when nothing says where it is."""
    from scheduler_defs import database
    from scheduler_defs.audit.entries import Acting, Channel, act_as, request_id
    from scheduler_defs.launching import current_actor

    running_stack.adopt()
    act_as(Acting(current_actor(), Channel.CLI, request_id()))
    return database.engine()
