"""Runs that have ended well before a step that people must agree to: read from their tags."""

from __future__ import annotations

import sqlalchemy as sa

DUE = sa.text(
    """
    SELECT open.run_id,
           EXISTS (SELECT FROM run_tags AS next
                   WHERE next.key = 'dagster/run_key' AND next.value = 'stage:' || open.run_id) AS followed
    FROM run_tags AS open JOIN runs USING (run_id)
    WHERE open.key = 'signalbox/next_stage' AND open.value = 'open' AND runs.status = 'SUCCESS'
    ORDER BY runs.id LIMIT 100
    """
)


def due(connection: sa.Connection) -> tuple[list[str], list[str]]:
    """Runs that are to be followed by another, and those that have been, whose mark can go."""
    rows = connection.execute(DUE).all()
    return [row.run_id for row in rows if not row.followed], [row.run_id for row in rows if row.followed]
