"""Where things are: one frozen object, read from the environment.

Secrets (database and broker passwords) live only in the URLs of the environment; nothing here is ever
written to run config, tags or logs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

CONFIG = "SIGNALBOX_CONFIG"
STATE = "SIGNALBOX_STATE"
POSTGRES_URL = "SIGNALBOX_POSTGRES_URL"
BROKER_URL = "SIGNALBOX_BROKER_URL"
UI_URL = "SIGNALBOX_UI_URL"
CODE_SERVER_HOST = "SIGNALBOX_CODE_SERVER_HOST"
CODE_SERVER_PORT = "SIGNALBOX_CODE_SERVER_PORT"
RECIPES = "SIGNALBOX_RECIPES"


@dataclass(frozen=True)
class Settings:
    """Folders and addresses of one Signalbox installation.

    `postgres_url` and `broker_url` are None while nothing is known: declarations can be loaded, checked and
    asked for their next occurrences without a database or a broker.
    """

    config: Path
    state: Path
    postgres_url: str | None
    broker_url: str | None
    ui_url: str | None
    recipes: Path

    @property
    def artifacts(self) -> Path:
        """Files that runs keep: `<state>/artifacts/<run id>/...`."""
        return self.state / "artifacts"

    @property
    def logs(self) -> Path:
        """One log file per process of the stack."""
        return self.state / "logs"


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Relative paths are relative to the working directory, and made absolute."""
    env = os.environ if environ is None else environ
    config = Path(env.get(CONFIG) or "config").expanduser().resolve()
    return Settings(
        config=config,
        state=Path(env.get(STATE) or ".signalbox").expanduser().resolve(),
        postgres_url=sqlalchemy_url(env[POSTGRES_URL]) if env.get(POSTGRES_URL) else None,
        broker_url=env.get(BROKER_URL) or None,
        ui_url=env.get(UI_URL) or None,
        recipes=Path(env.get(RECIPES) or config.parent / "recipes").expanduser().resolve(),
    )


def sqlalchemy_url(url: str) -> str:
    """Name the driver, because SQLAlchemy 2.1 makes a bare `postgresql://` mean psycopg 3."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    return url
