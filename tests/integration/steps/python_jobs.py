"""Python jobs as somebody writes them who has a process to himself."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import dagster as dg
import psutil

from tests.integration.steps.jobs import note

_held: list[bytes] = []


@dg.op
def soils() -> None:
    """Changes whatever of its process one can change."""
    os.chdir("/")
    os.environ["LEFT_BEHIND"] = "yes"
    os.umask(0)
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    sys.setrecursionlimit(400)
    sys.path.insert(0, "/left/behind")
    socket.setdefaulttimeout(0.25)
    gc.disable()
    logging.disable(logging.CRITICAL)
    threading.Thread(target=time.sleep, args=(600,), daemon=True, name="left-behind").start()
    _held.append(b"x" * 300_000_000)


@dg.op
def looks() -> None:
    """Notes what it finds of its process."""
    umask = os.umask(0o077)
    os.umask(umask)
    found = {
        "folder": os.getcwd(),  # noqa: PTH109
        "variable": os.environ.get("LEFT_BEHIND"),
        "umask": umask,
        "niceness": os.nice(0),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "recursion": sys.getrecursionlimit(),
        "path": sys.path[0],
        "timeout": socket.getdefaulttimeout(),
        "gc": gc.isenabled(),
        "logging": logging.root.manager.disable,
        "threads": [each.name for each in threading.enumerate() if each.name == "left-behind"],
        "large": psutil.Process().memory_info().rss > 400_000_000,
        "group": os.getpgid(0) == os.getpid(),
    }
    note(json.dumps(found, separators=(",", ":"), sort_keys=True))


def square(number: int) -> int:
    """Where everybody can import it."""
    return number * number


@dg.op
def multiplies() -> None:
    """Starts processes, as data loaders and joblib do."""
    with multiprocessing.Pool(2) as pool:
        first = pool.map(square, [1, 2, 3])
    with ProcessPoolExecutor(2) as executor:
        second = list(executor.map(square, [4]))
    note(f"squares {first + second}")


@dg.op(config_schema={"then": str})
def leaves_children(context) -> None:  # Dagster reads the annotation, and not as a string
    """Starts two processes in the background, one in a session of its own, and does not wait for them."""
    children = [
        subprocess.Popen(["sleep", "300"]),
        subprocess.Popen(["sleep", "300"], start_new_session=True),
    ]
    note(f"children {','.join(str(child.pid) for child in children)}")
    match context.op_config["then"]:
        case "fails":
            raise RuntimeError("after it has started them")
        case "waits":
            children[0].wait()
        case "is killed":
            os.kill(os.getpid(), 9)
        case _:
            pass


@dg.job(executor_def=dg.in_process_executor)
def soiling() -> None:
    soils()


@dg.job(executor_def=dg.in_process_executor)
def looking() -> None:
    looks()


@dg.job
def multiplying() -> None:
    multiplies()


@dg.job(config={"ops": {"leaves_children": {"config": {"then": "ends"}}}})
def leaving() -> None:
    leaves_children()


@dg.job(config={"ops": {"leaves_children": {"config": {"then": "fails"}}}})
def leaving_and_failing() -> None:
    leaves_children()


@dg.job(config={"ops": {"leaves_children": {"config": {"then": "waits"}}}})
def leaving_and_waiting() -> None:
    leaves_children()


@dg.job(config={"ops": {"leaves_children": {"config": {"then": "is killed"}}}})
def leaving_and_killed() -> None:
    leaves_children()
