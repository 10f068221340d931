"""What has gone wrong, as events: each thing counts once."""
