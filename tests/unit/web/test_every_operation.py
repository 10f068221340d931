"""Every operation of the API by its own document: asked what it allows and what it does not.

schemathesis makes up the requests. Whatever is asked, the answer has a documented status, type and body, and is
no fault of the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks
from starlette.testclient import TestClient

from scheduler_defs import database
from scheduler_defs.graphql.rest import FAULTS_HEADER
from scheduler_defs.web.rest import app as rest
from tests.conftest import fresh_database
from tests.standins.web import CREDENTIAL, UI
from tests.standins.yard_web import serving_yard

YARD = """
jobs:
  deploy: {command: [echo, hello], approve: yes, params: {words: {type: string, default: hello}}}
schedules:
  nightly: {job: deploy, cron: "0 2 * * *"}
agents:
  inside: {command: [echo], queues: [dev]}
  outside: {pull: on, queues: [dev]}
budgets:
  daily: {queues: [dev], per: day, tokens: 1000}
triggers:
  pushed: {secret: TEST_HOOK_SECRET, job: deploy}
"""
EXAMPLES = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 4}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
STREAMS = {"GET /events", "GET /runs/{run_id}/events"}
"""They end when the server does; tests/integration/web/test_live_events.py has them."""
SCHEMA = schemathesis.openapi.from_dict(rest.build(lambda *_: {}).openapi())
OPERATIONS = {found.label: found for each in SCHEMA.get_all_operations() if (found := each.ok())}


def modes(label: str) -> Iterator[GenerationMode]:
    """A text in a path can be anything: nothing there is not allowed."""
    yield GenerationMode.POSITIVE
    described = OPERATIONS[label].definition.raw
    if "requestBody" in described or any(each["in"] != "path" for each in described.get("parameters", ())):
        yield GenerationMode.NEGATIVE


class Yard:
    """A yard in which each thing that a path names is there."""

    def __init__(self, file: Path, client: TestClient) -> None:
        self.file = file
        self.client = client

    def restore(self, label: str) -> dict[str, Any]:
        """Names and ids for the operation's path, of things that are as at the beginning."""
        self.file.write_text(YARD)
        task = self.client.post("/api/v1/tasks", json={"title": "to do", "queue": "dev"})
        run = self.client.post("/api/v1/jobs/deploy/runs")
        waiting = self.client.get("/api/v1/approvals").json()
        place = label.partition(" ")[2].split("/")[1]
        names = {"jobs": "deploy", "schedules": "nightly", "agents": "outside", "budgets": "daily"}
        return {
            "name": names.get(place),
            "task_id": task.json()["id"],
            "run_id": run.json()["run_id"],
            "approval": waiting[-1]["id"],
            "path": "pushed",
            "stream": "stdout",
            "subject": "schedule:nightly",
        }


@pytest.fixture(scope="module")
def yard(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str, dagster_template: str
) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    file = folder / "config" / "yard.yaml"
    file.parent.mkdir()
    (folder / "state").mkdir()
    file.write_text(YARD)
    with fresh_database(postgres_server, dagster_template) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALBOX_CONFIG", str(file.parent))
        patch.setenv("SIGNALBOX_STATE", str(folder / "state"))
        patch.setenv("SIGNALBOX_POSTGRES_URL", url)
        patch.setenv("TEST_HOOK_SECRET", "between us")
        with serving_yard(folder, url) as web:
            yield Yard(file, web.client(Authorization=f"Bearer {CREDENTIAL}"))
        database.engine(url).dispose()


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        pytest.param(label, mode, id=f"{label}-{mode.value}")
        for label in OPERATIONS
        if label not in STREAMS
        for mode in modes(label)
    ],
)
def test_given_any_request_then_the_answer_is_as_the_document_says(
    yard: Yard, label: str, mode: GenerationMode
) -> None:
    operation, known, number = OPERATIONS[label], yard.restore(label), count()

    @hypothesis.settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if next(number) % 2 == 0:  # half of them of things that are there
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        request = case.as_transport_kwargs(base_url=f"{UI}{rest.PATH}")
        request.pop("cookies", None)
        request["content"] = request.pop("data", None)
        case.validate_response(yard.client.request(**request), checks=CHECKS)

    ask()


def test_given_faults_in_the_files_then_the_list_of_schedules_says_how_many_in_a_described_header(
    yard: Yard,
) -> None:
    yard.restore("GET /schedules")
    whole = yard.client.get("/api/v1/schedules")
    yard.file.write_text(YARD + "  other: {secret: TEST_HOOK_SECRET, jop: deploy}\n")
    faulty = yard.client.get("/api/v1/schedules")
    assert (whole.headers[FAULTS_HEADER], faulty.headers[FAULTS_HEADER]) == ("0", "2")
    assert faulty.json() == whole.json()
    described = OPERATIONS["GET /schedules"].definition.raw["responses"]["200"]
    assert FAULTS_HEADER in described["headers"]
    assert "content" in described
