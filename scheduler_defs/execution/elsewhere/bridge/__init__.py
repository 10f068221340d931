"""What a run in another environment imports of this program: one file, which needs `dagster` only."""
