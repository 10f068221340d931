"""Processes forked by the parent, with real ones: it imports nothing here, and so is there at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scheduler_defs.errors import NotReachableError
from scheduler_defs.settings import INSTALLATION
from scheduler_defs.stack.components.component import Component, StopPhase
from scheduler_defs.stack.forking import asking, marks
from scheduler_defs.stack.forking.asking import Forked, Forks
from scheduler_defs.stack.forking.messages import Order
from scheduler_defs.stack.machine import processes
from scheduler_defs.stack.machine.backoff import Backoff
from scheduler_defs.stack.machine.environment import COMPONENT, STACK_ID
from scheduler_defs.stack.machine.record import State
from scheduler_defs.stack.supervising.minder import Minder, StackContext

DEADLINE_SECONDS = 30.0
PARENT = """
import http, json, sys
from scheduler_defs.stack.forking import __main__ as program, modules
modules.load = lambda **_: {sys.argv[3]: modules._stamp(sys.argv[3])}
program.main()
"""
PROGRAM = """
import os, signal, sys, time
how = "forked" if "scheduler_defs.stack.forking" in sys.modules else "started"
print(sys.argv[1:], __name__, os.environ.get("GIVEN"), os.getcwd(), os.getsid(0) == os.getpid(), how, flush=True)
if sys.argv[1] == "end":
    sys.exit(int(sys.argv[2]))
time.sleep(600)
"""


class Yard:
    """A parent, and the folder in which the program lies that it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = f"forking-{os.getpid()}-{time.monotonic_ns()}"
        self.watched = folder / "watched.py"
        self.watched.write_text("")
        (folder / "forked_program.py").write_text(PROGRAM)
        self.socket = folder / "parent"
        room = (str(self.socket), marks.RESERVED_ARGUMENT, str(self.watched))
        paths = os.pathsep.join([str(folder), str(INSTALLATION)])
        self.variables = {**os.environ, "PYTHONPATH": paths, STACK_ID: self.id}
        mark = {COMPONENT: marks.reserved_name("parent")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, *room], env=self.variables | mark, start_new_session=True
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            asking.ping(self.socket)
        except NotReachableError:
            return False
        return True

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        processes.end(processes.marked(self.id), signal.SIGKILL, grace_seconds=2)

    async def fork(self, *words: str, component: str = "worker-runs", **more: str) -> Forked | None:
        variables = {**self.variables, COMPONENT: component, **more}
        order = Order(
            ("forked_program", *words), variables, str(self.folder), signal.SIGTERM, component, os.getpid()
        )
        with (self.folder / "log").open("ab") as log:
            return await Forks(self.socket, lambda: False).start(order, log.fileno())

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    try:
        yield made
    finally:
        made.end()


