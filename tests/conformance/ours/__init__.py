"""Our classes in the places where Dagster's tests name Dagster's."""
