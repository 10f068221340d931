"""Dagster's tests, given the classes that $CONFORMANCE_CLASSES names: `stock` or `ours`."""
