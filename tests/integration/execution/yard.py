"""A tiny code location: jobs that worker processes execute in the tests of this folder."""

import os
import subprocess
import sys
import time
import uuid
from datetime import timedelta
from pathlib import Path

import dagster as dg

from scheduler_defs.execution.leases.current import allow_grace


class Touch(dg.Config):
    """Where a run leaves its mark: one line per start, with its pid."""

    marks: str = ""


def _mark(config: Touch, text: str) -> None:
    if not config.marks:
        return
    marks, line = Path(config.marks), f"{text} {os.getpid()} {time.time()}\n"
    first = marks.with_name(f"{marks.name}-{uuid.uuid4()}")
    first.write_text(line)
    try:
        marks.hardlink_to(first)  # whoever sees the file sees its first line
    except FileExistsError:
        with marks.open("a") as file:
            file.write(line)
    first.unlink()


@dg.op
def work(config: Touch) -> None:
    _mark(config, "work")


class Talk(dg.Config):
    say: str


@dg.op
def talk(config: Talk) -> None:
    print(config.say)
    print(config.say.upper(), file=sys.stderr)
    subprocess.run(["echo", f"child says {config.say}"], check=True)
    time.sleep(1)


class Nap(Touch):
    seconds: float


@dg.op
def nap(config: Nap) -> None:
    _mark(config, "begin")
    time.sleep(config.seconds)
    _mark(config, "end")


@dg.op
def stubborn(config: Nap) -> None:
    """Does not let itself be interrupted, and allows itself two seconds to clean up."""
    allow_grace(timedelta(seconds=2))
    _mark(config, "begin")
    until = time.monotonic() + config.seconds
    while time.monotonic() < until:
        try:
            time.sleep(0.1)
        except BaseException:
            _mark(config, "interrupted")


@dg.op
def busy(config: Nap) -> None:
    """Holds the interpreter in one call that does not let other threads run."""
    _mark(config, "begin")
    import re

    until = time.monotonic() + config.seconds
    while time.monotonic() < until:
        re.match(r"(a+)+$", "a" * 24 + "b")
    _mark(config, "end")


@dg.op
def fail(config: Touch) -> None:
    _mark(config, "fail")
    raise ValueError("the signal is red")


@dg.op
def exit_hard(config: Touch) -> None:
    _mark(config, "exit")
    os._exit(13)


def _job(op: dg.OpDefinition) -> dg.JobDefinition:
    return dg.GraphDefinition(name=f"{op.name}_job", node_defs=[op]).to_job(name=f"{op.name}_job")


@dg.asset
def counted() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 3})


defs = dg.Definitions(
    assets=[counted],
    jobs=[
        *(_job(op) for op in (work, talk, nap, stubborn, busy, fail, exit_hard)),
        dg.define_asset_job("counted_job", selection=[counted]),
    ],
    executor=dg.in_process_executor,
)
