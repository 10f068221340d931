"""Settings of the whole yard, as written: audit, locations, resources, retention."""
