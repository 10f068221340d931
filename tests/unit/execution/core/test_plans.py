"""Plans are asked for once, as long as the code server keeps its definitions."""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._grpc.client import DagsterGrpcClient

from scheduler_defs.execution.dagster_patches import code_server, plans
from scheduler_defs.execution.queue.coordinator import SignalboxRunCoordinator


class Location:
    """A code location that numbers its plans."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def plan(self, _job: object, config: object, *_rest: object) -> str:
        if config == {"faulty": 1}:
            raise ValueError("no such config")
        self.asked.append(config)
        return f"plan {len(self.asked)}"


@pytest.fixture
def location(monkeypatch: pytest.MonkeyPatch) -> Location:
    monkeypatch.setattr(plans, "_ask", Location.plan)
    return Location()


def job(**differing: object) -> Any:
    facts = {
        "repository_handle": SimpleNamespace(repository_name="signalbox"),
        "name": "tidy",
        "identifying_job_snapshot_id": "abc",
        "asset_selection": None,
        "asset_check_selection": None,
        "op_selection": None,
    }
    return SimpleNamespace(**{**facts, **differing})


def ask(location: Location, job: Any, config: Any, keys: Any = None, state: Any = None) -> object:
    return plans.get_execution_plan(cast("Any", location), job, config, keys, state)


def test_a_plan_is_asked_for_once(location: Location) -> None:
    assert ask(location, job(), {"a": 1, "b": 2}) == "plan 1"
    assert ask(location, job(), {"b": 2, "a": 1}) == "plan 1"


@pytest.mark.parametrize(
    "other",
    [
        job(name="other"),
        job(identifying_job_snapshot_id="changed"),
        job(repository_handle=SimpleNamespace(repository_name="other")),
        job(op_selection=["a"]),
        job(asset_selection={"a"}),
        job(asset_check_selection={"a"}),
    ],
)
def test_another_job_has_a_plan_of_its_own(location: Location, other: Any) -> None:
    ask(location, job(), {})
    assert ask(location, other, {}) == "plan 2"


def test_other_config_has_a_plan_of_its_own(location: Location) -> None:
    ask(location, job(), {"a": 1})
    assert ask(location, job(), {"a": 2}) == "plan 2"


def test_a_location_that_was_loaded_anew_is_asked_again(location: Location) -> None:
    ask(location, job(), {})
    again = Location()
    ask(again, job(), {})
    assert again.asked == [{}]


@pytest.mark.parametrize(
    ("config", "keys", "state"),
    [({}, ["a"], None), ({}, None, "of another run"), ({"a": object}, None, None)],
    ids=["some steps", "a retry from failure", "what is no JSON"],
)
def test_what_is_special_is_asked_for_every_time(
    location: Location, config: Any, keys: Any, state: Any
) -> None:
    ask(location, job(), config, keys, state)
    assert ask(location, job(), config, keys, state) == "plan 2"


def test_an_error_is_not_kept(location: Location) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no such config"):
            ask(location, job(), {"faulty": 1})


def test_no_more_are_kept_than_said(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST_KEPT", 2)
    for number in (1, 2, 1, 3, 1, 2):
        ask(location, job(), {"n": number})
    assert location.asked == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 2}]


def test_dagster_asks_as_expected() -> None:
    """Daemon and webserver call this method, with these arguments (dagster 1.13)."""
    original = inspect.signature(inspect.unwrap(plans._ask))
    ours = inspect.signature(plans.get_execution_plan)
    assert list(original.parameters) == list(ours.parameters)
    assert "get_execution_plan" in vars(GrpcServerCodeLocation)


def test_whoever_opens_the_instance_and_talks_to_the_code_server_has_both() -> None:
    SignalboxRunCoordinator()
    assert GrpcServerCodeLocation.get_execution_plan is plans.get_execution_plan
    assert DagsterGrpcClient._channel is code_server.kept_channel


@pytest.mark.parametrize("program", ["scheduler_defs.web.workspace", "dagster._daemon.cli"])
def test_webserver_and_daemon_know_code_locations_before_they_open_the_instance(program: str) -> None:
    found = f"import sys, {program}; sys.exit({plans.GrpcServerCodeLocation.__module__!r} not in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", found], check=False).returncode == 0
