"""Runs of other code locations: which one a run is of, and how it runs in an environment of its own."""
