"""Runs that people must agree to before they start: which, by whom, and what was decided."""
