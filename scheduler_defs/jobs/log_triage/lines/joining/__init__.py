"""Several lines that are one message: `forms` of tracebacks of each language, and how they are joined."""
