"""`why`: the causal chain of a run, a task, a schedule or a queue, each link with its evidence.

Explaining is pure: facts in, an `Explanation` out. Gathering the facts is `facts/`.
"""
