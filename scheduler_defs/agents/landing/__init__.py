"""Accepted work goes onto its base: one task after the other in each repository, the oldest first."""
