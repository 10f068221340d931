"""`python -m scheduler_defs.stack.forking SOCKET ROOM`: a parent of the stack's Python processes."""

from __future__ import annotations

import gc
import os
import socket
import sys
from pathlib import Path

from scheduler_defs.stack.forking import born, marks, modules
from scheduler_defs.stack.forking.messages import READY, Order, receive
from scheduler_defs.stack.forking.place import OF_WORKERS

_SECONDS_TO_SAY_IT = 5.0


def main() -> None:
    """Import, listen and fork until the supervisor ends; in what was forked, run what was asked for."""
    path = Path(sys.argv[1])
    marks.show_command((sys.executable, "-P", "-m", "scheduler_defs.stack.forking", str(path)))
    marks.show_component(path.name)
    stamps = modules.load(definitions=path.name == OF_WORKERS)
    # What is there now is not garbage: collecting it would give each process a copy of all these pages.
    gc.collect()
    gc.freeze()
    gc.disable()
    with socket.socket(socket.AF_UNIX) as listening:
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen()
        order = _serve(listening, stamps)
    if order is not None:
        born.run(order)


def _serve(listening: socket.socket, stamps: modules.Stamps) -> Order | None:
    """Fork what is asked for. Returns an order in the process that is to carry it out.

    Returns None in the parent, once files that it has imported have changed: another one is to be started.
    """
    while True:
        connection, _ = listening.accept()
        connection.settimeout(_SECONDS_TO_SAY_IT)
        try:
            asked = receive(connection)
            if asked is None:
                connection.sendall(READY)
                connection.close()
                continue
        except (OSError, ValueError):
            connection.close()
            continue
        order, log = asked
        if _have_changed(stamps):
            sys.stderr.write("files have changed since they were imported: they are imported anew\n")
            return None
        between = os.fork()
        if between == 0:
            if os.fork() != 0:
                os._exit(0)
            listening.close()
            born.settle(connection, order, log)
            return order
        connection.close()
        os.close(log)
        os.waitpid(between, 0)


def _have_changed(stamps: modules.Stamps) -> bool:
    """Asked in a process of its own: whoever looks at the stamps writes to the pages that all share."""
    looking = os.fork()
    if looking == 0:
        os._exit(modules.have_changed(stamps))
    return os.waitpid(looking, 0)[1] != 0


if __name__ == "__main__":
    main()
