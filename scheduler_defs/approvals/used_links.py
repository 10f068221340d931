"""Links that have decided, in the database: each once."""

from __future__ import annotations

import sqlalchemy as sa

from scheduler_defs.approvals.links import Link, NoLink
from scheduler_defs.approvals.reading import sql


def use(connection: sa.Connection, link: Link, person: str) -> None:
    """Note that it is used, in the transaction that decides. Raises NoLink for the second time."""
    values = {"alert": link.alert, "approval": link.approval, "person": person}
    if connection.execute(sql("use_link"), values).first() is None:
        raise NoLink("this link has been used already")


def is_used(connection: sa.Connection, link: Link) -> bool:
    """Whether it is."""
    return connection.execute(sql("used_link"), {"alert": link.alert}).first() is not None


def channel_of(connection: sa.Connection, link: Link) -> str | None:
    """To which channel it was sent; None: the alert is forgotten."""
    return connection.execute(sql("channel_of_alert"), {"alert": link.alert}).scalar()
