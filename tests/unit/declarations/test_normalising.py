"""Declarations as plain data: the same for the same meaning, and rules that come back as they were."""

from __future__ import annotations

import json
from pathlib import Path

from scheduler_defs.declarations import Declarations, load
from scheduler_defs.declarations.normalising import content, digest, restored, rules
from tests.unit.declarations.yards import write_yard

KINDS = """
schedules:
  cron: {job: log_triage, cron: ["0 9 * * mon-fri", "30 12 1 * *"], timezone: Europe/Lisbon}
  month: {job: log_triage, every: 1 month, anchor: 2026-01-31T09:00}
  zoned: {job: log_triage, every: 90m, anchor: "2026-01-31T09:00+02:00"}
  rule: {job: log_triage, rrule: "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0"}
  at: {job: log_triage, at: ["2126-03-02T09:00", "2126-06-01T00:00"]}
  check: {job: log_triage, check_every: 5m, when: {subject: "env:HOME", op: exists, value: true}, fire: edge}
  left-out: {job: log_triage, every: 10m, exclude: [{holidays: US}, 2026-12-24, {cron: "0 2 * * *", for: 2h}]}
  bounded: {job: log_triage, every: 1h, start: 2026-01-01, end: 2027-01-01, catch_up: {policy: all, window: 6h}}
  shaken: {job: log_triage, every: 1h, jitter: 5m, misfire_grace: 10m, enabled: false}
"""


def loaded(folder: Path, **files: str) -> Declarations:
    folder.mkdir()
    found = load(write_yard(folder, {f"{name}.yaml": text for name, text in files.items()}))
    assert found.problems == ()
    return found.declarations


def test_given_every_kind_of_rule_then_it_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    declared = loaded(tmp_path / "a", all=KINDS).schedules
    kept = rules(json.loads(json.dumps(content(loaded(tmp_path / "b", all=KINDS)))))
    assert kept.keys() == declared.keys()
    for name, rule in kept.items():
        found = restored(rule)
        assert (found.timing, found.policies) == (declared[name].timing, declared[name].policies)
        assert found.enabled is declared[name].enabled


def test_given_comments_another_order_and_more_files_then_the_content_is_the_same(tmp_path: Path) -> None:
    first, *others = KINDS.strip().splitlines()[1:]
    moved = loaded(
        tmp_path / "moved",
        one="# a comment\nschedules:\n" + "\n".join(reversed(others)),
        two=f"\n\nschedules:\n{first}",
    )
    assert digest(content(moved)) == digest(content(loaded(tmp_path / "plain", all=KINDS)))


def test_given_an_edit_of_something_else_then_the_rule_is_the_same_and_the_content_is_not(
    tmp_path: Path,
) -> None:
    before = content(loaded(tmp_path / "before", s="schedules: {s: {job: log_triage, every: 1h}}"))
    after = content(loaded(tmp_path / "after", s="schedules: {s: {job: log_triage, every: 1h, priority: 5}}"))
    zoned = content(
        loaded(tmp_path / "zoned", s="schedules: {s: {job: log_triage, every: 1h, timezone: Asia/Kolkata}}")
    )
    assert rules(before) == rules(after)
    assert digest(before) != digest(after)
    assert rules(before) != rules(zoned)
