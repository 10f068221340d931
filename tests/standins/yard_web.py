"""Our webserver over a yard in this process: declared jobs, Dagster's tables and ours in Postgres, no stack.

Launched runs stay QUEUED, because nothing takes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from scheduler_defs import database
from scheduler_defs.declarations.models.access import Access
from scheduler_defs.graphql.client import LOCATION
from scheduler_defs.web.access.identity import Identities
from scheduler_defs.web.access.permissions import SignalboxProcessContext
from scheduler_defs.web.doors.hosts import allowed, origin
from scheduler_defs.web.server import SignalboxWebserver
from tests.standins.web import CREDENTIAL, UI, Web
from tests.unit.execution.dequeue.setting import queue_instance

LOADED = "from scheduler_defs.definitions import serve\n\ndefs = serve()\n"


@contextmanager
def yard_context(folder: Path, url: str) -> Iterator[SignalboxProcessContext]:
    """The instance and what it serves; the environment is as for `serving_yard`."""
    (folder / "yard.py").write_text(LOADED)
    place = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(python_file=str(folder / "yard.py")), location_name=LOCATION
    )
    with queue_instance(folder, url) as instance, warnings.catch_warnings():
        # What Dagster reads of its own while it loads a location.
        warnings.simplefilter("ignore", DeprecationWarning)
        with SignalboxProcessContext(
            instance, InProcessWorkspaceLoadTarget(place), version="test"
        ) as context:
            yield context


@contextmanager
def serving_yard(folder: Path, url: str, access: Access | None = None) -> Iterator[Web]:
    """The caller has put `url`, the declarations' folder and the state's into the environment."""
    with yard_context(folder, url) as context:
        declared = access or Access()
        yield Web(
            SignalboxWebserver(
                context,
                hosts=allowed("127.0.0.1", [UI]),
                origins=frozenset({origin(UI)}),
                identities=Identities(access=lambda: declared, engine=database.engine, credential=CREDENTIAL),
            ),
            context.instance,
        )
