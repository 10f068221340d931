"""Old runs, events and ticks out of Dagster's tables (private schema), a small batch at a time."""
