"""Which task an agent gets next, and why another one waits. Pure."""
