"""Our own fields beside Dagster's in one GraphQL schema: each is a route of the API."""
