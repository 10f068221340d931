"""Accepted work lands in order, is checked once more on the base, or goes back; a crash leaves before or after."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from scheduler_defs import database
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.landing import landings
from scheduler_defs.agents.landing.lander import Lander
from scheduler_defs.agents.landing.landings import LandingEnding
from scheduler_defs.agents.pool.assignments import AssignmentEnding, of_task
from scheduler_defs.agents.questions.inbox import Question
from scheduler_defs.agents.task_queue.objects import task_object
from scheduler_defs.agents.workspaces.mirror import Mirror
from scheduler_defs.explaining.tasks import explain_task
from tests.unit.agents.desk import Desk, write
from tests.unit.agents.desk import desk as desk
from tests.unit.agents.repository import Repository
from tests.unit.agents.yard import now
from tests.unit.task_queue.asking import comments

pytestmark = pytest.mark.parametrize("queue", ["postgres"], indirect=True)


def land(desk: Desk) -> dg.DagsterRun:
    return desk.bench.land(str(desk.repository.path))


def landing(desk: Desk, id: int) -> landings.Landing:
    with database.engine().connect() as connection:
        return landings.of_task(connection, "postgres", id)[-1]


def asked(desk: Desk, at: Any = None) -> list[landings.Wanted]:
    with database.engine().begin() as connection:
        return landings.ask(connection, at or now())


@pytest.mark.parametrize("way", ["rebase", "merge"])
def test_given_accepted_work_then_it_waits_without_a_slot_and_lands_in_order_on_the_newest_base(
    desk: Desk, way: str
) -> None:
    desk.declare(landing=way, accept=[["test", "-e", "README"]])
    ids = [desk.add(write(name, name), title=name) for name in ("a", "b", "c")]
    dependent = desk.add(write("d", "d"), blocked_by=(ids[0],), priority=-1)
    for _ in ids:
        desk.bench.run()
    assert {desk.bench.queue.get(id).status for id in ids} == {TaskStatus.WORKING}
    assert desk.bench.queue.get(dependent).blocked, "a blocker counts as done when it has landed"
    assert desk.bench.live() == [], "no slot waits for the landing"
    assert desk.bench.look().healed == (), "nor is it taken for lost"
    desk.repository.commit("by-hand", "x", "meanwhile")
    assert [wanted.repository for wanted in asked(desk)] == [str(desk.repository.path)]
    assert asked(desk) == [], "once in a while"
    assert land(desk).status is dg.DagsterRunStatus.SUCCESS
    desk.done(*ids)
    assert desk.repository.files().keys() == {"README", "a", "b", "c", "by-hand"}
    assert desk.repository.git("status", "--porcelain") == "", "a checked out base moves with its files"
    order = [subject for subject in desk.repository.subjects() if subject in ("a", "b", "c")]
    assert order == ["a", "b", "c"]
    merges = desk.repository.git("rev-list", "--merges", "main").splitlines()
    assert len(merges) == (3 if way == "merge" else 0)
    with database.engine().connect() as connection:
        (run,) = of_task(connection, "postgres", ids[0])
    assert run["ending"] == AssignmentEnding.LANDING
    assert f"landed on main as {landing(desk, ids[0]).result[:12]}" in comments(desk.bench.queue, ids[0])[-1]  # pyright: ignore[reportOptionalSubscript]
    desk.bench.run()
    note = desk.notes()[-1]
    assert note["files"] == ["README", "a", "b", "by-hand", "c"], "dependents begin on the landed base"


def test_given_a_conflict_then_the_task_goes_back_with_it_and_the_next_attempt_lands(desk: Desk) -> None:
    desk.declare(landing="rebase")
    first = desk.add(write("same", "1"))
    mends = "import subprocess\nif task['rejections']:\n    subprocess.run(['git', 'reset', '-q', '--hard', 'origin/main'])\n"
    second = desk.add(mends + write("same", "2"))
    third = desk.add(write("other", "3"))
    for _ in range(3):
        desk.bench.run()
    assert land(desk).status is dg.DagsterRunStatus.SUCCESS
    desk.done(first, third)
    task = desk.bench.queue.get(second)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 1)
    assert "not landed: conflicts with main at" in comments(desk.bench.queue, second)[-1]
    assert landing(desk, second).ending == LandingEnding.REFUSED
    desk.bench.run()
    (said,) = desk.notes()[-1]["rejections"]
    assert "in same" in said and "origin/main" in said
    land(desk)
    desk.done(second)
    assert desk.repository.files()["same"] == "2"


def test_given_work_that_fails_on_top_of_the_others_then_it_goes_back_and_the_base_stays_good(
    desk: Desk,
) -> None:
    check = ["sh", "-c", "test ! -e a -o ! -e b || { echo a and b together; exit 1; }"]
    desk.declare(landing="merge", accept=[check])
    first, second = desk.add(write("a", "")), desk.add(write("b", ""))
    desk.bench.run()
    desk.bench.run()
    land(desk)
    desk.done(first)
    assert desk.bench.queue.get(second).status is TaskStatus.IDLE
    assert "a and b together" in comments(desk.bench.queue, second)[-1]
    assert "b" not in desk.repository.files()


def test_given_a_task_that_was_taken_back_then_its_work_does_not_land(desk: Desk) -> None:
    desk.declare(landing="rebase")
    one, two = desk.add(write("a", "")), desk.add(write("b", ""))
    desk.bench.run()
    desk.bench.run()
    desk.bench.queue.cancel(one, reason="not wanted", author="ann")
    land(desk)
    desk.done(two)
    assert landing(desk, one).ending == LandingEnding.WITHDRAWN
    assert desk.repository.files().keys() == {"README", "b"}


def test_given_a_base_that_cannot_be_moved_then_all_wait_and_it_is_said_why_and_tried_again(
    desk: Desk,
) -> None:
    desk.declare(landing="rebase")
    id = desk.add(write("README", "changed"))
    desk.bench.run()
    (desk.repository.path / "README").write_text("edited by hand, not committed")
    run = land(desk)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert desk.bench.queue.get(id).status is TaskStatus.WORKING
    assert "git push" in (landing(desk, id).detail or "")
    why = explain_task(task_object(desk.bench.queue.get(id)), None, [], [], landing(desk, id).document())
    assert why.because[0].code == "lands"
    assert "waits for its turn to land on main; the last try: git push" in why.because[0].text
    assert desk.repository.files()["README"] == "hello"
    desk.repository.git("checkout", "README")
    assert land(desk).status is dg.DagsterRunStatus.SUCCESS
    desk.done(id)


class Killed(BaseException):
    """The lander dies here."""


@pytest.mark.parametrize("moment", ["before the push", "after the push", "before the end", "in the worktree"])
def test_given_a_lander_killed_at_any_moment_then_the_base_is_before_or_after_and_the_work_lands_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    desk.declare(landing="merge", accept=[["true"]])
    ids = [desk.add(write(name, "")) for name in ("a", "b")]
    desk.bench.run()
    desk.bench.run()
    before = desk.repository.git("rev-parse", "main")
    push = Mirror.push

    def die(*_: Any, **__: Any) -> Any:
        raise Killed

    def push_and_die(self: Mirror, commit: str, branch: str) -> None:
        push(self, commit, branch)
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "before the push":
            patch.setattr(Mirror, "push", die)
        elif moment == "after the push":
            patch.setattr(Mirror, "push", push_and_die)
        elif moment == "before the end":
            patch.setattr(Lander, "_end", die)
        else:
            patch.setattr("scheduler_defs.agents.landing.carrying_out.Ground.check", die)
        assert land(desk).status is dg.DagsterRunStatus.FAILURE
    moved = desk.repository.git("rev-parse", "main") != before
    assert moved is (moment in ("after the push", "before the end"))
    ground = desk.bench.folder / "state" / "workspaces"
    for path in ground.glob("*/landing"):
        (path / "rubbish").write_text("left by the killed one")
        git_folder = path / ".git"
        assert git_folder.is_file()
        real = git_folder.read_text().removeprefix("gitdir: ").strip()
        (type(path)(real) / "index.lock").touch()
    assert land(desk).status is dg.DagsterRunStatus.SUCCESS
    desk.done(*ids)
    assert desk.repository.files().keys() == {"README", "a", "b"}
    assert len(desk.repository.git("rev-list", "--merges", "main").splitlines()) == 2
    assert desk.bench.live() == []


def test_given_somebody_who_lands_already_then_a_second_one_does_nothing(desk: Desk) -> None:
    desk.declare(landing="rebase")
    id = desk.add(write("a", ""))
    desk.bench.run()
    with database.engine().connect() as other:
        assert landings.lock(other, str(desk.repository.path))
        assert asked(desk) == [], "nobody is asked while one lands"
        assert land(desk).status is dg.DagsterRunStatus.SUCCESS
        assert desk.bench.queue.get(id).status is TaskStatus.WORKING
        other.invalidate()
    land(desk)
    desk.done(id)


def test_given_a_base_that_moves_while_the_work_is_checked_then_it_is_put_together_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.declare(landing="rebase")
    id = desk.add(write("a", ""))
    desk.bench.run()
    push, moved = Mirror.push, []

    def too_late(self: Mirror, commit: str, branch: str) -> None:
        if not moved:
            moved.append(desk.repository.commit("faster", ""))
        push(self, commit, branch)

    monkeypatch.setattr(Mirror, "push", too_late)
    assert land(desk).status is dg.DagsterRunStatus.SUCCESS
    desk.done(id)
    assert desk.repository.files().keys() == {"README", "a", "faster"}


def test_given_twenty_tasks_finished_at_once_then_they_land_in_order(desk: Desk) -> None:
    origin = Repository(desk.bench.folder / "origin.git", bare=True)
    desk.repository.git("push", "--quiet", str(origin.path), "main")
    desk.repository = origin
    desk.declare(landing="rebase")
    ids = [desk.add(write(f"f{n}", str(n)), title=f"task {n}") for n in range(20)]
    for _ in ids:
        desk.bench.run()
    land(desk)
    desk.done(*ids)
    assert origin.subjects() == ["by hand", *(f"task {n}" for n in range(20))]


def test_given_nothing_changed_then_there_is_nothing_to_land_and_the_task_is_done(desk: Desk) -> None:
    desk.declare(landing="rebase")
    id = desk.add("pass")
    desk.bench.run()
    desk.done(id)


def test_given_pull_requests_then_the_branch_is_pushed_and_a_text_is_ready(desk: Desk) -> None:
    desk.declare(landing="pull-request", accept=[["true"]])
    id = desk.add(write("a", ""), title="Add a", description="It is needed.")
    run = desk.bench.run()
    desk.done(id)
    assert desk.repository.branches() == {"main", f"task/{id}"}
    text = (desk.bench.folder / "state" / "artifacts" / run.run_id / "pull-request.md").read_text()
    for part in ("# Add a", f"`task/{id}` -> `main`: 1 file changed", "It is needed.", "- Add a", "- `true`"):
        assert part in text


def test_given_a_question_after_a_refused_landing_then_its_answer_is_what_the_session_hears(
    desk: Desk,
) -> None:
    from scheduler_defs.agents.working.history import History

    asked = Question(
        1, "question", "task:1", "which?", {"session": "s-2"}, "vaela", now(), "blue", "ann", now(), now()
    )
    assert History(questions=(asked,), rejections=("refused",)).goes_on("vaela") == ("s-2", "blue")
    assert History(rejections=("refused",), session="s-1").goes_on("vaela") == ("s-1", "refused")
    assert History(rejections=("refused",)).goes_on("vaela") is None
