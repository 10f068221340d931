"""What one set of declarations changes against another, by kind and name."""

from __future__ import annotations

from pathlib import Path

from scheduler_defs.declarations import load
from scheduler_defs.declarations.normalising import changes, content


def written(folder: Path, text: str) -> dict[str, object]:
    folder.mkdir()
    (folder / "a.yaml").write_text(text)
    return content(load(folder).declarations)


def test_changes_are_named_by_kind(tmp_path: Path) -> None:
    before = written(
        tmp_path / "a",
        "jobs: {nap: {command: [sleep, '1']}}\nschedules: {a: {job: nap, every: 1h}, b: {job: nap, every: 1h}}\n",
    )
    after = written(
        tmp_path / "b",
        "jobs: {nap: {command: [sleep, '2']}}\nschedules: {a: {job: nap, every: 1h}, c: {job: nap, every: 1h}}\n"
        "retention: {ticks: 3d}\nlimits: {team: {key: team, limit: 1}}\n",
    )
    assert changes(before, after) == {
        "jobs": {"changed": ["nap"]},
        "limits": {"added": ["team"]},
        "retention": {"changed": ["retention"]},
        "schedules": {"added": ["c"], "removed": ["b"]},
    }
    assert changes(after, after) == {}
    assert changes({}, before)["schedules"] == {"added": ["a", "b"]}
