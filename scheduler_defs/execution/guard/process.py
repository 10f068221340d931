"""The guard: a small process around one external command. Standard library only, run as a file:

    python -I -S process.py FD LABEL

It must start fast and outlive whoever started it, so it imports nothing of Signalbox, and is one file however
long: a Python that is started so finds no neighbour. `guard.py` is its other end. FD is a socket on which it
first gets its orders (four bytes of length, then `marshal`), then lines:

    to the guard    `B <instant>`  the lease now lasts until this instant of CLOCK_BOOTTIME
                    `C`            end the command: SIGTERM now, SIGKILL after the grace
    from the guard  `S <pid>`      the command has started; its pid is also its session and process group
                    `E <stage> <errno>`  it could not be started; stage is `cwd` or `exec`
                    `X <cause> <wait status> <duration> <peak kB> <survivors>`  it has ended

End of file on that socket means that the worker is dead: everything is killed at once, or a second later if
it has been asked to end already.
"""

# The modules behind `ctypes` and `signal`, which take longer to import than everything else here.
import _ctypes
import _signal as signal  # pyright: ignore[reportMissingImports]
import errno
import marshal
import os
import select
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# What SIGKILL does not end waits for a device or a dead file server: nobody can do anything about it.
UNKILLABLE_SECONDS = 30.0
# What is left of the grace of a cancelled command when its worker dies, too: all is over 2 s after that.
ORPHAN_GRACE_SECONDS = 1.0
LINUX = sys.platform.startswith("linux")
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """As `execution.life.clock.now`: a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def prctl(option: int, value: int) -> None:
    """prctl(2); on systems without it, nothing."""
    if LINUX:

        class Int(_ctypes._SimpleCData):
            _type_ = "i"

        class Function(_ctypes.CFuncPtr):
            _flags_ = _ctypes.FUNCFLAG_CDECL
            _restype_ = Int

        program = _ctypes.dlopen(None, 0)  # pyright: ignore[reportArgumentType] - None is the program itself
        Function(_ctypes.dlsym(program, "prctl"))(option, value, 0, 0, 0)


def processes() -> list[tuple[int, int, int]]:
    """(pid, parent's pid, process group) of all processes. Zombies are left out: they are dead already."""
    found: list[tuple[int, int, int]] = []
    if not LINUX:
        with os.popen("ps -axo pid=,ppid=,pgid=,stat=") as listing:  # noqa: S605 - a constant
            for line in listing:
                pid, parent, group, state = line.split()[:4]
                if not state.startswith("Z"):
                    found.append((int(pid), int(parent), int(group)))
        return found
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is not imported here
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb") as stat:  # noqa: PTH123
                    # The second field is the program's name in parentheses, which may hold anything.
                    state, parent, group = stat.read().rpartition(b")")[2].split()[:3]
            except OSError:
                continue
            if state not in (b"Z", b"X"):
                found.append((int(name), int(parent), int(group)))
    return found


def descendants(root: int) -> dict[int, int]:
    """pid -> process group of all living descendants of `root`.

    As a subreaper the guard inherits those whose parents are gone, whatever session they have made.
    """
    children: dict[int, list[tuple[int, int]]] = {}
    for pid, parent, group in processes():
        children.setdefault(parent, []).append((pid, group))
    found: dict[int, int] = {}
    left = [root]
    while left:
        for pid, group in children.get(left.pop(), []):
            found[pid] = group
            left.append(pid)
    return found


def execute(argv: list[bytes], env: dict[bytes, bytes]) -> None:
    """execve(2) of a program that is looked for on the PATH of `env`. Raises OSError."""
    if b"/" in argv[0]:
        os.execve(argv[0], argv, env)  # noqa: S606 - no shell is the rule here
    fault: OSError = FileNotFoundError(errno.ENOENT, "")
    for folder in env.get(b"PATH", os.defpath.encode()).split(b":"):
        try:
            os.execve(os.path.join(folder or b".", argv[0]), argv, env)  # noqa: S606, PTH118
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            fault = error
    raise fault


class Guard:
    """One command, from its start until nothing of it is left."""

    def __init__(self, channel: int, orders: dict) -> None:
        self.channel: int | None = channel
        self.orders = orders
        self.parent = orders["parent"]
        self.began = now()
        self.deadline = None if orders["timeout"] is None else self.began + orders["timeout"]
        self.until = orders["until"]
        self.pid = 0
        self.status: int | None = None  # wait status of the command itself
        self.ended = self.began
        self.peak_kb = 0
        self.cause = ""  # why it is being ended; empty: it runs
        self.kill_at: float | None = None
        self.killed_at: float | None = None
        self.buffer = b""
        self.cancelled = False  # by the worker: it has given the lease back

    def start(self) -> bool:
        """Start the command in its own session. False when it could not be started."""
        told, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.become_command(tell)
        os.close(tell)
        fault = os.read(told, 100)
        os.close(told)
        if fault:
            os.waitpid(self.pid, 0)
            self.send(b"E " + fault)
            return False
        for fd in (1, 2):  # whoever reads the command's output must see its end
            os.dup2(0, fd)
        self.send(b"S %d" % self.pid)
        return True

    def become_command(self, tell: int) -> None:
        """In the child: never returns."""
        stage = b"cwd"
        try:
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self.orders["guard"]:
                os._exit(127)
            signal.set_wakeup_fd(-1)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            if self.orders["cwd"] is not None:
                os.chdir(self.orders["cwd"])
            stage = b"exec"
            execute(self.orders["argv"], self.orders["env"])
        except OSError as error:
            os.write(tell, stage + b" %d" % (error.errno or errno.EIO))
        except BaseException:
            os.write(tell, stage + b" %d" % errno.EINVAL)
        os._exit(127)

    def watch(self, wakeup: int) -> None:
        """Until the command and everything that it has started are gone."""
        while True:
            self.reap()
            if self.is_over():
                return
            self.decide()
            ready = [wakeup] if self.channel is None else [wakeup, self.channel]
            for fd in select.select(ready, [], [], self.pause())[0]:
                if fd == wakeup:
                    self.take_signals(os.read(wakeup, 256))
                elif self.channel is not None:
                    self.take_messages(self.channel)

    def pause(self) -> float:
        """Seconds until something has to be looked at again."""
        if self.killed_at is not None:
            return 0.02
        moment_now = now()
        moments = [moment_now + 1.0, self.kill_at, self.lease_end()]
        if not self.cause:
            moments.append(self.deadline)
        return max(0.0, min(moment for moment in moments if moment is not None) - moment_now)

    def lease_end(self) -> float | None:
        """When the lease counts as lost; None without a lease, or when it no longer matters."""
        return None if self.channel is None or self.cancelled else self.until

    def decide(self) -> None:
        """What the clock and the worker's state ask for."""
        at = now()
        lease_end = self.lease_end()
        if self.killed_at is not None:
            self.kill()
        elif self.channel is not None and os.getppid() != self.parent:
            self.worker_died()
        elif lease_end is not None and at >= lease_end:
            self.kill("fenced")
        elif self.kill_at is not None and at >= self.kill_at:
            self.kill()
        elif not self.cause and self.status is not None:
            self.terminate("exit", self.orders["grace"])
        elif not self.cause and self.deadline is not None and at >= self.deadline:
            self.terminate("timeout", self.orders["timeout_grace"])

    def reap(self) -> None:
        """Collect the dead: the command, and those that were left to the guard."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            # Linux counts in kB, macOS in bytes.
            self.peak_kb = max(self.peak_kb, usage.ru_maxrss if LINUX else usage.ru_maxrss // 1024)
            if pid == self.pid:
                self.status = status
                self.ended = now()

    def is_over(self) -> bool:
        """True when nothing is left, or when what is left cannot be killed."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            if LINUX or not self.has_group():
                return True
        return self.killed_at is not None and now() - self.killed_at > UNKILLABLE_SECONDS

    def has_group(self) -> bool:
        """Whether anybody is left in the command's process group: all that is known without a subreaper."""
        try:
            os.kill(-self.pid, 0)
        except OSError:
            return False
        return True

    def take_signals(self, numbers: bytes) -> None:
        """Somebody asks the guard itself to go, such as an init system that stops everything."""
        if any(number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) for number in numbers):
            self.cancel()

    def take_messages(self, channel: int) -> None:
        """Read what the worker says; its silence for ever is its death."""
        try:
            data = os.read(channel, 4096)
        except OSError:
            data = b""
        if not data:
            self.worker_died()
            return
        lines = (self.buffer + data).split(b"\n")
        self.buffer = lines.pop()
        for line in lines:
            if line.startswith(b"B "):
                self.until = float(line[2:])
            elif line == b"C":
                self.cancelled = True
                self.cancel()

    def cancel(self) -> None:
        """End the command with the whole grace."""
        if not self.cause:
            self.terminate("cancel", self.orders["grace"])

    def worker_died(self) -> None:
        """Nobody owns the command any more, and another worker may start it soon."""
        self.hang_up()
        if self.cancelled and self.kill_at is not None:
            self.kill_at = min(self.kill_at, now() + ORPHAN_GRACE_SECONDS)
        else:
            self.kill("orphaned")

    def hang_up(self) -> None:
        if self.channel is not None:
            os.close(self.channel)
            self.channel = None

    def terminate(self, cause: str, grace: float) -> None:
        """Ask everything to end. What was stopped cannot hear it until it is continued."""
        self.cause = cause
        self.kill_at = now() + grace
        if self.deadline is not None and cause != "exit":  # a deadline holds for a cancelled command, too
            latest = max(self.deadline, now()) + self.orders["timeout_grace"]
            self.kill_at = min(self.kill_at, latest)
        self.signal_all((signal.SIGTERM, signal.SIGCONT))

    def kill(self, cause: str = "") -> None:
        """End everything. Repeated until nothing is left: what was forked meanwhile is found then."""
        if cause and self.cause != "cancel":
            self.cause = cause
        if self.killed_at is None:
            self.killed_at = now()
        self.signal_all((signal.SIGKILL,))

    def signal_all(self, numbers: tuple[int, ...]) -> None:
        found = descendants(self.orders["guard"])
        # A group is signalled at once, so that nobody in it can fork its way out between look and kill.
        groups = {-group for group in found.values()} if signal.SIGKILL in numbers else set()
        if not LINUX or self.status is None:
            groups.add(-self.pid)
        for target in (*groups, *found):
            for number in numbers:
                attempt(os.kill, target, number)

    def report(self) -> None:
        """Tell the worker, if it is still there."""
        survivors = len(descendants(self.orders["guard"])) if self.killed_at is not None else 0
        status = -1 if self.status is None else self.status
        duration = (now() if self.status is None else self.ended) - self.began
        self.send(
            b"X %s %d %.6f %d %d"
            % (self.cause.encode() or b"exit", status, duration, self.peak_kb, survivors)
        )

    def clear(self) -> None:
        """Remove the command's own folder, as soon as the worker has taken what it wants, or is dead."""
        if self.orders["scratch"] is None:
            return
        while not self.cancelled and self.channel is not None and os.getppid() == self.parent:
            if select.select([self.channel], [], [], 1.0)[0] and not os.read(self.channel, 4096):
                break
        remove(self.orders["scratch"])

    def send(self, line: bytes) -> None:
        if self.channel is not None:
            attempt(os.write, self.channel, line + b"\n")


