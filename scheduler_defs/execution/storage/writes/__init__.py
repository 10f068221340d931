"""How runs and their events are written: added, along the allowed arrows, many at once."""
