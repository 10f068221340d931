"""What others ask of Dagster's tables: failed runs, retries that are due, alerts' facts, stopped sensors."""
