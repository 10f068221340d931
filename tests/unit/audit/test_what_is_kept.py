"""What an entry keeps: evidence whole, people's data and secrets not at all; edits line by line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.acting.editing import write
from scheduler_defs.audit.entries import facts
from scheduler_defs.audit.store import Query, read
from scheduler_defs.declarations.editing.edit import Editor

HASH = hashlib.sha256(b"signalbox").hexdigest()


@pytest.mark.parametrize("key", ["hash", "sha256", "before_sha256", "fingerprint", "digest"])
@pytest.mark.parametrize("value", [HASH, f"sha256:{HASH}", HASH[:40]])
def test_given_a_hash_under_a_name_that_says_so_then_it_stays_whole(key: str, value: str) -> None:
    assert json.loads(facts({"nested": {key: value}}) or "") == {"nested": {key: value}}


@pytest.mark.parametrize("key", ["token", "note", "hash_of_nothing"])
def test_given_the_same_digits_under_another_name_then_they_could_be_a_secret(key: str) -> None:
    assert HASH not in (facts({key: f"token={HASH}"}) or "")


def test_given_a_secret_under_a_hash_name_then_it_is_redacted() -> None:
    secret = "sk-ant-" + "A1b2" * 10
    assert secret not in (facts({"hash": secret}) or "")


def yard(folder: Path) -> Editor:
    folder.mkdir()
    (folder / "schedules.yaml").write_text(
        "schedules:\n  nightly: {job: log_triage, every: 1h}\n  other: {job: log_triage, every: 2h}\n"
    )
    return Editor(folder)


def test_given_an_edit_when_written_then_its_lines_and_the_files_hashes_are_signed_for(
    engine: sa.Engine, tmp_path: Path
) -> None:
    editor = yard(tmp_path / "config")
    edit = editor.set("nightly", {"every": "6h"})
    write(edit, engine)
    with engine.connect() as connection:
        (entry,) = read(connection, Query(action="declarations.edited"))
    assert entry.subject == "schedule:nightly"
    assert entry.before is not None and entry.after is not None
    assert [line.strip() for line in entry.before["lines"]] == ["nightly: {job: log_triage, every: 1h}"]
    assert "6h" in str(entry.after["lines"]) and "other" not in str(entry.after["lines"])
    written = (tmp_path / "config" / "schedules.yaml").read_bytes()
    assert entry.after["sha256"] == hashlib.sha256(written).hexdigest()


def test_given_no_stack_then_the_edit_is_written_and_nothing_fails(engine: sa.Engine, tmp_path: Path) -> None:
    write(yard(tmp_path / "config").remove("nightly"), None)
    assert "nightly" not in (tmp_path / "config" / "schedules.yaml").read_text()
    with database.engine().connect() as connection:
        assert read(connection, Query()) == []
