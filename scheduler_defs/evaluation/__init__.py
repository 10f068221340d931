"""What a schedule does at a tick: read the facts, decide by pure rules, say why (see `tick`)."""
