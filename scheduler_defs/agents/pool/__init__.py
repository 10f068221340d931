"""Agents at work: which task is given to whom, which run does it, and what happens when a run is lost."""
