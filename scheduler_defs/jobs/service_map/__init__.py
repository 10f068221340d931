"""Job `service_map`: what listens and runs on this machine, and what changed since the last report.

`observe` looks at processes and sockets, `containers` at Docker, `snapshot` is what they find,
`comparing` says what changed; `report` puts it into words, `asset` is what Dagster runs.
"""
