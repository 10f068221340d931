"""The documentation names every probe and operator, and its examples are declarations that load."""

import re
from pathlib import Path

from scheduler_defs.conditions.registry import probes
from scheduler_defs.declarations.models.conditions import Operator

TEXT = (Path(__file__).parents[3] / "docs" / "schedules" / "conditions.md").read_text()


def test_every_probe_of_signalbox_is_documented_with_its_kind_and_no_other() -> None:
    documented = dict(re.findall(r"^\| `([a-z_.]+)[^|]*` \| (\w+) \|", TEXT, re.MULTILINE))
    own = {
        name: probe.kind
        for name, probe in probes().items()
        if probe.read.__module__.startswith("scheduler_defs.")
    }
    assert documented == own


def test_every_operator_is_documented() -> None:
    table = TEXT[TEXT.index("## Operators") : TEXT.index("## Errors")]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))))
    assert documented - {"op"} == {operator.value for operator in Operator}


def test_example_is_a_declaration_without_faults(tmp_path: Path) -> None:
    from scheduler_defs.declarations import load

    (example,) = re.findall(r"```yaml\n# config/schedules.yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "schedules.yaml").write_text(example)
    (tmp_path / "jobs.yaml").write_text(
        "jobs:\n  cleanup: {command: ['true']}\n  backup: {command: ['true']}\n"
    )
    result = load(tmp_path)
    assert [str(problem) for problem in result.problems] == []
    assert sorted(result.declarations.schedules) == ["backup-overdue", "disk-low"]
