"""In the process that was forked: become what was asked for."""

from __future__ import annotations

import contextlib
import gc
import os
import runpy
import socket
import sys
import time
from pathlib import Path

from scheduler_defs.stack.forking import marks
from scheduler_defs.stack.forking.messages import GO, SETTLED, Order
from scheduler_defs.stack.machine.spawning import die_with

_LONGEST_SECONDS = 10.0


def settle(connection: socket.socket, order: Order, log: int) -> None:
    """Be a child of the supervisor, in a session of its own, with the order's log, folder and environment.

    Ends the process when the supervisor is gone, or does not wait for it any more.
    """
    deadline = time.monotonic() + _LONGEST_SECONDS
    while os.getppid() != order.supervisor:
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(0.001)
    try:
        _talk(connection, order)
    except OSError:
        os._exit(1)
    marks.show_command((sys.executable, *(() if order.imports_here else ("-P",)), "-m", *order.words))
    marks.show_component(order.component)
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)
    for name in os.environ.keys() - order.variables.keys():
        del os.environ[name]
    for name, value in order.variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    os.chdir(order.folder)
    with contextlib.suppress(OSError), connection:
        connection.sendall(SETTLED)


def _talk(connection: socket.socket, order: Order) -> None:
    """Say who this is, and wait to be told to go on: who does not wait any more has started another one."""
    die_with(order.supervisor, order.death_signal)
    os.setsid()
    connection.settimeout(_LONGEST_SECONDS)
    connection.sendall(b"%d\n" % os.getpid())
    if connection.recv(len(GO)) != GO:
        os._exit(1)


def run(order: Order) -> None:
    """As `python -m` does it. Returns, or raises SystemExit, when the program has ended."""
    gc.enable()
    if order.imports_here:
        import_from(Path(order.folder))
    module, *arguments = order.words
    sys.argv[1:] = arguments
    found = sys.modules.get(module)
    if found is not None and not hasattr(found, "__path__"):
        # What is run is not what others import.
        del sys.modules[module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def import_from(folder: Path) -> None:
    """Have modules of the folder imported first, also in the place of those that the parent has imported."""
    its_own = {
        each.stem for each in folder.iterdir() if each.suffix == ".py" or (each / "__init__.py").exists()
    }
    for name in [name for name in sys.modules if name.partition(".")[0] in its_own]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
