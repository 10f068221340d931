"""Nothing but its helper."""
