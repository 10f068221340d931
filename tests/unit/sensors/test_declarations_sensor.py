"""The sensor that watches the declarations."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import settings
from scheduler_defs.declarations import current, serving
from scheduler_defs.errors import NotReachableError
from sensors import declarations as sensor
from tests.unit.declarations.yards import write_yard

GOOD = "schedules:\n  a: {job: log_triage, every: 1d}\n"
BETTER = "schedules:\n  c: {job: log_triage, every: 1h}\n"
BAD = "schedules:\n  a: {job: nope, every: 1d}\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often the code location was asked to load again."""
    calls: list[str] = []
    monkeypatch.setattr(sensor, "reload_code_location", lambda: calls.append("asked"))
    return calls


@pytest.fixture
def tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> Callable[[str], dg.SkipReason]:
    """One tick of a code server that has loaded GOOD, with these files."""
    state = tmp_path / "state"
    state.mkdir()
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    monkeypatch.setattr(serving, "_known", {})
    monkeypatch.setenv(settings.CONFIG, str(config))
    monkeypatch.setenv(settings.STATE, str(state))
    watched = sensor.declarations_sensor(current(config, state).declarations)
    before = set(threading.enumerate())

    def at(text: str) -> dg.SkipReason:
        write_yard(tmp_path, {"a.yaml": text})
        try:
            with dg.instance_for_test() as instance:
                skip = watched.evaluate_tick(dg.build_sensor_context(instance)).skip_message
                return dg.SkipReason(skip)
        finally:
            for thread in set(threading.enumerate()) - before:
                if thread.name == "reload-declarations":
                    thread.join(5)

    return at


def test_given_unchanged_files_when_ticking_then_it_skips_and_asks_for_nothing(
    tick: Callable[[str], dg.SkipReason], asked: list[str]
) -> None:
    assert (tick(GOOD).skip_message or "").startswith("nothing has changed since ")
    assert asked == []


def test_given_changed_files_when_ticking_then_the_location_is_loaded_again(
    tick: Callable[[str], dg.SkipReason], asked: list[str]
) -> None:
    assert "loading them" in (tick(BETTER).skip_message or "")
    assert asked == ["asked"]


def test_given_faulty_files_when_ticking_then_the_tick_fails_with_the_faults_and_nothing_is_loaded(
    tick: Callable[[str], dg.SkipReason], asked: list[str]
) -> None:
    with pytest.raises(Exception) as caught:
        tick(BAD)
    text = str(caught.value) + str(caught.value.__cause__)
    assert "1 fault in the declarations; the last good ones stay in force" in text
    assert "config/a.yaml:2:12: schedules.a.job: there is no job 'nope'" in text
    assert asked == []


def test_given_a_reload_that_takes_long_when_ticking_then_it_is_not_asked_twice() -> None:
    go_on = threading.Event()
    calls: list[str] = []

    def slow() -> None:
        calls.append("asked")
        go_on.wait(10)

    reloading = sensor.Reloading(slow)
    reloading.start()
    reloading.start()
    go_on.set()
    assert reloading.thread is not None
    reloading.thread.join(10)
    assert calls == ["asked"]


def test_given_a_code_server_that_does_not_answer_when_asked_then_it_is_logged_and_asked_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refused() -> None:
        raise NotReachableError("no answer: connection refused")

    reloading = sensor.Reloading(refused)
    reloading.start()
    assert reloading.thread is not None
    reloading.thread.join(10)
    assert "the changed declarations cannot be loaded: no answer: connection refused" in caplog.text


def test_given_no_address_when_asked_to_reload_then_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (settings.CODE_SERVER_SOCKET, settings.UI_URL):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotReachableError, match="SIGNALBOX_CODE_SERVER_SOCKET nor SIGNALBOX_UI_URL"):
        sensor.reload_code_location()


def test_given_all_sensors_when_named_then_no_schedule_can_take_their_names(tmp_path: Path) -> None:
    from scheduler_defs.declarations import load
    from scheduler_defs.declarations.loading import BUILTIN_SENSORS
    from sensors import build_sensors

    agents = "agents:\n  v: {queue: dev-1, command: [a]}\nschedules:\n"
    agents += "  agent-queue-dev-1: {job: log_triage, every: 1d}\n"
    found = load(write_yard(tmp_path, {"a.yaml": agents}))
    built = {each.name for each in build_sensors(found.declarations, [])}
    assert built - BUILTIN_SENSORS == {"agent_queue_dev_1"}
    assert [each.message for each in found.problems] == [
        "the name 'agent-queue-dev-1' is taken by the sensor of an agent queue; choose another"
    ]


@pytest.mark.case("recovery-X2")
def test_given_changed_files_when_the_sensor_is_previewed_then_nothing_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    monkeypatch.setattr(serving, "_known", {})
    monkeypatch.setenv(settings.CONFIG, str(config))
    monkeypatch.setenv(settings.STATE, str(state))
    noted: list[object] = []
    monkeypatch.setattr(sensor, "note_in_force", noted.append)
    watched = sensor.declarations_sensor(current(config, state).declarations)
    (config / "a.yaml").write_text(BETTER)
    context = dg.build_sensor_context()
    context._log_key = ["signalbox", "declarations", "20260302_100000"]
    assert "loading them" in str(watched(context))
    assert (asked, noted) == ([], [])
