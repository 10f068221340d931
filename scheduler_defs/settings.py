"""Where things are: one frozen object, read from the environment.

Secrets (database and broker passwords) live only in the URLs of the environment; nothing here is ever
written to run config, tags or logs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from errno import ELOOP
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
PROJECT_ROOT = _PACKAGE.parent
"""The checkout, for what is only done in one, such as writing the schemas."""
_INSTALLED = _PACKAGE / "installed"
INSTALLATION = _INSTALLED if _INSTALLED.is_dir() else PROJECT_ROOT
"""The folder of dagster.yaml, workspace.yaml, docs/schemas/ and recipes/: the checkout, or one in the package
where that was installed from a wheel (setup.py)."""

CONFIG = "SIGNALBOX_CONFIG"
STATE = "SIGNALBOX_STATE"
POSTGRES_URL = "SIGNALBOX_POSTGRES_URL"
BROKER_URL = "SIGNALBOX_BROKER_URL"
UI_URL = "SIGNALBOX_UI_URL"
PUBLIC_URL = "SIGNALBOX_PUBLIC_URL"
CODE_SERVER_SOCKET = "SIGNALBOX_CODE_SERVER_SOCKET"
RECIPES = "SIGNALBOX_RECIPES"
OWN_LOCATION = "signalbox"
"""The code location of the program itself: declared jobs, built-in ones, and `jobs/*.py`."""


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
    """Where programs find the webserver."""
    public_url: str | None
    """Where people find it, such as behind a proxy; what is written into messages begins with it."""
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
    config = followed(Path(env.get(CONFIG) or "config"))
    return Settings(
        config=config,
        state=Path(env.get(STATE) or ".signalbox").expanduser().resolve(),
        postgres_url=sqlalchemy_url(env[POSTGRES_URL]) if env.get(POSTGRES_URL) else None,
        broker_url=env.get(BROKER_URL) or None,
        ui_url=env.get(UI_URL) or None,
        public_url=env.get(PUBLIC_URL) or env.get(UI_URL) or None,
        recipes=followed(Path(env.get(RECIPES) or beside(config, "recipes"))),
    )


def followed(folder: Path) -> Path:
    """The absolute path of a folder, whose symbolic links are followed at each look and not once for all."""
    given = folder.expanduser().absolute()
    plain = Path(os.path.normpath(given))
    return plain if plain.resolve() == given.resolve() else given


def beside(folder: Path, name: str) -> Path:
    """The neighbour of a folder; of one that is a link, the neighbour of what it leads to at each look."""
    return folder / ".." / name if folder.is_symlink() else folder.parent / name


def sqlalchemy_url(url: str) -> str:
    """Name the driver, because SQLAlchemy 2.1 makes a bare `postgresql://` mean psycopg 3."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    return url


def resolved(path: Path) -> Path:
    """The path with all links followed. Raises OSError, RuntimeError or ValueError where that fails."""
    found = path.resolve()
    if found.is_symlink():  # from Python 3.13 on a loop of links is left as it is
        raise OSError(ELOOP, "a loop of links")
    return found
