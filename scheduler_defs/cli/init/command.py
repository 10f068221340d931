"""`signalbox init [DIR] [--from KIND [FILE]]`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand
from typing_extensions import override

from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.output import counted, print_json, print_line, say
from scheduler_defs.errors import SignalboxError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from typer._click.core import Context

    from scheduler_defs.cli.init.translation import Translation

FROM = "--from"


class Kind(StrEnum):
    """What can be carried over."""

    EMPTY = "empty"
    """Nothing: files with comments only."""
    CRONTAB = "crontab"
    """FILE, or `crontab -l`."""
    SYSTEMD = "systemd"
    """.timer files, with their .service files beside them or given."""
    CELERY_BEAT = "celery-beat"
    """A module with a Celery app, as `celery -A` takes it."""
    APSCHEDULER = "apscheduler"
    """A module with a scheduler of APScheduler 3."""
    AIRFLOW = "airflow"
    """Files of DAGs: parsed, never run."""
    KESTRA = "kestra"
    """Files of flows, as YAML."""
    TINYSCHEDULER = "tinyscheduler"
    """tinyscheduler.env, and agent-control.json."""
    CYBER_BRAIN = "cyber-brain"
    """Its schedules as JSON, from the API or `manage.py dumpdata`."""
    DAGSTER = "dagster"
    """The folder of a Dagster project, by default this one: its code locations and limits."""


class FilesAfterKind(TyperCommand):
    """What follows `--from KIND` are files, and what stands before it is the folder."""

    @override
    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        words = [
            part for word in args for part in (word.split("=", 1) if word.startswith(f"{FROM}=") else [word])
        ]
        if FROM in words:
            begin = words.index(FROM) + 2
            for index in range(begin, len(words)):
                if words[index].startswith("--"):
                    break
                words[index] = f"--file={words[index]}"
        return super().parse_args(ctx, words)


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The yard's folder; made if need be.")
    ] = Path(),
    kind: Annotated[
        Kind | None, typer.Option(FROM, metavar="KIND [FILE]...", help=f"One of {', '.join(Kind)}.")
    ] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", hidden=True)] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a small yard to begin with, or carry over what another scheduler has. Overwrites nothing."""
    from scheduler_defs.cli.init import yard

    given = [*(file or ())]
    carried = _carried(kind, given) if kind not in (None, Kind.EMPTY) else None
    texts = yard.files(carried.text() if carried else None, kind or "")
    if kind and carried and (directory / yard.imported(kind)).exists():
        raise SignalboxError(
            f"{directory / yard.imported(kind)} is there already: move it away, or init another folder"
        )
    if dry_run:
        made, kept = tuple(directory / name for name in texts), ()
    else:
        try:
            written = yard.write(directory, texts)
        except OSError as error:
            raise SignalboxError(f"{error.filename or directory}: {error.strerror}") from None
        made, kept = written.made, written.kept
    notes = carried.notes if carried else []
    if as_json:
        print_json({"written": list(made), "not_carried_over": notes, "kept": list(kept)})
        return
    for path in made:
        print_line(str(path))
    for path in kept:
        say(f"{path}: there already, left as it is")
    for note in notes:
        say(f"not carried over: {note}")
    if carried:
        locations = carried.more.get("locations")
        say(
            f"{counted(len(locations), 'location')} carried over"
            if locations
            else f"{counted(len(carried.schedules), 'schedule')} carried over"
        )
    say(
        "Next: signalbox check, signalbox up"
        if directory == Path()
        else f"Next: cd {directory}, signalbox check, signalbox up"
    )


init.command_class = FilesAfterKind  # type: ignore[attr-defined] # read where commands are built


def _carried(kind: Kind | None, given: Sequence[Path]) -> Translation:
    from scheduler_defs.cli.init import crontab, cyber_brain, dagster, systemd

    if not given and kind not in (Kind.CRONTAB, Kind.DAGSTER):
        raise UsageError(f"{FROM} {kind} needs a FILE or MODULE")
    match kind:
        case Kind.CRONTAB if not given:
            found = crontab.read(_own_crontab(), "crontab")
        case Kind.CRONTAB:
            path = _one(kind, given)
            of_system = path.parent.name == "cron.d" or path == Path("/etc/crontab")
            found = crontab.read(_text(path), path.name, with_users=of_system)
        case Kind.DAGSTER:
            found = dagster.read(_one(kind, given) if given else Path())
        case Kind.SYSTEMD:
            for path in given:
                _text(path)
            found = systemd.read(given)
        case Kind.CELERY_BEAT:
            from scheduler_defs.cli.init import celery_beat

            found = celery_beat.read(_module(_one(kind, given)))
        case Kind.APSCHEDULER:
            from scheduler_defs.cli.init import apscheduler

            found = apscheduler.read(_module(_one(kind, given)))
        case Kind.AIRFLOW:
            from scheduler_defs.cli.init import airflow
            from scheduler_defs.cli.init.translation import Translation

            found = Translation()
            for path in given:
                airflow.read(_text(path), path.name, found)
        case Kind.KESTRA:
            from scheduler_defs.cli.init import kestra
            from scheduler_defs.cli.init.translation import Translation

            found = Translation()
            for path in given:
                kestra.read(_text(path), path.name, found)
        case Kind.CYBER_BRAIN:
            path = _one(kind, given)
            found = cyber_brain.read(_text(path), path.name)
        case _:
            return _of_tinyscheduler(given)
    found.drop_what_is_faulty()
    return found


def _of_tinyscheduler(given: Sequence[Path]) -> Translation:
    from scheduler_defs.cli.importing.command import read_control
    from scheduler_defs.cli.importing.tinyscheduler import read_env, translate
    from scheduler_defs.cli.init.translation import Translation

    control = next((path for path in given if path.suffix == ".json"), None)
    environment = next((path for path in given if path.suffix != ".json"), None)
    if environment is None:
        raise UsageError(f"{FROM} tinyscheduler needs tinyscheduler.env")
    found = translate(read_env(_text(environment)), read_control(control), set())
    return Translation(more=dict(found.document), notes=list(found.notes))


def _own_crontab() -> str:
    try:
        ended = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    except OSError:
        raise SignalboxError("there is no `crontab` command here; name a file: --from crontab FILE") from None
    if ended.returncode:
        raise SignalboxError(f"crontab -l: {ended.stderr.strip() or 'no crontab'}")
    return ended.stdout


def _module(name: Path) -> ModuleType:
    """Import a module of the user's, from the working folder as well."""
    import importlib

    dotted = str(name).removesuffix(".py").replace("/", ".")
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(dotted)
    except Exception as error:
        raise SignalboxError(f"{name} cannot be imported: {type(error).__name__}: {error}") from None


def _one(kind: Kind, given: Sequence[Path]) -> Path:
    if len(given) != 1:
        raise UsageError(f"{FROM} {kind} takes one FILE or MODULE, not {len(given)}")
    return given[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SignalboxError(f"{path}: not UTF-8") from None
    except OSError as error:
        raise SignalboxError(f"{path}: {error.strerror}") from None
