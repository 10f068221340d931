"""Settings of the whole yard: audit, locations, resources, retention."""
