"""From entries as written to declarations: names resolved, rules checked against each other."""
