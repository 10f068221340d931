"""A line between processes: when the one that holds it has died, the kernel kills the groups that hang on it.

By the time that anybody can learn of the death (wait(2), a closed socket) they have been sent SIGKILL: nobody
has to be scheduled, or to be well, to do it. PR_SET_PDEATHSIG does that for a process' own children only.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal


class Lifeline:
    """Made by its holder. A process that is forked from the holder lets go, and may hang on. Linux only.

    Elsewhere nothing hangs on anything.
    """

    def __init__(self) -> None:
        self._end, self._held = os.pipe()

    def let_go(self) -> None:
        """In a process that is forked from the holder: it holds nothing."""
        os.close(self._held)

    def hang_on(self) -> None:
        """The process group of this process dies with the holder: now, when that has died already."""
        if not hasattr(fcntl, "F_SETSIG"):
            return
        # Opened anew: whom to signal belongs to what was opened, which others have inherited as well.
        end = os.open(f"/proc/self/fd/{self._end}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(end, fcntl.F_SETOWN, -os.getpgid(0))
        fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
        poll = select.poll()
        poll.register(self._end, 0)
        if poll.poll(0):
            os.kill(os.getpid(), signal.SIGKILL)

    def cut(self) -> None:
        """By its holder, when nothing hangs on it any more."""
        self.let_go()
        os.close(self._end)
