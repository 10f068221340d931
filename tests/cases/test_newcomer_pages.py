"""What newcomers saw in the UI, and the links and numbers that led nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from scheduler_defs.agents.task_queue.objects import details_object
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.cli.main import build
from scheduler_defs.execution.queue.choice.read import live_run_slots
from scheduler_defs.web.run_rows import ASKED_BY_THE_PAGE, one_line_each
from tests.standins.web import Web, posted, serving
from tests.unit.declarations.yards import write_yard
from tests.unit.task_queue.asking import add, now, request


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    with serving(tmp_path) as found:
        yield found


TAGS = {
    "signalbox/schedule": "nightly",
    "signalbox/attempt": "1",
    "signalbox/max_attempts": "3",
    "signalbox/retries": '{"base": 60}',
    "signalbox/root_run": "x",
    "signalbox/worker": "w@host",
    "signalbox/job": "deploy",
    "signalbox/trigger": "schedule",
    "team": "a",
}


@pytest.mark.case("newcomer-X-runs-page")
def test_given_the_page_of_runs_then_a_row_shows_what_a_person_reads_and_the_run_shows_all(web: Web) -> None:
    import dagster as dg

    web.instance.add_run(dg.DagsterRun(job_name="deploy", tags=TAGS))
    asked = """query %s { runsFeedOrError(limit: 5, view: RUNS) {
        ... on RunsFeedConnection { results { ... on Run { tags { key value } } } } } }"""
    client = web.client()

    def shown(name: str) -> set[str]:
        body = {"query": asked % name, "operationName": name}
        (row,) = client.post("/graphql", json=body).json()["data"]["runsFeedOrError"]["results"]
        return {tag["key"] for tag in row["tags"]}

    assert shown(ASKED_BY_THE_PAGE) == {"signalbox/schedule", "team"}
    assert shown("Mine") >= TAGS.keys()


@pytest.mark.case("newcomer-X-runs-page")
def test_given_a_run_with_very_many_tags_then_its_row_has_the_four_pills_that_say_most() -> None:
    given = {
        **{f"team{n}": "a" for n in range(9)},
        **TAGS,
        "signalbox/attempt": "2",
        "signalbox/failure": "timeout",
        "dagster/sensor_name": "retries",
    }

    def pills(**more: str) -> list[str]:
        row = {"tags": [{"key": key, "value": value} for key, value in {**given, **more}.items()]}
        one_line_each({"data": {"runsFeedOrError": {"results": [row]}}})
        return [tag["key"] for tag in row["tags"] if not tag["key"].startswith("dagster/")]

    assert pills() == ["signalbox/attempt", "signalbox/failure", "signalbox/schedule", "team0"]
    by_schedule = pills(**{"dagster/schedule_name": "nightly"})
    assert by_schedule == ["signalbox/attempt", "signalbox/failure", "team0", "team1"], "it has a column"


@pytest.mark.case("newcomer-X-runs-page")
def test_given_a_second_attempt_then_the_row_says_which() -> None:
    tags = [{"key": "signalbox/attempt", "value": "2"}, {"key": "signalbox/failure", "value": "timeout"}]
    answer = {"data": {"runsFeedOrError": {"results": [{"tags": list(tags)}, {}]}}}
    assert one_line_each(answer)["data"]["runsFeedOrError"]["results"][0]["tags"] == tags
    for empty in ({}, {"data": None}, {"data": {"runsFeedOrError": {"message": "no"}}}):
        assert one_line_each(empty) == empty


@pytest.mark.case("newcomer-X-runs-page")
def test_the_ui_calls_its_query_of_the_rows_so() -> None:
    import dagster_webserver

    scripts = Path(dagster_webserver.__file__).parent / "webapp/build/_next/static/chunks"
    assert any(f"query {ASKED_BY_THE_PAGE}" in path.read_text() for path in scripts.rglob("*.js"))


@pytest.mark.case("newcomer-X-ui")
@pytest.mark.parametrize(
    ("kind", "name", "known"), [("schedules", "say-hello", "say_hello"), ("jobs", "a.b", "a_b")]
)
def test_given_a_declared_name_in_an_address_then_it_leads_to_dagsters_page(
    web: Web, kind: str, name: str, known: str
) -> None:
    answer = web.client().get(f"/{kind}/{name}")
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"/locations/signalbox/{kind}/{known}"
    assert posted(web.client(), "{ version }").status_code == 200


@pytest.mark.case("newcomer-X-links")
def test_given_a_task_whose_run_was_linked_at_an_old_address_then_the_link_leads_to_the_present_one(
    postgres_queue: PostgresTaskQueue,
) -> None:
    task = add(postgres_queue)
    old = "http://127.0.0.1:3003"
    postgres_queue.claim(task, request("run-1", link=f"{old}/runs/run-1"), now())
    postgres_queue.link(task, "http://wiki/runs/run-1", description="run run-1", author="ann")
    details = postgres_queue.details(task)
    links = [link["url"] for link in details_object(details, "http://127.0.0.1:3004/")["links"]]
    assert links == ["http://127.0.0.1:3004/runs/run-1", "http://wiki/runs/run-1"]
    kept = [link["url"] for link in details_object(details)["links"]]
    assert kept[0] == f"{old}/runs/run-1", "nobody knows the present one"


@pytest.mark.case("newcomer-X-links")
def test_given_a_complete_task_when_it_is_blocked_then_nobody_says_that_it_waits(
    postgres_queue: PostgresTaskQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scheduler_defs.cli.tasks import steering

    first, second = add(postgres_queue), add(postgres_queue)
    postgres_queue.complete(second, author="ann")
    monkeypatch.setattr(steering, "open_place", lambda: SimpleNamespace(task_queue=postgres_queue))
    steering.block_command(second, first, by="ann")
    assert f"task {second} is complete" in capsys.readouterr().err


@pytest.mark.case("newcomer-X-forecast-slots")
def test_given_live_workers_then_the_forecast_plays_with_their_slots(
    dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules = "".join(f"  s{n}: {{job: j, every: 1h}}\n" for n in range(5))
    yard = write_yard(
        tmp_path, {"a.yaml": f"jobs: {{j: {{command: [x], expected: 20m}}}}\nschedules:\n{schedules}"}
    )
    for name, value in (("CONFIG", yard), ("STATE", tmp_path / "state"), ("POSTGRES_URL", dagster_url)):
        monkeypatch.setenv(f"SIGNALBOX_{name}", str(value))
    monkeypatch.delenv("SIGNALBOX_UI_URL", raising=False)
    engine = sa.create_engine(dagster_url)
    try:
        assert live_run_slots(engine) is None
        with engine.begin() as connection:
            for name, queues, slots, ago in (
                ("a", ["runs"], 1, 0),
                ("b", ["gpu"], 1, 0),
                ("steps", ["steps"], 4, 0),
                ("agents", ["agents"], 16, 0),
                ("lost", ["runs"], 8, 3600),
            ):
                connection.execute(
                    sa.text(
                        "INSERT INTO signalbox.workers (id, host, pid, queues, slots, heartbeat)"
                        " VALUES (:id, 'h', 1, :queues, :slots, now() - make_interval(secs => :ago))"
                    ),
                    {"id": name, "queues": queues, "slots": slots, "ago": ago},
                )
        assert live_run_slots(engine) == 2
    finally:
        engine.dispose()
    argv = ["forecast", "--from", "2026-03-02T00:00", "--to", "50m", "--timezone", "UTC", "--json"]
    found = json.loads(CliRunner().invoke(build(argv), argv).stdout)
    assert "slots as they are" in found["basis"]
    assert [limit["most"] for limit in found["limits"] if limit["limit"] == "worker slots"] == [2]
    assert max(run["wait_seconds"] for run in found["runs"]) > 0
