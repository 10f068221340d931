"""The webserver: Dagster's own, as one ASGI application behind our doors (design section 10)."""
