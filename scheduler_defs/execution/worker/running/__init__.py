"""What executes a run in a child of a worker: warm, or in a process of the run's own."""
