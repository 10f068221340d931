"""What was read of another scheduler: jobs and schedules as they are written, and what has no place there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scheduler_defs.declarations.names import RESERVED, dagster_name

_BRACES = re.compile(r"\{(params|run|schedule|scheduled_for|state|project)[.}]")
_SECRET = re.compile(r"(?i)pass|secret|token|key|credential|auth")
_LONGEST = 60
_SHELL = frozenset(
    {"sh", "bash", "dash", "zsh", "env", "nice", "ionice", "timeout", "flock", "sudo", "cd", "exec"}
)


@dataclass
class Translation:
    """Jobs and schedules by name, and one line for each thing that has no place in them."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """Other keys of the file, such as agents."""
    notes: list[str] = field(default_factory=list)

    def note(self, place: str, why: str) -> None:
        """`crontab:3: @reboot: a schedule is a time`."""
        self.notes.append(f"{place}: {why}")

    def add(
        self, place: str, name: str, command: Iterable[str], schedule: Mapping[str, Any], **job: object
    ) -> None:
        """A job and its schedule, under a free name; what other people wrote never becomes a placeholder."""
        words = list(command)
        self._put(place, name, words, {"command": words, **_given(job)}, schedule)

    def add_steps(
        self, place: str, name: str, steps: Mapping[str, Mapping[str, Any]], schedule: Mapping[str, Any]
    ) -> None:
        """The same for a job with steps, each with its `command` and what it `needs`."""
        words = [word for step in steps.values() for word in step["command"]]
        self._put(place, name, words, {"steps": {key: dict(step) for key, step in steps.items()}}, schedule)

    def _put(
        self,
        place: str,
        name: str,
        words: Iterable[str],
        job: Mapping[str, Any],
        schedule: Mapping[str, Any],
    ) -> None:
        if any(_BRACES.search(word) for word in words):
            self.note(
                place, "its command has braces that would be read as a placeholder; put it into a script"
            )
            return
        free = self.free_name(name)
        self.jobs[free] = {"description": f"From {place}.", **job}
        self.schedules[free] = {"job": free, **_given(schedule)}

    def drop_what_is_faulty(self) -> None:
        """Leave out what the declarations do not take, each with the fault that it has."""
        from scheduler_defs.declarations import load

        for _ in range(len(self.schedules) + len(self.jobs) + 1):
            with TemporaryDirectory() as folder:
                config = Path(folder) / "config"
                config.mkdir()
                (config / "carried.yaml").write_text(self.text(), encoding="utf-8")
                problems = load(config).problems
            if not problems:
                return
            for problem in problems:
                kind, _, rest = problem.path.partition(".")
                mine = {"jobs": self.jobs, "schedules": self.schedules}.get(kind)
                name = next(
                    (each for each in mine or () if rest == each or rest.startswith(f"{each}.")), None
                )
                if mine is None or name is None:
                    self.more.pop(kind, None)
                elif mine.pop(name, None) is not None and kind == "jobs":
                    self.schedules.pop(name, None)
                self.note(problem.path, problem.message)

    def text(self) -> str:
        """The declarations as YAML."""
        import yaml

        document = {"jobs": self.jobs, "schedules": self.schedules, **self.more}
        return yaml.safe_dump(
            {key: value for key, value in document.items() if value},
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
            width=110,
        )

    def free_name(self, name: str) -> str:
        """A name that Signalbox takes, and that nothing here has."""
        taken = {dagster_name(each) for each in (*self.jobs, *self.schedules)}
        wanted = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:_LONGEST] or "job"
        if dagster_name(wanted) in RESERVED:
            wanted = f"{wanted}-job"
        number = 2
        found = wanted
        while dagster_name(found) in taken:
            found, number = f"{wanted}-{number}", number + 1
        return found


def named_after(words: Iterable[str]) -> str:
    """A name for a command: that of its program or script, without what only wraps it."""
    for word in words:
        base = Path(word).name
        if base and not base.startswith("-") and "=" not in base and base not in _SHELL and base[0].isalpha():
            return re.sub(r"\.(sh|py|pl|rb|js)$", "", base)
    return "job"


def without_secrets(carried: Translation, place: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that may stand in a file; the others are noted by name."""
    for name in filter(_SECRET.search, variables):
        why = "looks like a secret: set it for the workers, and name it in the job's env:"
        carried.note(place, f"{name} {why}")
    return {name: value for name, value in variables.items() if not _SECRET.search(name)}


def with_environment(variables: Mapping[str, str], command: list[str]) -> list[str]:
    """The command with its variables before it, as `env` takes them."""
    return (
        ["env", *(f"{name}={value}" for name, value in variables.items()), *command] if variables else command
    )


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}
