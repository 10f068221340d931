"""A wall clock that tests can set, for all processes of a stack at once."""

from __future__ import annotations

import datetime as dt
import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """The wall clock of all processes that carry it: moved as somebody's hand, or a time server, moves it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made such that the database's user, which may be another, can use what is in it."""
        folder.mkdir(exist_ok=True)
        for parent in (folder, *folder.parents):
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
        library, self._file = folder / "wall_clock.so", folder / "offset"
        subprocess.run(
            [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)],
            check=True,
        )
        self._file.write_bytes(struct.pack("=qq", 0, 0))
        for path in (library, self._file):
            path.chmod(0o755)
        self.variables: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "WALL_CLOCK_FILE": str(self._file),
        }

    def step(self, seconds: int) -> None:
        """Set it forward (or back) by so much, for all of them at once."""
        self._move(seconds, 0)

    def sleep(self, seconds: int) -> None:
        """As after so long a sleep of the machine: the wall clock and CLOCK_BOOTTIME have gone on."""
        self._move(seconds, seconds)

    def now(self) -> dt.datetime:
        """The time that it shows."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._offsets()[0])

    def _offsets(self) -> tuple[int, int]:
        wall, slept = struct.unpack("=qq", self._file.read_bytes())
        return wall, slept

    def _move(self, wall: int, slept: int) -> None:
        before = self._offsets()
        with self._file.open("r+b") as file:
            file.write(struct.pack("=qq", before[0] + wall, before[1] + slept))
