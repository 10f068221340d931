"""What a schedule does at a tick: read the facts, decide by pure rules, say why."""

from scheduler_defs.evaluation.tick import TickOutcome, evaluate_tick

__all__ = ["TickOutcome", "evaluate_tick"]
