"""What people and agents from outside do about agent queues: agents, budgets, tasks, claims."""
