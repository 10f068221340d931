"""Numbers for Prometheus, read from the database when they are asked for."""
