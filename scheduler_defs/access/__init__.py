"""Who may do what: the one table that Dagster's permissions, GraphQL, REST and the pages read."""
