"""A run that needs approval is there, takes no slot, and starts or ends as people decide."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.approvals.deciding import approve, deny
from scheduler_defs.approvals.ending import look
from scheduler_defs.audit.store import Query, read
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.choice.explain import limit_use
from scheduler_defs.execution.queue.choice.read import QueueReader
from scheduler_defs.execution.queue.launch import CLAIM, claim
from tests.unit.approvals.setting import Yard, person


def test_given_a_run_that_needs_approval_then_it_is_queued_and_never_let_out(yard: Yard) -> None:
    yard.declare("yes")
    run_id = yard.ask()
    assert yard.passes() == []
    assert yard.said(run_id) == ("QUEUED", None)
    (waits,) = yard.waiting()
    assert waits["subject"] == f"run:{run_id}"
    assert (waits["requested_by"], waits["needs"], waits["given"]) == ("ann", 1, 0)


def test_given_a_held_run_when_somebody_claims_it_by_its_id_then_the_database_refuses(yard: Yard) -> None:
    yard.declare("yes")
    run_id = yard.ask()
    with yard.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert claim(yard.queue.instance, connection, [run_id]) == []
    assert "held_runs" in str(CLAIM)


def test_given_a_held_run_then_no_limit_and_no_slot_counts_it(yard: Yard) -> None:
    yard.declare("yes")
    yard.ask()
    with yard.engine.connect() as connection:
        state = QueueReader(terms().silence).read(connection, ())
    assert [(row.in_use, row.waiting) for row in limit_use(state, ())] == [(0, 0)]


def test_given_a_held_run_when_it_is_approved_then_it_starts_as_it_was_asked_for(yard: Yard) -> None:
    yard.declare("yes")
    run_id = yard.ask(team="blue")
    approve(yard.engine, yard.waiting()[0]["id"], person("bob"))
    yard.declare("no")
    assert yard.passes() == [run_id]
    run = yard.queue.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags["team"] == "blue"
    assert yard.waiting() == []


def test_given_a_held_run_when_the_declaration_is_edited_then_it_waits_on(yard: Yard) -> None:
    yard.declare("{needs: 2}")
    run_id = yard.ask()
    yard.declare("no")
    assert yard.passes() == []
    assert yard.waiting()[0]["needs"] == 2
    yard.declare("{needs: 1}")
    approve(yard.engine, yard.waiting()[0]["id"], person("bob"))
    assert yard.passes() == []
    assert yard.said(run_id)[0] == "QUEUED"


def test_given_a_held_run_when_it_is_denied_then_it_ends_canceled_with_the_reason(yard: Yard) -> None:
    yard.declare("yes")
    run_id = yard.ask()
    deny(yard.engine, yard.waiting()[0]["id"], person("bob"), "not on a Friday")
    assert yard.passes() == []
    assert yard.said(run_id) == ("CANCELED", "denied by bob: not on a Friday")
    assert yard.passes() == []


def test_given_a_denied_run_when_the_daemon_died_while_ending_it_then_the_next_look_ends_it(
    yard: Yard,
) -> None:
    yard.declare("yes")
    run_id = yard.ask()
    deny(yard.engine, yard.waiting()[0]["id"], person("bob"), "no")
    with yard.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE runs SET status = 'CANCELING' WHERE run_id = :run_id"), {"run_id": run_id}
        )
    yard.passes()
    assert yard.said(run_id) == ("CANCELED", "denied by bob: no")


@pytest.mark.parametrize(
    ("otherwise", "launched", "status"), [("reject", False, "CANCELED"), ("run", True, "STARTING")]
)
def test_given_a_held_run_when_its_time_is_over_then_its_policy_decides(
    yard: Yard, otherwise: str, launched: bool, status: str
) -> None:
    yard.declare(f"{{within: 1h, otherwise: {otherwise}}}")
    run_id = yard.ask()
    assert yard.waiting()[0]["expires"] is not None
    yard.let_expire(yard.waiting()[0]["id"])
    assert (yard.passes() == [run_id]) is launched
    assert yard.said(run_id)[0] == status
    with yard.engine.connect() as connection:
        (entry,) = read(connection, Query(action="approval.decided"))
    assert entry.actor == "signalbox"


def test_given_a_held_run_that_somebody_cancels_then_nobody_is_asked_any_more(yard: Yard) -> None:
    yard.declare("yes")
    run_id = yard.ask()
    assert yard.queue.instance.run_coordinator.cancel_run(run_id)
    assert yard.waiting() == []
    with yard.engine.begin() as connection:
        assert look(connection) == []
        state = connection.execute(sa.text("SELECT state FROM signalbox.approvals")).scalar()
    assert state == "withdrawn"


def test_given_a_job_and_its_schedule_that_want_approval_then_both_must_be_given(yard: Yard) -> None:
    yard.declare(
        "{who: [bob]}",
        "schedules:\n  nightly: {job: deploy, cron: '0 2 * * *', approve: {who: [cat]}}\n"
        "limits:\n  prod: {key: stage, value: prod, limit: 1, approve: yes}\n",
    )
    run_id = yard.ask(signalbox__schedule="nightly", stage="prod")
    found = {each["kind"]: each for each in yard.waiting()}
    assert set(found) == {"job", "schedule", "limit"}
    approve(yard.engine, found["job"]["id"], person("bob"))
    approve(yard.engine, found["limit"]["id"], person("bob"))
    assert yard.passes() == []
    approve(yard.engine, found["schedule"]["id"], person("cat"))
    assert yard.passes() == [run_id]


def test_given_an_agent_that_wants_approval_then_its_tasks_runs_wait(yard: Yard) -> None:
    yard.declare("no", "agents:\n  vaela: {queue: dev, command: [echo], approve: yes}\n")
    yard.ask(signalbox__agent="vaela", signalbox__queue="dev")
    assert [(each["kind"], each["name"], each["queue"]) for each in yard.waiting()] == [
        ("agent", "vaela", "dev")
    ]


def test_given_tags_that_claim_to_be_a_retry_then_a_persons_run_waits_all_the_same(yard: Yard) -> None:
    yard.declare("yes")
    policy = json.dumps({"max_attempts": 3})
    yard.ask(dagster__run_key="retry:x", dagster__parent_run_id="x", **{tags.RETRIES: policy})
    assert len(yard.waiting()) == 1


def test_given_a_run_that_needs_no_approval_then_nothing_holds_it(yard: Yard) -> None:
    yard.declare("no")
    assert yard.passes() == [yard.ask()] or yard.passes() != []
    assert yard.waiting() == []
