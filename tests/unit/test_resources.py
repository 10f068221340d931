"""Resources: given by name, set in the files, swapped in a definition and in a test, and closed to launches."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from resources import (
    ArtifactStoreResource,
    ClockResource,
    HttpResource,
    LlmEndpoint,
    NotifierResource,
    TaskQueueResource,
    declared_resources,
)
from scheduler_defs.assembly import loadable
from scheduler_defs.declarations import load
from scheduler_defs.errors import SignalboxError

YARD = """
resources:
  http: {base_url: "https://api.example.org", timeout: 3s, attempts: 2}
  llm: {model: qwen3}
agents: {a: {queue: dev, command: ["true"]}}
alerts: {channels: {log: {type: log}}, rules: {r: {on: run_failed, channels: log}}}
"""


def written(folder: Path, text: str) -> Any:
    (folder / "a.yaml").write_text(text)
    return load(folder)


def served(requests: list[httpx.Request], *statuses: int, body: Any = None) -> httpx.MockTransport:
    left = list(statuses)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(left.pop(0) if left else 200, json=body)

    return httpx.MockTransport(answer)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """What is asked of the stand-in that answers 503, then 200."""
    found: list[httpx.Request] = []
    transport = served(found, 503, 200)
    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **given: real(transport=transport, **given))
    return found


def test_given_settings_in_the_files_then_the_location_has_the_resources_with_them(tmp_path: Path) -> None:
    declarations = written(tmp_path, YARD).declarations
    definitions = loadable(declarations)
    names = set(definitions.get_repository_def().get_top_level_resources())
    assert names == {"artifacts", "clock", "database", "http", "llm", "notifier", "task_queue"}
    found = declared_resources(declarations)
    http = found["http"]
    assert isinstance(http, HttpResource)
    assert (http.base_url, http.timeout_seconds, http.attempts) == ("https://api.example.org", 3, 2)


def test_given_our_sensors_then_they_ask_for_resources(tmp_path: Path) -> None:
    repository = loadable(written(tmp_path, YARD).declarations).get_repository_def()
    asked = {sensor.name: sensor.required_resource_keys for sensor in repository.sensor_defs}
    assert asked["agent_queue_dev"] == {"task_queue", "database", "clock"}
    assert asked["alerts"] == {"database", "notifier", "clock"}
    assert asked["retries"] == {"database", "clock"}
    task = repository.get_job("agent_task")
    assert set(task.resource_defs) >= {"task_queue", "database", "clock"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resources: {http: {base_url: ftp://x}}", "is no address such as https://host/path"),
        ("resources: {http: {base_url: 'https://u:p@host'}}", "name a variable for secrets"),
        ("resources: {htp: {}}", "did you mean 'http'?"),
        ("resources: {notifier: {channels: [nobody]}}", "there is no alert channel 'nobody'"),
        ("resources: {http: {attempts: 0}}", "1"),
    ],
)
def test_given_a_slip_then_it_is_a_fault_of_the_files(tmp_path: Path, text: str, said: str) -> None:
    assert said in written(tmp_path, text).problems[0].message


def job_with(key: str, do: Any) -> dg.JobDefinition:
    @dg.op(required_resource_keys={key})
    def ask(context) -> None:  # Dagster reads the annotation, and not as a string
        do(getattr(context.resources, key), context)

    @dg.job
    def asking() -> None:
        ask()

    return asking


def test_given_a_definition_of_ones_own_then_a_resource_is_swapped_there(tmp_path: Path) -> None:
    found: list[str] = []
    job = job_with("clock", lambda clock, _: found.append(clock.now().isoformat()))
    stopped = ClockResource(at="2026-06-01T12:00Z")
    definitions = dg.Definitions(jobs=[job], resources={"clock": stopped})
    assert definitions.resolve_job_def("asking").execute_in_process().success
    launched = {"resources": {"clock": {"config": {"at": "2027-01-01T00:00Z"}}}}
    assert definitions.resolve_job_def("asking").execute_in_process(run_config=launched).success
    assert found == ["2026-06-01T12:00:00+00:00", "2027-01-01T00:00:00+00:00"]
    assert abs(ClockResource().now() - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    "config",
    [
        {"base_url": {"env": "SIGNALBOX_TEST_SECRET"}},
        {"base_url": "http://evil.example", "token_env": "SIGNALBOX_TEST_SECRET"},
    ],
)
def test_given_a_launch_that_names_a_variable_then_it_is_refused(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_TEST_SECRET", "swordfish")
    used: list[Any] = []
    job = job_with("http", lambda http, _: used.append(http.base_url))
    definitions = dg.Definitions(jobs=[job], resources={"http": HttpResource()})
    with pytest.raises(Exception) as caught:
        definitions.resolve_job_def("asking").execute_in_process(
            run_config={"resources": {"http": {"config": config}}}
        )
    assert "a launch takes values only" in str(caught.value.__cause__ or caught.value)
    assert used == []


def test_given_an_address_of_the_launch_then_no_token_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_TEST_SECRET", "swordfish")
    headers: list[dict[str, str]] = []
    job = job_with("http", lambda http, _: headers.append(http.bearer(http.token_env)))
    own = HttpResource(base_url="https://api.example.org", token_env="SIGNALBOX_TEST_SECRET")
    definitions = dg.Definitions(jobs=[job], resources={"http": own})
    asking = definitions.resolve_job_def("asking")
    asking.execute_in_process()
    asking.execute_in_process(
        run_config={"resources": {"http": {"config": {"base_url": "http://evil.example"}}}}
    )
    assert headers == [{"Authorization": "Bearer swordfish"}, {}]


def test_given_a_server_that_is_busy_then_a_get_is_repeated_and_a_post_is_not(
    asked: list[httpx.Request],
) -> None:
    http = HttpResource(base_url="https://api.example.org/v1", attempts=3)
    assert http.request("GET", "/prices").status_code == 200
    assert [str(each.url) for each in asked] == ["https://api.example.org/v1/prices"] * 2


def test_given_a_post_then_it_is_sent_once(asked: list[httpx.Request]) -> None:
    assert HttpResource(base_url="https://x", attempts=3).request("POST", "/").status_code == 503
    assert len(asked) == 1


def test_given_a_model_then_its_answer_is_text_and_a_refusal_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [
        httpx.Response(200, json={"choices": [{"message": {"content": "four"}}]}),
        httpx.Response(401, json={"error": "swordfish"}),
    ]
    bodies: list[Any] = []

    def post(url: str, *, json: Any, headers: Any, timeout: float) -> httpx.Response:
        bodies.append((url, json, timeout))
        return answers.pop(0)

    monkeypatch.setattr(httpx, "post", post)
    llm = LlmEndpoint(model="m", timeout_seconds=7)
    assert llm.chat([{"role": "user", "content": "2+2"}]) == "four"
    assert bodies[0][0] == "http://127.0.0.1:11434/v1/chat/completions"
    assert bodies[0][1]["model"] == "m"
    with pytest.raises(SignalboxError, match="the server answered 401") as caught:
        llm.chat([])
    assert "swordfish" not in str(caught.value)
    with pytest.raises(SignalboxError, match="no model is named"):
        LlmEndpoint().chat([])


def test_given_an_artifact_then_it_is_kept_below_the_runs_folder_and_nowhere_else(tmp_path: Path) -> None:
    store = ArtifactStoreResource(folder=str(tmp_path))
    assert store.write("run-1", "out/a.txt", "x").read_text() == "x"
    assert (tmp_path / "run-1" / "out" / "a.txt").stat().st_mode & 0o077 == 0
    for name in ("../b", "/etc/x", "", "a\0b"):
        with pytest.raises(SignalboxError):
            store.write("run-1", name, "x")
    with pytest.raises(SignalboxError, match="run id"):
        store.of_run("../x")


def test_given_channels_then_the_notifier_tells_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "state" / "logs").mkdir(parents=True)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    (tmp_path / "config" / "a.yaml").write_text(YARD)
    assert NotifierResource().tell("prices moved") == ["log"]
    (file,) = (tmp_path / "state" / "logs").iterdir()
    assert json.loads(file.read_text().splitlines()[-1])["text"] == "prices moved"
    with pytest.raises(SignalboxError, match="there is no alert channel 'x'; known: log"):
        NotifierResource().tell("y", channels=["x"])


def test_given_the_task_queue_then_a_server_without_an_address_is_refused() -> None:
    with pytest.raises(SignalboxError, match="needs url"):
        TaskQueueResource(backend="tinytask").open()
