"""Alerts on their way: digests, sending, heartbeats, and what has become of each."""
