"""What a decision is made of, read from the database: runs, pauses, what has passed, what is served."""
