"""Alerts: which of the things that go wrong are told to whom, and how often."""
