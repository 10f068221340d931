"""What a stack consists of, for the options and the environment it is given."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler_defs.settings import Settings, settings
from scheduler_defs.stack.components import locations, plan
from scheduler_defs.stack.components.component import StopPhase
from scheduler_defs.stack.components.plan import Options, Plan
from scheduler_defs.stack.machine import folders


@pytest.fixture
def where() -> Iterator[Settings]:
    """A state folder, and a database and broker of somebody else: nothing is made."""
    folder = Path(tempfile.mkdtemp(prefix="sb-plan-"))
    given = {
        "SIGNALBOX_STATE": str(folder),
        "SIGNALBOX_CONFIG": str(folder),
        "SIGNALBOX_POSTGRES_URL": "postgresql://me:secret@db.example/yard",
        "SIGNALBOX_BROKER_URL": "amqp://me:secret@mq.example//",
    }
    folders.create_state(folder)
    yield settings(given)
    shutil.rmtree(folder)


Make = Callable[..., Plan]


@pytest.fixture
def make(where: Settings) -> Iterator[Make]:
    made: list[Plan] = []

    def planned(options: Options | None = None, where: Settings = where) -> Plan:
        made.append(plan.make(where, options or Options()))
        return made[-1]

    yield planned
    for item in made:
        item.close()


def test_given_urls_then_nothing_is_embedded_and_no_password_is_shown(make: Make) -> None:
    made = make()
    shown = {component.name: component for component in made.components}
    assert shown["postgres"].argv is None
    assert shown["broker"].argv is None
    assert "valkey" not in shown
    assert "secret" not in shown["postgres"].address + shown["broker"].address
    assert made.exports["SIGNALBOX_POSTGRES_URL"] == "postgresql+psycopg2://me:secret@db.example/yard"


def test_given_the_address_at_which_people_reach_it_then_programs_have_another_below_the_same_path(
    make: Make, where: Settings
) -> None:
    made = make(where=dataclasses.replace(where, public_url="https://ops.example/yard/"))
    assert made.exports["SIGNALBOX_PUBLIC_URL"] == "https://ops.example/yard/"
    assert made.exports["SIGNALBOX_UI_URL"] == made.ui
    assert made.ui.startswith("http://127.0.0.1:")
    assert made.ui.endswith("/yard")
    (argv,) = [item.argv or () for item in made.components if item.name == "webserver"]
    assert argv[argv.index("--path-prefix") + 1] == "/yard"
    plain = make()
    assert plain.exports["SIGNALBOX_PUBLIC_URL"] == plain.ui


@pytest.mark.attack
def test_given_any_plan_then_no_secret_is_on_a_command_line(make: Make) -> None:
    made = make()
    assert "secret" not in " ".join(part for item in made.components for part in item.argv or ())


def test_given_no_urls_then_both_are_embedded_and_end_last(make: Make, where: Settings) -> None:
    alone = dataclasses.replace(where, postgres_url=None, broker_url=None)
    try:
        made = make(where=alone)
    finally:
        shutil.rmtree(folders.socket_folder(where.state), ignore_errors=True)
    assert made.storage == ("postgres", "valkey")
    last = [item.name for item in made.components if item.stop_phase is StopPhase.STORAGE]
    assert last == ["postgres", "valkey"]


def test_given_storage_that_does_not_start_then_it_is_tried_again_every_few_seconds(
    make: Make, where: Settings
) -> None:
    try:
        made = make(where=dataclasses.replace(where, postgres_url=None, broker_url=None))
    finally:
        shutil.rmtree(folders.socket_folder(where.state), ignore_errors=True)
    longest = {item.name: item.backoff.delay_seconds(1000) for item in made.components}
    assert longest["postgres"] == longest["valkey"] == 3
    assert longest["daemon"] == 30


def test_given_an_order_of_needs_then_each_component_needs_only_what_comes_before(make: Make) -> None:
    made = make()
    known = {plan.MIGRATIONS, locations.LOCATIONS}
    for component in made.components:
        assert set(component.needs) <= known, component.name
        known.add(component.name)


def test_given_a_host_for_everybody_then_only_the_ui_listens_there_and_its_address_can_be_opened(
    make: Make,
) -> None:
    made = make(Options(host="0.0.0.0"))
    assert made.ui.startswith("http://127.0.0.1:")
    listening = [item.name for item in made.components if "0.0.0.0" in (item.argv or ())]
    assert listening == ["webserver"]


def test_given_a_worker_then_it_is_a_prefork_worker_of_its_queues_that_is_asked_before_it_is_interrupted() -> (
    None
):
    worker = plan.worker("worker-runs", ("runs", "gpu"), 3, "0123456789abcdef")
    assert worker.argv is not None
    line = " ".join(worker.argv)
    assert "--pool prefork --autoscale 3,0 --queues runs,gpu" in line
    assert "--hostname worker-runs-01234567@%h" in line
    assert [step.number for step in worker.stop_signals] == [signal.SIGTERM, signal.SIGQUIT]
