"""A restoration: the whole backup in one transaction, or nothing of it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scheduler_defs.audit.entries import Action, acting
from scheduler_defs.errors import SignalboxError
from scheduler_defs.upkeep.backup.dumping import made_at
from scheduler_defs.upkeep.backup.tools import Tools, last_line, tools_for

# What a newer version has added is not in the backup, and would stand in its way.
_BEFORE = "DROP SCHEMA IF EXISTS signalbox CASCADE;\n"
_AFTER = """
SELECT set_config('search_path', 'public', false);
INSERT INTO signalbox.audit_log (actor, channel, action, subject, after)
VALUES (:'actor', :'channel', :'action', :'subject', CAST(:'after' AS jsonb));
"""
_TABLE_DATA = re.compile(r"^\d+; \d+ \d+ TABLE DATA (\S+) (\S+)", re.MULTILINE)
OTHERS = sa.text(
    """
    SELECT coalesce(nullif(application_name, ''), usename, 'somebody') AS who, count(*) AS connections
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    GROUP BY 1 ORDER BY 1
    """
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, as far as can be said without restoring it."""

    file: Path
    bytes: int
    made: dt.datetime
    tables: int

    def document(self, seconds: float) -> dict[str, Any]:
        """As the command's contract has it."""
        return {
            "file": str(self.file),
            "bytes": self.bytes,
            "seconds": round(seconds, 3),
            "made": self.made.isoformat(),
            "tables": self.tables,
        }


def look_into(url: str, file: Path) -> Contents:
    """Read the table of contents. Raises SignalboxError for what is no backup of ours."""
    file = file.expanduser().absolute()
    if not file.is_file():
        raise SignalboxError(f"{file}: there is no such file")
    try:
        listed = tools_for(url).run("pg_restore", "--list", str(file))
    except SignalboxError as error:
        raise SignalboxError(f"{file}: no backup can be read from it ({error})") from None
    tables = _TABLE_DATA.findall(listed)
    if ("signalbox", "alembic_version") not in tables:
        raise SignalboxError(f"{file}: a dump of another database: there is no schema signalbox in it")
    return Contents(file, file.stat().st_size, made_at(file), len(tables))


def refuse_in_use(url: str) -> None:
    """Raises SignalboxError while anybody else is connected: a stack would write into what is replaced."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        others = [f"{row.who} ({row.connections})" for row in connection.execute(OTHERS)]
    if others:
        raise SignalboxError(
            f"the database is in use, by {', '.join(others)}: stop every stack and worker on it first"
            " (`signalbox down`)"
        )


def restore(url: str, contents: Contents) -> float:
    """Replace the database by what the file holds; seconds that it took.

    One transaction: killed at any moment, the database is as it was before.
    """
    began = time.monotonic()
    who = acting()
    noted = {
        "actor": who.actor,
        "channel": who.channel.value,
        "action": Action.RESTORED.value,
        "subject": f"backup:{contents.file.name}",
        "after": json.dumps({"file": str(contents.file), "made": contents.made.isoformat()}),
    }
    pour(tools_for(url), contents.file, before=_BEFORE, after=_AFTER, clean=True, variables=noted)
    return time.monotonic() - began


def pour(
    tools: Tools,
    file: Path,
    *,
    before: str = "",
    after: str = "",
    clean: bool = False,
    variables: dict[str, str] | None = None,
) -> None:
    """Have pg_restore write SQL and psql carry it out, in one transaction between `before` and `after`.

    Raises SignalboxError with the first error; then nothing has changed.
    """
    reading = [tools.program("pg_restore"), "--no-owner", "--no-privileges", "--file=-"]
    reading += ["--clean", "--if-exists"] if clean else []
    named = [part for name, value in (variables or {}).items() for part in ("-v", f"{name}={value}")]
    writing = [
        tools.program("psql"),
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        *named,
        "-o",
        "/dev/null",
        "-f",
        "-",
    ]
    # Files, because whoever fills a pipe that nobody reads waits for ever.
    with tempfile.TemporaryFile() as read_said, tempfile.TemporaryFile() as wrote_said:
        writer = subprocess.Popen(
            writing, stdin=subprocess.PIPE, stdout=wrote_said, stderr=wrote_said, env=dict(tools.environment)
        )
        assert writer.stdin is not None
        complete = False
        try:
            # Not psql's own `-1`: it commits at the end of its input, which comes also when we are killed.
            _feed(writer, f"BEGIN;\n{before}")
            reader = subprocess.Popen(
                [*reading, str(file)], stdout=writer.stdin, stderr=read_said, env=dict(tools.environment)
            )
            complete = reader.wait() == 0
            # A backup that ends too early must not be committed.
            _feed(
                writer,
                f"{after}\nCOMMIT;\n" if complete else "\\warn the backup ends too early\nSELECT 1/0;\n",
            )
        finally:
            _close(writer)
            ended = writer.wait()
        if ended != 0 or not complete:
            said = [_said(each) for each in (wrote_said, read_said)]
            reason = next((line for line in said if line), f"psql: exit code {ended}")
            raise SignalboxError(f"{file}: not restored, nothing was changed: {reason}")


def _feed(writer: subprocess.Popen[bytes], text: str) -> None:
    assert writer.stdin is not None
    # Broken: it has ended with an error, which is told at the end.
    with contextlib.suppress(BrokenPipeError):
        writer.stdin.write(text.encode())
        writer.stdin.flush()


def _close(writer: subprocess.Popen[bytes]) -> None:
    assert writer.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        writer.stdin.close()


def _said(file: Any) -> str:
    file.seek(0)
    text = file.read().decode(errors="replace")
    errors = [line for line in text.splitlines() if "error:" in line.lower()]
    return errors[0].strip() if errors else last_line(text)
