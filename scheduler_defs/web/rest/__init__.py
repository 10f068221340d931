"""REST under `/api/v1`: one router for each noun. The objects are those of the command's `--json`."""
