"""The files of a small yard. What is there already is left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.settings import INSTALLATION

SCHEMAS = INSTALLATION / "docs" / "schemas"

JOBS = """\
# yaml-language-server: $schema=../schemas/jobs.json
# What runs: a program and its arguments as a list, never a text for a shell. Your Python goes into jobs/*.py
# beside this folder, as plain Dagster jobs and assets.

jobs:
  hello:
    description: Says hello.
    command: [echo, "hello {params.name}"]
    params:
      name: {type: string, default: world}
    timeout: 1m
"""
SCHEDULES = """\
# yaml-language-server: $schema=../schemas/schedules.json
# When jobs run. Save the file, and it holds within seconds. `signalbox check` names every fault,
# `signalbox schedules next` shows what is due.

defaults:
  timezone: UTC

schedules:
  say-hello:
    job: hello
    every: 5m
    config: {name: signalbox}
"""
EMPTY_JOBS = "".join(f"{line}\n" for line in JOBS.splitlines()[:4]) + "jobs: {}\n"
EMPTY_SCHEDULES = "".join(f"{line}\n" for line in SCHEDULES.splitlines()[:7]) + "schedules: {}\n"
GITIGNORE = """\
# All state of the stack: the database, what runs printed, logs.
.signalbox/
__pycache__/
"""
PYPROJECT = """\
# So that Dagster's own commands find the yard in this folder: dagster definitions validate, dg check defs.
[tool.dagster]
module_name = "scheduler_defs.definitions"
code_location_name = "signalbox"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "config"
defs_module = "config"
code_location_name = "signalbox"
code_location_target_module = "scheduler_defs.definitions"
"""
CONTINUOUS_INTEGRATION = """\
# Every change of the declarations is checked, and shown as what it would change in the running stack.
name: signalbox
on: [push, pull_request]
jobs:
  declarations:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      # The address of Signalbox's wheel, or its name in an index of yours: a variable of the repository.
      - run: pip install "$WHEEL"
        env: {WHEEL: "${{ vars.SIGNALBOX_WHEEL }}"}
      - run: signalbox check
      - run: signalbox schedules next --count 20
      # Where this runner reaches the stack. Exit code 1: something would change, which is no fault here.
      - if: vars.SIGNALBOX_UI_URL != ''
        run: signalbox plan || test $? -eq 1
        env:
          SIGNALBOX_UI_URL: ${{ vars.SIGNALBOX_UI_URL }}
          SIGNALBOX_TOKEN: ${{ secrets.SIGNALBOX_TOKEN }}
          SIGNALBOX_POSTGRES_URL: ${{ secrets.SIGNALBOX_POSTGRES_URL }}
"""
_IMPORTED = """\
# yaml-language-server: $schema=../schemas/{schema}.json
# From {kind}. `signalbox check` names every fault, `signalbox schedules next` shows what is due.

"""


@dataclass(frozen=True)
class Written:
    """The files that were made, and those that were there."""

    made: tuple[Path, ...]
    kept: tuple[Path, ...]


def files(carried: str | None, kind: str) -> dict[str, str]:
    """Path below the yard -> text. `carried`: declarations from another scheduler; None: an example."""
    found = {
        "config/jobs.yaml": JOBS if carried is None and kind != "empty" else EMPTY_JOBS,
        "config/schedules.yaml": SCHEDULES if carried is None and kind != "empty" else EMPTY_SCHEDULES,
        ".gitignore": GITIGNORE,
        "pyproject.toml": PYPROJECT,
        ".github/workflows/signalbox.yml": CONTINUOUS_INTEGRATION,
    }
    if carried is not None:
        schema = "schedules" if "schedules:" in carried else "agents"
        found[imported(kind)] = _IMPORTED.format(schema=schema, kind=kind) + carried
    for path in sorted(SCHEMAS.glob("*.json")):
        found[f"schemas/{path.name}"] = path.read_text(encoding="utf-8")
    return found


def imported(kind: str) -> str:
    """Where the declarations of another scheduler go."""
    return f"config/{kind}.yaml"


def write(folder: Path, texts: Mapping[str, str]) -> Written:
    """Write the files that are not there yet. Raises OSError."""
    made, kept = [], []
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            made.append(path)
        except FileExistsError:
            kept.append(path)
    return Written(tuple(made), tuple(kept))
