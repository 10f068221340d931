"""How a command finds the running stack: the environment first, then what `signalbox up` wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler_defs import running_stack, settings
from scheduler_defs.errors import NotReachableError

if TYPE_CHECKING:
    from typing import Any

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


def quick_answer(*path: str, **query: object) -> Any:
    """What the running stack's webserver, which has all of it loaded, answers to a path of our API.

    None when it does not, or when the declarations that were named are not the stack's.
    """
    from urllib.parse import quote, urlencode

    from scheduler_defs.graphql import rest

    try:
        client = graphql()
    except NotReachableError:
        return None
    if not has_stack_declarations():
        return None
    place = "".join(f"/{quote(part, safe='')}" for part in path)
    return rest.quick_answer(client, f"{place}?{urlencode(query)}")


def database_engine() -> Engine:
    """The running stack's database. Raises NotReachableError when nothing says where it is."""
    from scheduler_defs import database
    from scheduler_defs.audit.entries import Acting, Channel, act_as, request_id
    from scheduler_defs.launching import current_actor

    running_stack.adopt()
    act_as(Acting(current_actor(), Channel.CLI, request_id()))
    return database.engine()
