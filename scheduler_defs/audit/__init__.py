"""Who changed what: an append-only table, sealed into a hash chain, with signed checkpoints beside it.

Whoever changes state calls `record` in the transaction of the change, or just after it. The sealer puts the
entries into a chain without holes; `verify` walks it. This room knows the database and nothing else of ours.
"""
