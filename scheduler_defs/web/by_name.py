"""`/schedules/NAME` and `/jobs/NAME`: the pages of Dagster's UI by the names that people declared.

Dagster's names have no `-` and no `.`, and its addresses hold the code location: the declared name led
to an empty page.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.graphql.client import LOCATION


def routes(prefix: str) -> list[Route]:
    """Both lead to Dagster's page. `prefix`: below which the webserver has its routes."""

    def leading(kind: str) -> Route:
        async def lead(request: Request) -> RedirectResponse:
            name = quote(dagster_name(request.path_params["name"]), safe="")
            return RedirectResponse(f"{prefix}/locations/{LOCATION}/{kind}/{name}")

        return Route(f"/{kind}/{{name}}", lead, methods=["GET"], name=f"{kind}_by_name")

    return [leading("schedules"), leading("jobs")]
