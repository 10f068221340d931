"""The options that hold for every command: which declarations, and which state."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scheduler_defs import settings

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="DIR", help=f"Folder of the declarations (also {settings.CONFIG})."),
]
StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help=f"Folder of all state (also {settings.STATE}).")
]
GLOBAL_OPTIONS = ("--config", "--state")


def choose_folders(config: Path | None, state: Path | None) -> None:
    """Make `--config` and `--state` count for this process and all that it starts."""
    if config is not None:
        os.environ[settings.CONFIG] = str(settings.followed(config))
    if state is not None:
        os.environ[settings.STATE] = str(state.resolve())


def global_options_first(argv: list[str]) -> list[str]:
    """`--config` and `--state` mean the same before and after the subcommand."""
    hoisted: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in GLOBAL_OPTIONS:
            hoisted += [word, *(value for _, value in zip(range(1), words, strict=False))]
        elif word.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            hoisted.append(word)
        else:
            rest.append(word)
    return hoisted + rest
