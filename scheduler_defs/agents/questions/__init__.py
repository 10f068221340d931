"""Questions of agents to people: asked once, and no slot waits for the answer."""
