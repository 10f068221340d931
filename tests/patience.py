"""How much longer than on a quiet machine a test waits before it gives up."""

PATIENCE = 4
"""Several test processes share the cores, and those of a small machine. A test that succeeds never waits longer."""
