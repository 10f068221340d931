"""A question is asked once, no slot waits for the answer, and the answer reaches the next turn."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from scheduler_defs import database
from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.questions import inbox
from scheduler_defs.agents.questions.answering import answer
from scheduler_defs.errors import SignalboxError
from tests.unit.agents.bench import Bench
from tests.unit.task_queue.asking import add, comments

ASKS = """
import json, os, pathlib, sys
document = json.loads(pathlib.Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text())["task"]
pathlib.Path({seen!r}).write_text(json.dumps({{"task": document, "argv": sys.argv[1:]}}))
print(json.dumps({{"type": "system", "session_id": "s-77"}}))
if not document["questions"]:
    pathlib.Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(
        json.dumps({{"status": "needs_input", "question": "public or app?"}})
    )
"""


@pytest.mark.case("agents-X-question")
def test_given_an_agent_that_asks_then_the_task_waits_and_goes_on_in_the_same_session_with_the_answer(
    bench: Bench,
) -> None:
    seen = bench.folder / "seen.json"
    script = bench.folder / "agent.py"
    script.write_text(ASKS.format(seen=str(seen)))
    import sys

    bench.declare(
        [sys.executable, str(script)],
        resume=[sys.executable, str(script), "--resume", "{session.id}", "{answer.text}"],
    )
    id = add(bench.queue, "question about schema")
    dependent = add(bench.queue, blocked_by=(id,))
    run = bench.run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    task = bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.WAITING, 0)
    assert bench.queue.get(dependent).blocked
    assert bench.live() == []
    assert bench.look().requests == ()
    with database.engine().connect() as connection:
        (asked,) = inbox.open_entries(connection)
    assert (asked.body, asked.asked_by, asked.details["session"]) == ("public or app?", "vaela", "s-77")
    bench.queue.comment(id, "mind the naming rules", author="ann")

    answer(database.engine(), bench.queue, id, "app", by="ann")
    assert bench.queue.get(id).status is TaskStatus.IDLE
    assert any("public or app?\nThe answer: app" in each for each in comments(bench.queue, id))
    bench.run()
    assert bench.queue.get(id).status is TaskStatus.COMPLETE
    found = json.loads(seen.read_text())
    assert found["argv"] == ["--resume", "s-77", "app"]
    assert found["task"]["questions"] == [
        {"question": "public or app?", "answer": "app", "answered_by": "ann"}
    ]
    assert "mind the naming rules" in [each["content"] for each in found["task"]["comments"]]
    with pytest.raises(SignalboxError, match="nothing is asked"):
        answer(database.engine(), bench.queue, id, "app", by="ann")


@pytest.mark.case("agents-X-question")
def test_given_a_crash_between_answer_and_task_then_answering_again_finishes_it(bench: Bench) -> None:
    import sys

    script = bench.folder / "agent.py"
    script.write_text(ASKS.format(seen=str(bench.folder / "seen.json")))
    bench.declare([sys.executable, str(script)])
    id = add(bench.queue)
    bench.run()
    with database.engine().begin() as connection:
        (asked,) = inbox.open_entries(connection)
        assert inbox.answer(connection, asked.id, "app", by="ann")
        assert not inbox.answer(connection, asked.id, "public", by="bob")
    assert bench.queue.get(id).status is TaskStatus.WAITING
    answer(database.engine(), bench.queue, id, "app", by="ann")
    assert bench.queue.get(id).status is TaskStatus.IDLE


@pytest.mark.case("agents-X-question")
def test_given_a_failed_attempt_then_the_next_one_is_told_why(bench: Bench) -> None:
    seen = bench.folder / "seen.json"
    bench.python(
        f"""
        import json, os, pathlib, sys
        document = json.loads(pathlib.Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text())["task"]
        pathlib.Path({str(seen)!r}).write_text(json.dumps(document))
        print("no such branch", file=sys.stderr)
        sys.exit(3)
        """
    )
    add(bench.queue)
    bench.run()
    bench.run()
    (earlier,) = json.loads(seen.read_text())["earlier_attempts"]
    assert (earlier["attempt"], earlier["ending"], earlier["agent"]) == (1, "retry", "vaela")
    assert "no such branch" in earlier["detail"]