def story(told: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(told(), DEADLINE_SECONDS)

    asyncio.run(limited())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def test_when_a_process_is_forked_then_it_is_the_asker_s_child_with_its_environment_and_its_end_is_told(
    yard: Yard,
) -> None:
    async def told() -> None:
        forked = await yard.fork("end", "7", GIVEN="word")
        assert forked is not None
        assert await forked.wait() == 7
        assert yard.said.strip() == f"['end', '7'] __main__ word {yard.folder} True forked"

    story(told)


def test_given_a_project_with_modules_of_its_own_then_those_are_imported_and_not_the_parents(
    yard: Yard,
) -> None:
    """The parent has imported `http` and `scheduler_defs`, as a fresh Python could have from elsewhere."""
    project = yard.folder / "project"
    (project / "http").mkdir(parents=True)
    (project / "json").mkdir()  # without a module in it, it is no package that comes before an installed one
    (project / "http" / "__init__.py").write_text("whose = 'theirs'")
    (project / "beside.py").write_text("word = 'beside'")
    (project / "of_a_location.py").write_text(
        "import beside, http, json, sys\nprint(http.whose, beside.word, json.dumps(sys.argv[1:]), flush=True)"
    )

    async def told() -> None:
        order = Order(
            *(("of_a_location", "word"), {**yard.variables, COMPONENT: "location-ml.1"}, str(project)),
            *(signal.SIGTERM, "location-ml.1", os.getpid(), True),
        )
        with (yard.folder / "log").open("ab") as log:
            forked = await Forks(yard.socket, lambda: False).start(order, log.fileno())
        assert forked is not None
        assert await forked.wait() == 0
        assert yard.said.strip() == 'theirs beside ["word"]'

    story(told)


def test_given_a_forked_process_then_it_is_found_by_its_own_mark_and_command_line(yard: Yard) -> None:
    async def told() -> None:
        forked = await yard.fork("stay", component="worker-agents-2")
        assert forked is not None
        process = psutil.Process(forked.pid)
        assert process.ppid() == os.getpid()
        assert process.cmdline() == [sys.executable, "-P", "-m", "forked_program", "stay"]
        assert [each.pid for each in processes.marked(yard.id, "worker-agents-2")] == [forked.pid]
        assert [each.pid for each in processes.marked(yard.id, "parent")] == [yard.process.pid]
        forked.send_signal(signal.SIGTERM)
        assert await forked.wait() == -signal.SIGTERM
        assert processes.marked(yard.id, "worker-agents-2") == []

    story(told)


def test_when_two_parents_are_asked_at_once_then_the_first_answer_takes_nothing_from_the_second(
    yard: Yard, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Yard(tmp_path_factory.mktemp("other"))

    async def told() -> None:
        other.process.send_signal(signal.SIGSTOP)
        late = asyncio.create_task(other.fork("end", "4"))
        await asyncio.sleep(0.2)
        early = await yard.fork("end", "3")
        other.process.send_signal(signal.SIGCONT)
        forked = await late
        assert early is not None and forked is not None
        assert (await early.wait(), await forked.wait()) == (3, 4)

    try:
        story(told)
    finally:
        other.end()


def test_given_a_killed_parent_then_what_it_has_forked_goes_on_and_nothing_more_is_forked(yard: Yard) -> None:
    async def told() -> None:
        forked = await yard.fork("stay")
        assert forked is not None
        yard.process.kill()
        yard.process.wait()
        assert await yard.fork("stay") is None
        assert psutil.Process(forked.pid).status() != psutil.STATUS_ZOMBIE
        forked.kill()
        assert await forked.wait() == -signal.SIGKILL

    story(told)


def test_given_a_frozen_parent_when_nobody_waits_any_more_then_what_it_forks_later_ends(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told() -> None:
        monkeypatch.setattr(asking, "_ANSWERED_SECONDS", 0.2)
        before = set(psutil.Process().children(recursive=True))
        yard.process.send_signal(signal.SIGSTOP)
        assert await yard.fork("stay") is None
        yard.process.send_signal(signal.SIGCONT)
        await until(yard.answers)
        await until(lambda: len(processes.marked(yard.id)) == 1)
        assert not (yard.folder / "log").read_text(), "nothing of the program was run"
        left = set(psutil.Process().children(recursive=True)) - before
        assert not left, "nor is anything left of it"

    story(told)


def test_given_files_that_have_changed_since_they_were_imported_then_the_parent_ends_and_forks_nothing(
    yard: Yard,
) -> None:
    async def told() -> None:
        yard.watched.write_text("changed = True")
        assert await yard.fork("stay") is None
        assert yard.process.wait(DEADLINE_SECONDS) == 0
        assert processes.marked(yard.id) == []

    story(told)


SUPERVISOR = """
import asyncio, os, signal, subprocess, sys
from pathlib import Path
from scheduler_defs.stack.forking.asking import Forks
from scheduler_defs.stack.forking.messages import Order

async def main():
    argv = [sys.executable, "-c", *sys.argv[1:]]
    quiet = subprocess.DEVNULL
    parent = subprocess.Popen(argv, stdout=quiet, stderr=quiet, start_new_session=True)
    words, folder = ("forked_program", "stay"), os.getcwd()
    order = Order(words, dict(os.environ), folder, signal.SIGKILL, "x", os.getpid())
    forked = await Forks(Path(sys.argv[2]), lambda: parent.poll() is None).start(order, 2)
    print(forked.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_given_a_supervisor_that_is_killed_then_what_was_forked_for_it_dies_with_it(yard: Yard) -> None:
    room = (str(yard.folder / "second"), marks.RESERVED_ARGUMENT, str(yard.watched))
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, PARENT, *room],
        env={**yard.variables, COMPONENT: marks.reserved_name("parent")},
        cwd=yard.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == -signal.SIGKILL
    (pid,) = [int(line) for line in done.stdout.splitlines() if line.isdigit()]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_given_a_component_whose_name_has_no_room_then_it_is_not_forked_and_nothing_is_left(
    yard: Yard,
) -> None:
    async def told() -> None:
        assert await yard.fork("stay", component="long" * marks.LONGEST_NAME) is None
        forked = await yard.fork("end", "0")
        assert forked is not None and await forked.wait() == 0
        assert [each.pid for each in processes.marked(yard.id)] == [yard.process.pid]

    story(told)


def test_given_a_forked_component_when_it_and_then_its_parent_are_killed_then_it_comes_back_each_time(
    yard: Yard,
) -> None:
    log = yard.folder / "worker-runs.log"

    def said(lines: int) -> bool:
        return len(log.read_text().splitlines()) == lines

    async def told() -> None:
        ready = {"worker-runs": asyncio.Event()}
        forks = Forks(yard.socket, lambda: False)
        context = StackContext(
            yard.id, yard.variables, yard.folder, ready, lambda: None, lambda *_: "", forks=forks
        )
        argv = (sys.executable, "-P", "-m", "forked_program", "stay")
        component = Component(
            "worker-runs", argv, (), "", StopPhase.USERS, cwd=yard.folder, forked=True, backoff=Backoff(0.05)
        )
        minder = Minder(component, context)
        minding = asyncio.create_task(minder.mind())
        await until(lambda: minder.state is State.HEALTHY)
        first = psutil.Process(minder.record().pid)
        assert first.cmdline()[1:] == list(argv[1:])
        await until(lambda: said(1))
        first.kill()
        await until(lambda: minder.restarts == 1 and minder.state is State.HEALTHY)
        second = psutil.Process(minder.record().pid)
        assert second.ppid() == os.getpid()
        await until(lambda: said(2))
        yard.process.kill()
        yard.process.wait()
        second.kill()
        await until(lambda: minder.restarts == 2 and minder.state is State.HEALTHY)
        third = psutil.Process(minder.record().pid)
        assert third.cmdline()[1:] == list(argv[1:])
        await until(lambda: said(3))
        await minder.stop(5)
        await minding
        assert not psutil.pid_exists(third.pid)
        ways = [line.split()[-1] for line in log.read_text().splitlines()]
        assert ways == ["forked", "forked", "started"]

    story(told)