def remove(folder: bytes) -> None:
    """Remove a folder and all that is in it, as far as possible. Links are not followed."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(parent, name)  # noqa: PTH118
            if not os.path.islink(path):  # noqa: PTH114
                attempt(os.chmod, path, 0o700)
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in names + folders:
            path = os.path.join(parent, name)  # noqa: PTH118
            attempt(os.unlink, path)
            attempt(os.rmdir, path)
    attempt(os.rmdir, folder)


def attempt(act, *arguments: object) -> None:
    """Do it if the system lets us."""
    try:  # noqa: SIM105 - contextlib is slow to import
        act(*arguments)
    except OSError:
        pass


def read_exactly(fd: int, size: int) -> bytes:
    """`size` bytes, or an exit: without orders there is nothing to guard."""
    data = b""
    while len(data) < size:
        part = os.read(fd, size - len(data))
        if not part:
            os._exit(1)
        data += part
    return data


def main() -> None:
    """Take the orders, guard, report."""
    channel = int(sys.argv[1])
    os.set_inheritable(channel, False)
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD"):
        signal.signal(getattr(signal, name), lambda *_: None)
    orders = marshal.loads(read_exactly(channel, int.from_bytes(read_exactly(channel, 4), "big")))  # noqa: S302
    orders["guard"] = os.getpid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard = Guard(channel, orders)
    if guard.start():
        guard.watch(wakeup)
        guard.report()
    guard.clear()
    os._exit(0)


if __name__ == "__main__":
    main()
