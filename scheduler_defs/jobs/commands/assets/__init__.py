"""Assets that declared commands make: lineage, `dagster asset materialize`, conditions and checks.

The command runs as in any other job, in a worker. When it succeeds, its assets are materialised, with its
metadata and what it has reported of them through Dagster Pipes. A check that it has reported says what it
said; one that it has not reported passes when the command succeeds, and fails when it does not.
"""
