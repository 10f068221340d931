"""Our webserver, made as Dagster's is made; whoever asks it in a test is somebody on this machine."""

from __future__ import annotations

from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import HTTPConnection
from typing_extensions import override

from scheduler_defs import database
from scheduler_defs.declarations import current
from scheduler_defs.settings import settings
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.permissions import SignalboxProcessContext
from scheduler_defs.web.doors.hosts import Hosts
from scheduler_defs.web.server import SignalboxWebserver

# The address of Starlette's test client.
_HOSTS = Hosts(frozenset({"testserver"}))


class Webserver(SignalboxWebserver):
    """Ours, on a workspace of Dagster's."""

    def __init__(
        self,
        process_context: WorkspaceProcessContext,
        app_path_prefix: str = "",
        live_data_poll_rate: int | None = None,
        uses_app_path_prefix: bool = True,
    ) -> None:
        place = settings()
        super().__init__(
            process_context,
            hosts=_HOSTS,
            identities=Identities(
                access=lambda: current(place.config, place.state).declarations.access,
                engine=database.engine,
                credential="not known to anybody",
                anyone=True,
            ),
            path_prefix=app_path_prefix,
            live_data_poll_milliseconds=live_data_poll_rate or 2000,
        )

    @override
    def _make_request_context(self, conn: HTTPConnection) -> WorkspaceRequestContext:
        return SignalboxProcessContext.create_request_context(self._process_context, conn)  # type: ignore[arg-type]


def install() -> None:
    """Tests name the class at both places."""
    from dagster_webserver import app, webserver

    for module in (app, webserver):
        module.__dict__[DagsterWebserver.__name__] = Webserver
