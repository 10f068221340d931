"""Tables on a terminal, whatever its width."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_KEPT = frozenset({"STATE", "STATUS", "OUTCOME"})
_LONGEST_KEPT = 36
"""Characters of a column that keeps its width: a name may have more, and is folded then."""

_LEAST = 8


def print_fitted(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that is as wide as the terminal at most.

    The first column (a name or an id) and those of states stay whole; long texts get what is left.
    """
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        width = max([len(column), *(len(row[place]) for row in rows)])
        kept = place == 0 or column in _KEPT
        table.add_column(
            column,
            overflow="fold",
            no_wrap=kept and width <= _LONGEST_KEPT,
            min_width=min(width, _LONGEST_KEPT if kept else _LEAST),
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
