"""Our webserver over an instance in a folder and a code location in this process: no stack is needed.

Launched runs stay QUEUED, because nothing takes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from starlette.testclient import TestClient, WebSocketTestSession

from scheduler_defs.declarations.models.access import Access
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.permissions import SignalboxProcessContext
from scheduler_defs.web.doors.hosts import allowed, origin
from scheduler_defs.web.server import SignalboxWebserver

UI = "http://127.0.0.1:3000"
YARD = """
import dagster as dg

@dg.op
def say(): ...

@dg.job
def deploy():
    say()

nightly = dg.ScheduleDefinition(name="nightly", job=deploy, cron_schedule="0 2 * * *")
defs = dg.Definitions(jobs=[deploy], schedules=[nightly])
"""
LAUNCH = """
    mutation { launchRun(executionParams: {mode: "default", runConfigData: {}, selector: {
        repositoryLocationName: "yard", repositoryName: "__repository__", jobName: "deploy"}}) { __typename } }
"""


CREDENTIAL = "the stack's own credential"


def nothing_there() -> sa.Engine:
    """Where no database is needed, none is asked."""
    raise AssertionError("the database was asked")


@dataclass(frozen=True)
class Web:
    """The application, and what it acts on."""

    server: SignalboxWebserver
    instance: dg.DagsterInstance

    def client(self, url: str = UI, *, address: str = "127.0.0.1", **headers: str) -> TestClient:
        """Somebody at the address who speaks to it at the URL. Faults are answers, as for a browser."""
        app = self.server.create_asgi_app()
        return TestClient(
            app,
            base_url=url,
            headers=headers,
            raise_server_exceptions=False,
            client=(address, 50000),
            follow_redirects=False,
        )

    def socket(self, **headers: str) -> WebSocketTestSession:
        """A WebSocket to GraphQL, to be entered."""
        host = UI.partition("://")[2]
        return self.client().websocket_connect("/graphql", ["graphql-ws"], headers={"Host": host, **headers})

    def forget_provider(self) -> None:
        """As if the server had just started: nothing is known of the OpenID Connect provider, nor counted."""
        self.server.login.forget_provider()

    def runs(self) -> int:
        """How many runs there are."""
        return self.instance.get_runs_count()


@contextmanager
def serving(
    folder: Path,
    *,
    listens_on: str = "127.0.0.1",
    ui_url: str = UI,
    access: Access | None = None,
    engine: Callable[[], sa.Engine] = nothing_there,
    path_prefix: str = "",
) -> Iterator[Web]:
    """A webserver with the job `deploy` and the schedule `nightly` in the location `yard`."""
    (folder / "yard.py").write_text(YARD)
    with instance_with(folder / "yard.py") as context:
        hosts, origins = allowed(listens_on, [ui_url]), frozenset({origin(ui_url)})
        declared = access or Access()
        identities = Identities(access=lambda: declared, engine=engine, credential=CREDENTIAL)
        server = SignalboxWebserver(
            context, hosts=hosts, origins=origins, identities=identities, path_prefix=path_prefix
        )
        yield Web(server, context.instance)


@contextmanager
def instance_with(file: Path) -> Iterator[SignalboxProcessContext]:
    """An instance in the file's folder, and the workspace with the file's definitions."""
    coordinator = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    with (
        dg.instance_for_test(
            temp_dir=str(file.parent), overrides={"run_coordinator": coordinator}
        ) as instance,
        process_context(instance, file) as context,
    ):
        yield context


@contextmanager
def process_context(instance: dg.DagsterInstance, file: Path) -> Iterator[SignalboxProcessContext]:
    """The workspace with the file's definitions, loaded into this process."""
    place = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file=str(file)), location_name="yard")
    with warnings.catch_warnings():
        # What Dagster reads of its own while it loads a location.
        warnings.simplefilter("ignore", DeprecationWarning)
        context = SignalboxProcessContext(instance, InProcessWorkspaceLoadTarget(place), version="test")
    with context:
        yield context


def posted(client: TestClient, query: str, **headers: str) -> Any:
    """A GraphQL document as the UI sends it."""
    return client.post("/graphql", json={"query": query}, headers=headers)
