"""The sensors that somebody has stopped, as Dagster keeps it (private there; contract-tested)."""

from __future__ import annotations

import sqlalchemy as sa

# Dagster keeps a state as JSON; a sensor that nobody ever switched has none, or follows its declaration.
STOPPED_SENSORS = """
    SELECT instigator_body::json -> 'origin' ->> 'job_name' FROM instigators
    WHERE instigator_type = 'SENSOR' AND status = 'STOPPED'
"""


def stopped_sensors(connection: sa.Connection) -> frozenset[str]:
    """Their names; none where Dagster has no tables yet."""
    if not sa.inspect(connection).has_table("instigators"):
        return frozenset()
    return frozenset(connection.execute(sa.text(STOPPED_SENSORS)).scalars())
