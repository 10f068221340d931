"""Where the agents' tasks are: one protocol, a Postgres and a TinyTask implementation."""
