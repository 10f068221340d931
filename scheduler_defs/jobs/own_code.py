"""The user's own Dagster definitions: jobs/*.py beside config/. One fault stops one file."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
import types
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from scheduler_defs.declarations.models.declared import Problem
from scheduler_defs.declarations.reading.own_code import FOLDER, OwnCode

PACKAGE = "signalbox_jobs"
"""What the files are modules of: they may import each other from here, or with a dot."""

_log = logging.getLogger("signalbox.definitions")


@dataclass
class Loaded:
    """The definitions of each file that could be imported, and what is wrong with the others."""

    definitions: dict[Path, dg.Definitions] = field(default_factory=dict)
    faults: list[Problem] = field(default_factory=list)

    def leave_out(self, path: Path, reason: str, line: int = 1) -> None:
        """Do without a file, and say why."""
        self.definitions.pop(path, None)
        problem = Problem(file=f"{FOLDER}/{path.name}", line=line, column=1, path="", message=reason)
        self.faults.append(problem)
        _log.error("%s; it is left out, and the rest is loaded", problem)


def load(code: OwnCode) -> Loaded:
    """Import the files. Never raises for what they do."""
    found = Loaded()
    if not code.files:
        return found
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(code.files[0].parent)]
    sys.modules[PACKAGE] = package
    for path in code.files:
        try:
            module = importlib.import_module(f"{PACKAGE}.{path.stem}")
            with warnings.catch_warnings():
                # Dagster calls its collecting of a module's definitions a preview.
                warnings.simplefilter("ignore", dg.PreviewWarning)
                found.definitions[path] = dg.load_definitions_from_module(module)
        except (Exception, SystemExit) as error:
            found.leave_out(path, _reason(error), _line(error, path))
    return found


def _line(error: BaseException, path: Path) -> int:
    """The last line of the file on the way to the error."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return (lines[-1] if lines else None) or 1


def _reason(error: BaseException) -> str:
    said = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
