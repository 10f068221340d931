"""What is told to whom, and when: decided from events and what is remembered. Pure."""
