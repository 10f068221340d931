"""What agents use: counted turn by turn, and held against the budgets."""
