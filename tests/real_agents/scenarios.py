"""Which real program is taken through what, and why not through the rest. docs/programs/README.md shows this table."""

from __future__ import annotations

from collections.abc import Mapping

PROGRAMS_OF = ("claude", "codex", "opencode", "aider")
NAMES: Mapping[str, str] = {
    "claude": "Claude Code",
    "codex": "Codex",
    "opencode": "OpenCode",
    "aider": "aider",
}
TESTED = "tested"

SCENARIOS: Mapping[str, Mapping[str, str]] = {
    "work that is accepted": {},
    "a lie: says done, the check fails": {"aider": "tested; begins anew, it has no sessions"},
    "tokens and cost, as the provider counts": {"aider": "tested; in thousands, as it tells them"},
    "a limit with its reset told": {
        "claude": "tested, of a subscription; by key it tells no reset",
        "opencode": "not possible: it tells no reset",
        "aider": "not possible: it tells no reset",
    },
    "a limit without a reset told": {
        "claude": "tested, by key",
        "codex": "not possible: it always tells one",
        "opencode": "tested; it waits in its slot",
        "aider": "tested; it waits in its slot",
    },
    "an overload": {},
    "a wrong key": {},
    "a question, and its answer in the session": {"aider": "not possible: it has no tools, and no sessions"},
    "silence": {"opencode": "tested; it uses CPU time while it waits, so only its timeout ends it"},
    "killed in the middle": {},
}
"""By scenario: what is to be said of a program, where that is more than that it is tested."""


def word(scenario: str, program: str) -> str:
    """What the table says."""
    return SCENARIOS[scenario].get(program, TESTED)


def possible(scenario: str) -> list[str]:
    """The programs that are taken through it."""
    return [name for name in PROGRAMS_OF if word(scenario, name).startswith(TESTED)]


def table() -> str:
    """All of it, in Markdown."""
    head = ["", *(NAMES[name] for name in PROGRAMS_OF)]
    rows = [[scenario, *(word(scenario, name) for name in PROGRAMS_OF)] for scenario in SCENARIOS]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
