"""What the server answers from the database itself, because every page asks for it."""
