"""Job `log_triage`: what the logs say that is new, in a few groups of similar messages.

`files` finds them, `positions` knows how far they were read, `reading` cuts them into blocks of whole
lines, `grouping` counts; `report` puts it into words, `asset` is what Dagster runs.
"""
