"""What each of the webserver's routes needs. A route that is not named here is shut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from scheduler_defs.access.table import Action

PUBLIC: Final = None
"""For everybody, known or not."""

DAGSTER: Mapping[str, Action] = {
    "/server_info": Action.LOOK,
    "/dagit_info": Action.LOOK,
    # Each mutation is looked at by itself: `mutations.py`, and Dagster's permissions.
    "/graphql": Action.LOOK,
    "/logs/{path:path}": Action.LOOK,
    "/notebook": Action.LOOK,
    "/dagit/notebook": Action.LOOK,
    "/download_debug/{run_id:str}": Action.LOOK,
    "/report_asset_materialization/{asset_key:path}": Action.REPORT,
    "/report_asset_check/{asset_key:path}": Action.REPORT,
    "/report_asset_observation/{asset_key:path}": Action.REPORT,
    "/{path:path}": Action.LOOK,
    "/": Action.LOOK,
}
OWN: Mapping[str, Action | None] = {
    "/metrics": Action.LOOK,
    "/schedules/{name}": Action.LOOK,
    "/jobs/{name}": Action.LOOK,
    "/signalbox/login": PUBLIC,
    "/signalbox/login/callback": PUBLIC,
    "/signalbox/logout": PUBLIC,
    "/signalbox/logged-out": PUBLIC,
    # For whoever has the link of an alert.
    "/signalbox/decide": PUBLIC,
    "/signalbox/decide/look": PUBLIC,
    "/signalbox": Action.LOOK,
    # Each of its routes says by itself what it needs: `web/rest/asking.py`.
    "/api/v1": PUBLIC,
    # Each of its tools is a route of the API.
    "/mcp": Action.LOOK,
}
ROUTES: Mapping[str, Action | None] = {**DAGSTER, **OWN}


class Unclassified(KeyError):
    """Nobody has said what the route needs."""


def needs(route: BaseRoute) -> Action | None:
    """What the route needs; PUBLIC: nothing. Raises Unclassified."""
    if not isinstance(route, Route | WebSocketRoute | Mount):
        raise Unclassified(repr(route))
    if route.path in ROUTES:
        return ROUTES[route.path]
    # Files of Dagster's UI, as they lie in its package: scripts, styles, pictures.
    if (route.name or "").endswith("_static"):
        return Action.LOOK
    raise Unclassified(route.path)
