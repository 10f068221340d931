"""One tick of an agent queue's sensor."""
