"""What an agent's work must pass before its task is done, and what becomes of it then."""
