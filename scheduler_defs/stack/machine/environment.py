"""The environment of every component, and of Dagster's own tools: composed here and nowhere else."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from scheduler_defs import settings
from scheduler_defs.settings import INSTALLATION, Settings

STACK_ID = "SIGNALBOX_STACK_ID"
COMPONENT = "SIGNALBOX_COMPONENT"


def exports(
    where: Settings, *, postgres_url: str, broker_url: str, ui_url: str, code_server: Path
) -> dict[str, str]:
    """What makes a process talk to this stack: the same for components, `signalbox env` and other hosts.

    The address that was named before is the one at which people reach it; `ui_url` is the webserver's own.
    DAGSTER_HOME is the folder of dagster.yaml, which names these variables and stores nothing beside itself.
    """
    return {
        "DAGSTER_HOME": str(INSTALLATION),
        settings.CONFIG: str(where.config),
        settings.STATE: str(where.state),
        settings.RECIPES: str(where.recipes),
        settings.POSTGRES_URL: postgres_url,
        settings.BROKER_URL: broker_url,
        settings.UI_URL: ui_url,
        settings.PUBLIC_URL: where.public_url or ui_url,
        settings.CODE_SERVER_SOCKET: str(code_server),
    }


def of_component(variables: Mapping[str, str], stack_id: str, component: str) -> dict[str, str]:
    """The whole environment of one component's process."""
    return {
        **os.environ,
        # A few arenas instead of eight per core: the components have many threads that mostly wait.
        "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
        "PYTHONUNBUFFERED": "1",
        **variables,
        STACK_ID: stack_id,
        COMPONENT: component,
    }


def shell(variables: Mapping[str, str]) -> str:
    """The variables as shell exports, quoted."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
