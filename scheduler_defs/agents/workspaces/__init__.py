"""A git worktree for each task: made at the claim from a mirror, kept for the next attempt, cleaned later."""
