"""Quota pools: what providers refuse, until when, and for which agents."""
