"""A command being run: prepared, carried out, its output and what it leaves."""
