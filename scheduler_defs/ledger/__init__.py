"""The ledger: one row for each occurrence of a schedule, written once (design section 9).

Knows only the database. `reasons`: why, as codes with numbers. `entries`: what is written. `book`: reading
and writing. `versions`: which declarations were in force when.
"""
