"""Declarations with alerts, and a Dagster instance whose runs and ticks end as a test wants it."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo

from resources import DatabaseResource, NotifierResource
from scheduler_defs import tags
from scheduler_defs.declarations import Declarations, load
from sensors import alerts
from tests.unit.execution.core.setting import Setting

JOBS = "jobs:\n  line: {command: ['true']}\n"
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("yard"), "__repository__")


def declared(folder: Path, text: str) -> Declarations:
    """The declarations in a YAML text, which must be without fault."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.yaml").write_text(JOBS + text)
    result = load(folder)
    assert [str(problem) for problem in result.problems] == []
    return result.declarations


@dataclass
class Yard:
    setting: Setting
    folder: Path

    def declare(self, text: str) -> Declarations:
        return declared(self.folder / "config", text)

    def to_file(self) -> str:
        """A channel `file`: a command that appends what it is given to a file."""
        program = "import sys; open('told.jsonl', 'a').write(sys.stdin.read() + chr(10))"
        return f"    file: {{type: command, command: {json.dumps([sys.executable, '-c', program])}}}\n"

    @property
    def told(self) -> list[dict[str, Any]]:
        path = self.folder / "told.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def texts(self) -> list[str]:
        return [each["text"] for each in self.told]

    def tick(self, declarations: Declarations, now: dt.datetime | None = None) -> str:
        """One tick of the sensor, and what it says."""
        context = dg.build_sensor_context(self.setting.instance)
        at = now or dt.datetime.now(dt.UTC)
        return alerts.tick(declarations, context, at, DatabaseResource().engine(), NotifierResource())

    def run(self, *, ok: bool = False, **run_tags: str) -> str:
        """A run that ends now; in tag names `_` stands for itself and the prefix is ours."""
        given = {f"signalbox/{key}": value for key, value in run_tags.items()}
        run_id = self.setting.run("STARTED", tags={tags.JOB: "line", **given})
        kind = dg.DagsterEventType.RUN_SUCCESS if ok else dg.DagsterEventType.RUN_FAILURE
        self.setting.report(run_id, kind, "it fell over")
        return run_id

    def tick_of(
        self, name: str, status: str, *, sensor: bool = False, error: str = "", reason: str | None = None
    ) -> int:
        """A tick of a schedule or sensor that is in this state; returns its id."""
        origin = REPOSITORY.get_instigator_origin(name)
        made = self.setting.instance.create_tick(
            TickData(
                instigator_origin_id=origin.get_id(),
                instigator_name=name,
                instigator_type=InstigatorType.SENSOR if sensor else InstigatorType.SCHEDULE,
                status=TickStatus(status),
                timestamp=dt.datetime.now(dt.UTC).timestamp(),
                selector_id=f"selector-{name}",
                error=SerializableErrorInfo(error, [], "Error") if error else None,
                skip_reason=reason,
            )
        )
        return int(made.tick_id)

    def end_tick(self, tick_id: int, name: str, status: str, *, error: str = "") -> None:
        """A tick ends, or ends otherwise after it was tried again."""
        found = self.setting.instance.get_ticks(
            REPOSITORY.get_instigator_origin(name).get_id(), f"selector-{name}"
        )
        (tick,) = [each for each in found if int(each.tick_id) == tick_id]
        self.setting.instance.update_tick(
            tick.with_status(
                TickStatus(status), error=SerializableErrorInfo(error, [], "Error") if error else None
            )
        )

    def cursor(self, sensor: str, memory: Mapping[str, Any]) -> None:
        """The cursor of a sensor, as its last tick has left it."""
        origin = REPOSITORY.get_instigator_origin(sensor)
        state = InstigatorState(
            origin,
            InstigatorType.SENSOR,
            InstigatorStatus.RUNNING,
            SensorInstigatorData(cursor=json.dumps(memory)),
        )
        if self.setting.instance.get_instigator_state(origin.get_id(), origin.get_selector().get_id()):
            self.setting.instance.update_instigator_state(state)
        else:
            self.setting.instance.add_instigator_state(state)
