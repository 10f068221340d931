"""A moving bar on the terminal, for what takes longer than somebody likes to wait without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE_SECONDS = 2.0


@contextmanager
def working(
    what: str, *, patience_seconds: float = PATIENCE_SECONDS, console: Console | None = None
) -> Iterator[None]:
    """Show on standard error that something is being done, and for how long, until the block ends.

    Nothing is shown before the patience is over, nor where standard error is no terminal; nothing stays.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task(what, total=None)
    begins = threading.Timer(patience_seconds, bar.start)
    begins.daemon = True
    begins.start()
    try:
        yield
    finally:
        begins.cancel()
        begins.join()
        bar.stop()
