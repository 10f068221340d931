"""Dagster's own tests against our classes, beside the same tests against Dagster's: `make conformance`.

The tests come with the source distributions of the pinned versions (Apache-2.0), are fetched by pip into a
folder that git ignores, and are run from there; nothing of them is in this repository.
"""
