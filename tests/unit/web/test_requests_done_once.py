"""A launch is one run, also when a server that was frozen in the middle of it goes on after another took over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.audit.entries import Acting, Channel, acting_as
from scheduler_defs.graphql import runs
from scheduler_defs.web.rest.asking import InProcessClient
from tests.standins.web import UI, Web
from tests.standins.yard_web import serving_yard

YARD = "jobs:\n  deploy: {command: [echo, hello]}\n"
LAUNCH = "/api/v1/jobs/deploy/runs"
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
def web(tmp_path: Path, dagster_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "yard.yaml").write_text(YARD)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    with serving_yard(tmp_path, dagster_url) as started:
        yield started
    database.engine(dagster_url).dispose()


@pytest.mark.parametrize("again", [False, True])
def test_given_two_that_carry_a_request_out_at_once_then_there_is_one_run_and_both_name_it(
    web: Web, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    address = LAUNCH
    if again:
        address = f"/api/v1/runs/{web.client().post(LAUNCH, headers=KEY).json()['run_id']}/retry"
        with database.engine().begin() as connection:
            connection.execute(sa.text("UPDATE runs SET status = 'SUCCESS'"))
    key = {"Idempotency-Key": "at once"}
    before = web.runs()
    frozen, goes_on = Event(), Event()
    call = InProcessClient.call

    def freezing(client: InProcessClient, operation: str, **variables: Any) -> Any:
        if operation in ("LaunchRun", "RelaunchRun") and not frozen.is_set():
            frozen.set()
            assert goes_on.wait(60)
        return call(client, operation, **variables)

    monkeypatch.setattr(InProcessClient, "call", freezing)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(lambda: web.client().post(address, headers=key))
        assert frozen.wait(60)
        with database.engine().begin() as connection:
            aged = "UPDATE signalbox.idempotency_keys SET created_at = now() - interval '1 hour'"
            connection.execute(sa.text(aged))
        second = web.client().post(address, headers=key)
        goes_on.set()
        answers = [first.result(60), second]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json()["run_id"] == answers[1].json()["run_id"]
    assert web.runs() == before + 1


@pytest.mark.attack
def test_given_the_tags_of_such_a_run_when_somebody_launches_with_them_then_it_is_another_run(
    web: Web,
) -> None:
    client = web.client()
    first = client.post(LAUNCH, headers=KEY).json()["run_id"]
    copied = web.instance.get_run_by_id(first)
    assert copied is not None and tags.REQUEST in copied.tags

    class Launchpad(runs.GraphQLClient):
        def answer(self, body: Any) -> dict[str, Any]:
            return client.post("/graphql", json=dict(body), headers={"Origin": UI}).json()

    with acting_as(Acting("ann", Channel.UI)):
        other = runs.launch(Launchpad(UI, headers={}), "deploy", {}, copied.tags)["run_id"]
    run = web.instance.get_run_by_id(other)
    assert run is not None and other != first and tags.REQUEST not in run.tags
