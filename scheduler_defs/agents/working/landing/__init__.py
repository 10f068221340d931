"""The run that puts accepted work onto its base."""
