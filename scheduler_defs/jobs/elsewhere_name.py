"""The name of the job that stands for those of other locations; alone, for those who load no Dagster."""

OF_ANOTHER_LOCATION = "of_another_location"
"""Schedules of other locations' jobs name it; the daemon launches what they ask for in its place."""
