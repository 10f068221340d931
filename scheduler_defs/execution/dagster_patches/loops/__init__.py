"""The loops of Dagster's daemon that we have of our own: woken by news, and not by a clock."""
