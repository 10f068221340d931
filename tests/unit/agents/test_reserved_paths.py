"""Tasks that reserve paths: passes and claims keep them apart, and nobody is hidden behind those that wait."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
import sqlalchemy as sa

from scheduler_defs.acting.agent_queues import claims
from scheduler_defs.acting.place import Place
from scheduler_defs.agents.deciding import Ending, Policy
from scheduler_defs.agents.deciding.matching.reservations import Hidden
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.assignments import AssignmentEnding
from scheduler_defs.agents.pool.passes import preview
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges, read_new_task
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.agents.task_queue.protocol import NotNeededError
from scheduler_defs.declarations.models.agents import Workspace
from scheduler_defs.errors import SignalboxError
from tests.unit.agents.yard import Yard, agent, declared, now, placed
from tests.unit.task_queue.asking import add


@pytest.fixture
def yard(queue_engine: sa.Engine, postgres_queue: PostgresTaskQueue) -> Yard:
    return Yard(queue_engine, postgres_queue, declared(agent("vaela", 3)))


def why(yard: Yard, task: int, queue: str = "dev") -> str:
    seen = preview(yard.engine, yard.queue, yard.declarations, queue, runs=yard.runs, now=now())
    return next(each.reason for each in seen.decided.waiting if each.task == task)


def test_given_two_tasks_for_the_same_files_then_the_second_waits_until_the_first_has_ended(
    yard: Yard,
) -> None:
    first = add(yard.queue, paths=("src/api/**",))
    second = add(yard.queue, paths=("src/api/users.py", "docs/users.md"))
    third = add(yard.queue, paths=("docs/index.md",))
    (request, other) = yard.look().requests
    assert [request.task_id, other.task_id] == [first, third]
    assert why(yard, second) == f"waits for path src/api/users.py (task {first} has src/api/**)"
    yard.begin(request, "run-1")
    assert yard.look().requests == ()
    yard.queue.settle(first, yard.request(request, "run-1"), Ending.SUCCESS, now=now())
    with yard.engine.begin() as connection:
        assignments.end(connection, request.run_key, AssignmentEnding.COMPLETE, now())
    assert placed(yard.look()) == [(second, "vaela")]


def test_given_accepted_work_that_waits_to_land_then_its_paths_are_still_taken(yard: Yard) -> None:
    first, second = add(yard.queue, paths=("a",)), add(yard.queue, paths=("a/b",))
    (request,) = yard.look().requests
    yard.begin(request, "run-1")
    with yard.engine.begin() as connection:
        assignments.end(connection, request.run_key, AssignmentEnding.LANDING, now())
    assert yard.live() == []
    assert yard.look().requests == ()
    assert why(yard, second) == f"waits for path a/b (task {first} has a)"


@pytest.mark.parametrize("way", ["same glob", "files in a folder", "globs that only overlap"])
def test_given_more_waiting_tasks_than_slots_then_those_behind_them_are_still_found(
    yard: Yard, way: str
) -> None:
    wanted = {
        "same glob": lambda n: "src/**",
        "files in a folder": lambda n: f"src/{n}.py",
        "globs that only overlap": lambda n: f"s*{n}",
    }[way]
    holder = add(yard.queue, paths=("src/**",) if way != "globs that only overlap" else ("*c*",))
    yard.queue.add([NewTask(title=str(n), queue="dev", paths=(wanted(n),)) for n in range(40)])
    free = [add(yard.queue, paths=(f"lib/{n}",)) for n in range(2)]
    assert placed(yard.look()) == [(id, "vaela") for id in (holder, *free)]


def test_given_what_is_passed_over_then_the_database_reads_the_pattern_as_we_do(yard: Yard) -> None:
    draw = random.Random(5)

    def glob() -> str:
        names = ["a", "ab", "a.b", "*", "*b", "a?", "**", "[x]", "c d", "é", "a+b", "(a)", "$", "a-b", "b\\d"]
        return "/".join(draw.choice(names) for _ in range(draw.randint(1, 3)))

    tasks = {id: path for path in {glob() for _ in range(150)} for id in (add(yard.queue, paths=(path,)),)}
    for _ in range(60):
        passed = Hidden(frozenset({glob()}), frozenset({glob()}))
        view = yard.queue.look(
            "dev",
            demand=lambda kind: 999,
            policy=Policy(),
            requested=(),
            now=now(),
            hidden=passed.pattern,
        )
        assert {each.id for each in view.candidates} == {
            id for id, path in tasks.items() if not passed.matches(path)
        }


def test_given_queues_whose_agents_work_in_one_repository_then_a_path_is_taken_for_both(
    queue_engine: sa.Engine, postgres_queue: PostgresTaskQueue
) -> None:
    def at(name: str, queue: str, repository: str) -> object:
        return agent(name, queues=(queue,), workspace=Workspace(repository=repository))

    agents = [at("v", "dev", "/srv/app"), at("w", "qa", "/srv/app"), at("x", "docs", "/srv/docs")]
    yard = Yard(queue_engine, postgres_queue, declared(*agents))  # type: ignore[arg-type]
    first, second, third = (add(yard.queue, queue=name, paths=("README",)) for name in ("dev", "qa", "docs"))
    assert placed(yard.look("dev")) == [(first, "v")]
    assert yard.look("qa").requests == ()
    assert why(yard, second, "qa") == f"waits for path README (task {first} has README)"
    assert placed(yard.look("docs")) == [(third, "x")]


def test_given_an_agent_from_outside_then_it_gets_no_task_whose_paths_are_taken(yard: Yard) -> None:
    place = Place(yard.declarations, yard.engine, yard.queue)
    first, second = add(yard.queue, paths=("a/**",)), add(yard.queue, paths=("a/b",))

    def claim(task: int) -> claims.ClaimedTask:
        return claims.claim(place, task, "vaela", holder="ann", seconds=60, now=now())

    lease = claims.lease_of(place, first, claim(first).token)
    with pytest.raises(
        NotNeededError, match=rf"task {second}: it waits for path a/b \(task {first} has a/\*\*\)"
    ):
        claim(second)
    assert yard.look().requests == (), "a pass obeys it, too"
    claims.settle(place, lease, Ending.SUCCESS, now=now())
    assert claim(second).task.id == second


def test_given_a_request_that_is_given_back_then_its_paths_are_free(yard: Yard) -> None:
    first, second = add(yard.queue, paths=("a",), assigned_to="vaela"), add(yard.queue, paths=("a",))
    assert placed(yard.look()) == [(first, "vaela")]
    yard.queue.change(first, TaskChanges(paths=("b",)), author="ann")
    assert placed(yard.look()) == [(second, "vaela")]
    assert yard.queue.get(first).paths == ("b",)


def test_given_many_tasks_over_few_files_when_all_is_done_then_no_two_ever_had_one_file(yard: Yard) -> None:
    draw = random.Random(3)
    paths = {add(yard.queue, paths=(f"{draw.choice('abc')}/{draw.choice('xy*')}",)): None for _ in range(25)}
    done = 0
    while done < len(paths):
        requests = yard.look().requests
        going = sorted(yard.queue.get(each.task_id).paths[0] for each in requests)
        assert requests
        assert not any(p == q or (p[0] == q[0] and "*" in (p[2], q[2])) for p, q in pairwise(going))
        for each in requests:
            run = f"run-{each.task_id}"
            yard.begin(each, run)
            yard.queue.settle(each.task_id, yard.request(each, run), Ending.SUCCESS, now=now())
            with yard.engine.begin() as connection:
                assignments.end(connection, each.run_key, AssignmentEnding.COMPLETE, now())
        done += len(requests)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a//b", "", "a/**b", "a\nb"])
def test_given_a_path_that_is_none_then_it_is_refused_with_what_is_wrong(path: str) -> None:
    with pytest.raises(SignalboxError, match=r"a path below|stands for folders"):
        read_new_task({"title": "x", "queue": "dev", "paths": [path]})
    assert NewTask(title="x", queue="dev", paths=("./src/", "a")).paths == ("a", "src")
