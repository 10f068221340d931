"""Settings of the whole yard: audit, locations, reports, resources, retention."""
