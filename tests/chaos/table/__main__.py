"""Every fault, many times, against one stack that stays up, with an independent count after each.

    python -m tests.chaos.table --times 20 [--save FILE] [--minutes 90] [--only WORDS]
    python -m tests.chaos.table --print

Goes on where the file ends: the fault with the fewest rounds is next. Several may share the work on one file,
and it is kept in the repository, so that a night here and an hour there add up.
Exits with 1 when anything was lost, doubled or stuck.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import places
from tests.chaos.table.kinds import KINDS, Kind, Place
from tests.chaos.table.rounds import place, play, whole
from tests.chaos.table.saved import append, fewest, rounds, table


def main() -> int:
    """See above."""
    options = _options()
    kinds = [kind for kind in KINDS if _is_wanted(kind, options.only) and _is_possible(kind)]
    if not options.print:
        near, far = ([kind for kind in kinds if kind.far is each] for each in (False, True))
        seconds = options.minutes * 60
        # The far database has a stack of its own, and its share of the time.
        _play(near, options.save, options.times, seconds * len(near) / len(kinds))
        _play(far, options.save, options.times, seconds * len(far) / len(kinds))
    saved = rounds(options.save)
    print(table(KINDS, saved))
    return int(any(each["wrong"] for each in saved))


def _play(kinds: list[Kind], save: Path, times: int, seconds: float) -> None:
    left = seconds
    while left > 0 and kinds and fewest(kinds, rounds(save), times):
        with (
            tempfile.TemporaryDirectory(prefix="sb-table-") as folder,
            place(Path(folder) / "place", far=kinds[0].far) as where,
        ):
            # The start of a yard does not count.
            began = time.monotonic()
            _play_at(where, kinds, save, times, began + left)
            left -= time.monotonic() - began


def _play_at(where: Place, kinds: list[Kind], save: Path, times: int, end: float) -> None:
    """Round after round, until the time is up, or one has broken off: the next ones have a new yard."""
    while time.monotonic() < end and (kind := fewest(kinds, rounds(save), times)):
        found = play(where, kind)
        append(save, found.document())
        print(f"{time.strftime('%H:%M:%S')} {found}", flush=True)
        if found.broken:
            return
    if wrong := whole(where):
        append(save, {"fault": "all of it", "wrong": wrong, "runs": 0, "commands": 0, "load": 0.0})
        print(wrong, flush=True)


def _is_wanted(kind: Kind, only: str) -> bool:
    return only in kind.name and (bool(only) or not kind.asked)


def _is_possible(kind: Kind) -> bool:
    """Only root can make a small file system."""
    return "disk" not in kind.name or places.can_mount()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.table", description="Every fault, many times."
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--save", type=Path, default=Path(__file__).with_name("rounds.jsonl"))
    parser.add_argument("--minutes", type=float, default=24 * 60)
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--print", action="store_true", help="only print the table of the file")
    return parser.parse_args()


if __name__ == "__main__":
    # A shell that starts this in the background has the first of them ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
