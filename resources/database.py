"""The database, as a SQLAlchemy engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from resources.base import YardResource
from scheduler_defs.settings import POSTGRES_URL

if TYPE_CHECKING:
    from sqlalchemy import Engine


class DatabaseResource(YardResource):
    """The stack's own database, or the one whose URL a variable holds. One pool per process and URL."""

    url_env: str = Field(default=POSTGRES_URL, description="The variable that holds the database's URL.")

    def engine(self) -> Engine:
        """The engine; connects when it is used. Raises NotReachableError when the variable is not set."""
        # Here: SQLAlchemy takes a third of a second, and many load the code location that never ask.
        from scheduler_defs import database
        from scheduler_defs.settings import sqlalchemy_url

        return database.engine(
            None if self.url_env == POSTGRES_URL else sqlalchemy_url(self.secret(self.url_env))
        )
