"""The component: a folder of declarations as definitions of somebody's own Dagster project."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
from pydantic import Field

from scheduler_defs.assembly import NotLoadableError, loadable
from scheduler_defs.declarations import load
from scheduler_defs.declarations.reading.own_code import own_code
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.own_code import load as load_own
from scheduler_defs.settings import CONFIG, followed


class Yard(dg.Component, dg.Model, dg.Resolvable):
    """Schedules, jobs and agent queues that are declared in YAML, in a Dagster project of your own.

    Everything of the yard, with Python in `jobs/*.py` beside its folder, becomes definitions of the project.
    A fault in the files stops the project from loading, as any other of its faults does: `dg check defs` says
    where it is.
    """

    config: str = Field(default="config", description="The folder of declarations, beside this file.")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Raises SignalboxError: the faults of the files, one line each."""
        folder = followed(context.path / self.config)
        _be_the_yard(folder)
        found = load(folder, label=self.config)
        if found.problems:
            raise SignalboxError("\n".join(map(str, found.problems)))
        own = load_own(own_code(folder))
        try:
            return loadable(found.declarations, own)
        except NotLoadableError as error:
            raise SignalboxError(f"{folder}: {error}") from None


def _be_the_yard(folder: Path) -> None:
    """What runs later in this process reads the same files. There is one yard in a process.

    Raises SignalboxError when the environment, or another component, has said something else.
    """
    if not folder.is_dir():
        raise SignalboxError(f"{folder}: there is no such folder; config: names one beside the defs.yaml")
    known = os.environ.setdefault(CONFIG, str(folder))
    if followed(Path(known)) != folder:
        raise SignalboxError(
            f"{CONFIG} is {known}, and this component's folder is {folder}: one of them only"
        )
