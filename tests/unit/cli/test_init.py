"""`signalbox init`: what it writes, what it carries over, and what it says it cannot."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scheduler_defs.cli.init import airflow, apscheduler, celery_beat, crontab, cyber_brain, systemd, yard
from scheduler_defs.cli.init.translation import Translation
from scheduler_defs.cli.main import build
from scheduler_defs.declarations import load
from scheduler_defs.errors import SignalboxError


def init(*words: str) -> Result:
    argv = ["init", *words]
    return CliRunner().invoke(build(argv), argv)


def document(*words: str) -> dict[str, Any]:
    result = init(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", [(), ("--from", "empty")])
def test_given_a_new_folder_then_a_yard_without_faults_is_written(
    tmp_path: Path, kind: tuple[str, ...]
) -> None:
    folder = tmp_path / "new"
    found = document(str(folder), *kind)
    assert found["not_carried_over"] == []
    assert {Path(path).relative_to(folder).as_posix() for path in found["written"]} >= {
        *(
            "config/jobs.yaml",
            "config/schedules.yaml",
            ".gitignore",
            "pyproject.toml",
            ".github/workflows/signalbox.yml",
        ),
        "schemas/schedules.json",
    }
    loaded = load(folder / "config")
    assert not loaded.problems
    assert set(loaded.declarations.schedules) == (set() if kind else {"say-hello"})
    for path in (folder / "config").iterdir():
        schema = path.read_text().splitlines()[0].rpartition("=")[2]
        assert (path.parent / schema).is_file()
    workflow = (folder / ".github/workflows/signalbox.yml").read_text()
    assert "signalbox check" in workflow and "signalbox plan" in workflow


def test_given_files_that_are_there_then_they_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jobs.yaml").write_text("jobs: {mine: {command: [x]}}\n")
    (tmp_path / ".gitignore").write_text("mine\n")
    found = document(str(tmp_path))
    assert len(found["kept"]) == 2
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert "mine" in (tmp_path / "config/jobs.yaml").read_text()
    assert document(str(tmp_path))["written"] == []


def test_given_a_dry_run_then_nothing_is_written(tmp_path: Path) -> None:
    assert document(str(tmp_path / "new"), "--dry-run")["written"]
    assert not (tmp_path / "new").exists()


CRONTAB = r"""
MAILTO=me@example.org
CRON_TZ=Europe/Berlin
API_TOKEN=hush
LANG=C
# a comment
30 7 * * 1-5 /usr/bin/report --all "two words"
@daily cd /srv && ./backup.sh >/dev/null
@reboot /bin/first
*/5 * * * * date +\%F
5 5 * * * mail -s x%body
0 0 31 2 * never
1 2 3 nonsense
0 1 * * * run {params.x}
61 * * * * wrong
"""


def test_given_a_crontab_then_what_has_a_place_is_carried_over_and_the_rest_is_named(tmp_path: Path) -> None:
    (tmp_path / "cron").write_text(CRONTAB)
    found = document(str(tmp_path / "y"), "--from", "crontab", str(tmp_path / "cron"))
    loaded = load(tmp_path / "y/config")
    assert not loaded.problems
    jobs = {name: job.command for name, job in loaded.declarations.jobs.items()}
    assert jobs["report"] == ("env", "LANG=C", "/usr/bin/report", "--all", "two words")
    assert jobs["date"] == ("env", "LANG=C", "date", "+%F")
    assert ("env", "LANG=C", "sh", "-c", "cd /srv && ./backup.sh >/dev/null") in jobs.values()
    report = loaded.declarations.schedules["report"]
    assert (report.spec, report.timezone) == (
        "cron 30 7 * * 1-5",
        "Europe/Berlin",
    ) or "30 7 * * 1-5" in report.spec
    said = "\n".join(found["not_carried_over"])
    for part in ("cron:2: MAILTO", "cron:4: API_TOKEN", "cron:9: @reboot", "cron:11: an unescaped %", "never.cron",
                 "cron:13: not understood", "cron:14: its command has braces", "minute '61'"):  # fmt: skip
        assert part in said, part
    assert "hush" not in said + (tmp_path / "y/config/crontab.yaml").read_text()
    again = init(str(tmp_path / "y"), "--from", "crontab", str(tmp_path / "cron"))
    assert isinstance(again.exception, SignalboxError) and "is there already" in str(again.exception)


def test_given_a_crontab_of_the_system_then_its_users_are_no_commands() -> None:
    found = crontab.read("0 1 * * * www /bin/x\n0 2 * * * root /bin/y -z\n", "crontab", with_users=True)
    assert [job["command"] for job in found.jobs.values()] == [["/bin/x"], ["/bin/y", "-z"]]
    assert any("user www" in note for note in found.notes) and not any(
        "user root" in note for note in found.notes
    )


def test_given_the_file_before_and_after_the_kind_then_each_is_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "cron").write_text("0 1 * * * /bin/x\n")
    for words in (["y1", "--from", "crontab", "cron"], ["y2", "--from=crontab", "cron", "--dry-run"]):
        found = document(*(str(tmp_path / word) if word in ("y1", "y2", "cron") else word for word in words))
        assert any(path.endswith("config/crontab.yaml") for path in found["written"])


@pytest.mark.parametrize(
    ("text", "cron", "zone"),
    [
        ("daily", "0 0 * * *", None),
        ("Mon..Fri *-*-* 07:30:00 Europe/Berlin", "30 7 * * mon-fri", "Europe/Berlin"),
        ("*-*-01 04:05", "5 4 1 * *", None),
        ("*:0/15", "*/15 * * * *", None),
        ("Sat,Sun 10..18:30", "30 10-18 * * sat,sun", None),
        ("Monday", "0 0 * * mon", None),
        ("weekly UTC", "0 0 * * 1", "UTC"),
        ("*-02,08-03 08,20:7/10", "7-59/10 8,20 3 2,8 *", None),
    ],
)
def test_given_a_calendar_of_systemd_then_it_is_a_cron(text: str, cron: str, zone: str | None) -> None:
    assert systemd.calendar(text) == (cron, zone)


@pytest.mark.parametrize("text", ["2027-01-01 00:00", "*-*-* 00:00:30", "Mon *-*-13", "*-*~01"])
def test_given_a_calendar_without_a_cron_then_it_is_refused(text: str) -> None:
    with pytest.raises(systemd.NotCarriedOver):
        systemd.calendar(text)


def test_given_timers_then_their_services_become_jobs(tmp_path: Path) -> None:
    (tmp_path / "backup.timer").write_text(
        "[Timer]\nOnCalendar=daily\nOnCalendar=Mon 12:00\nPersistent=true\nRandomizedDelaySec=10min\nOnBootSec=5m\n"
    )
    (tmp_path / "backup.service").write_text(
        "[Service]\nUser=www\nEnvironment=A=1 'B=two words'\nEnvironment=DB_PASSWORD=hush\nWorkingDirectory=/srv\n"
        "RuntimeMaxSec=1h 30min\nExecStart=-/usr/bin/backup --to \\\n  /mnt\n"
    )
    (tmp_path / "odd.timer").write_text("[Timer]\nOnUnitActiveSec=1h\nUnit=gone.service\n")
    found = systemd.read(sorted(tmp_path.glob("*.timer")))
    found.drop_what_is_faulty()
    assert found.jobs["backup"]["command"] == [
        *("env", "-C", "/srv", "env", "A=1", "B=two words", "/usr/bin/backup", "--to", "/mnt")
    ]
    assert found.jobs["backup"]["timeout"] == "5400s"
    assert found.schedules["backup"] == {
        "job": "backup", "cron": ["0 0 * * *", "0 12 * * mon"], "catch_up": "latest", "jitter": "600s",
    }  # fmt: skip
    said = "\n".join(found.notes)
    assert "User: " in said and "OnBootSec" in said and "DB_PASSWORD" in said and "gone.service" in said
    assert "hush" not in said + found.text()


def test_given_an_app_of_celery_then_each_entry_sends_its_task() -> None:
    from celery import Celery
    from celery.schedules import crontab as celery_crontab

    module = ModuleType("proj")
    app = Celery("proj", broker="memory://")
    app.conf.timezone = "Europe/Berlin"
    app.conf.beat_schedule = {
        "morning": {"task": "proj.report", "schedule": celery_crontab(hour=7, minute=30, day_of_week="mon-fri"),
                    "args": (1, "x"), "options": {"queue": "slow", "expires": 300}},
        "often": {"task": "proj.often", "schedule": dt.timedelta(minutes=10)},
        "both": {"task": "proj.x", "schedule": celery_crontab(day_of_month="1-7", day_of_week="mon")},
        "sun": {"task": "proj.x", "schedule": type("solar", (), {})()},
    }  # fmt: skip
    module.app = app  # type: ignore[attr-defined]
    found = celery_beat.read(module)
    found.drop_what_is_faulty()
    assert found.jobs["morning"]["command"] == [
        *("celery", "-A", "proj", "call", "proj.report", '--args=[1, "x"]', "--queue=slow")
    ]
    assert found.schedules["morning"] == {
        "job": "morning", "cron": "30 7 * * mon-fri", "timezone": "Europe/Berlin", "misfire_grace": "300s",
    }  # fmt: skip
    assert found.schedules["often"] == {"job": "often", "every": "10m"}
    assert {note.split(":")[0] for note in found.notes} == {"both", "sun", "proj"}
    with pytest.raises(SignalboxError, match="no Celery app"):
        celery_beat.read(ModuleType("nothing"))


def test_given_jobs_of_apscheduler_then_each_calls_its_function() -> None:
    def trigger(kind: str, **fields: object) -> Any:
        return type(kind, (), {})() if not fields else type(kind, (), fields)()

    def cron(**fields: str) -> Any:
        order = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
        given = {"year": "*", "month": "*", "day": "*", "week": "*", "day_of_week": "*", **fields}
        named = [type("F", (), {"name": n, "__str__": lambda self, n=n: given.get(n, "0")})() for n in order]
        return trigger("CronTrigger", fields=named, timezone="UTC")

    def job(name: str, trigger: object, *args: object) -> Any:
        return SimpleNamespace(
            id=name, name=name, func_ref="app.tasks:work", args=args, kwargs={}, trigger=trigger,
            misfire_grace_time=30, max_instances=1, coalesce=True,
        )  # fmt: skip

    jobs = [
        job("weekdays", cron(day_of_week="0-4", hour="7", minute="30"), 1),
        job("often", trigger("IntervalTrigger", interval=dt.timedelta(minutes=2))),
        job("quick", trigger("IntervalTrigger", interval=dt.timedelta(seconds=90))),
        job("once", trigger("DateTrigger", run_date=dt.datetime(2100, 1, 1, tzinfo=dt.UTC))),
        job("seconds", cron(second="*/10")),
        job("objects", trigger("IntervalTrigger", interval=dt.timedelta(seconds=90)), object()),
    ]
    module = ModuleType("app.scheduling")
    module.scheduler = SimpleNamespace(get_jobs=lambda: jobs, add_job=None)  # type: ignore[attr-defined]
    found = apscheduler.read(module)
    found.drop_what_is_faulty()
    assert found.schedules["weekdays"]["cron"] == "30 7 * * mon-fri"
    assert found.schedules["often"]["every"] == "2m"
    assert found.schedules["once"]["at"] == "2100-01-01T00:00:00+00:00"
    assert found.jobs["weekdays"]["command"][-3:] == ["app.tasks", "work", "[[1], {}]"]
    assert {note.split(":")[0] for note in found.notes} == {
        *("seconds", "objects", "app.scheduling", "schedules.quick.every")
    }


def test_given_schedules_of_cyber_brain_then_known_jobs_are_carried_over() -> None:
    rows = [
        {"name": "Log Triage", "job": "log_triage", "schedule_type": "interval", "interval_minutes": 10,
         "max_global": 3, "enabled": False, "task3_scope": "all"},
        {"fields": {"name": "map", "job": "service_map", "schedule_type": "cron", "cron_expr": "0 2 * * *",
                    "timezone": "America/Chicago"}},
        {"name": "x", "job": "unknown", "schedule_type": "cron", "cron_expr": "* * * * *"},
    ]  # fmt: skip
    found = cyber_brain.read(json.dumps({"results": rows}), "export.json")
    found.drop_what_is_faulty()
    assert found.schedules["Log-Triage"] == {
        "job": "log_triage", "every": "10m", "timezone": "UTC", "enabled": False, "max_global": 3,
    }  # fmt: skip
    assert found.schedules["map"]["cron"] == "0 2 * * *"
    assert [note.split(":")[0] for note in found.notes] == ["Log Triage", "x"]
    for bad in ("{", "3", "[]", '[{"a": 1}]'):
        with pytest.raises(SignalboxError, match=r"export\.json: "):
            cyber_brain.read(bad, "export.json")


def test_given_files_of_tinyscheduler_then_its_agents_are_carried_over(tmp_path: Path) -> None:
    (tmp_path / "tinyscheduler.env").write_text('TINYSCHEDULER_AGENT_LIMITS={"vaela": 2}\n')
    found = document(str(tmp_path / "y"), "--from", "tinyscheduler", str(tmp_path / "tinyscheduler.env"))
    assert "vaela" in (tmp_path / "y/config/tinyscheduler.yaml").read_text()
    assert isinstance(found["not_carried_over"], list)


DAGS = """
from datetime import timedelta
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("nightly", schedule="0 2 * * *", catchup=False) as dag:
    fetch = BashOperator(task_id="fetch", bash_command="fetch --all")
    clean = BashOperator(task_id="clean", bash_command="clean")
    report = BashOperator(task_id="report", bash_command="report | mail me")
    fetch >> [clean, report]
    report << clean

with DAG(dag_id="often", schedule_interval=timedelta(minutes=10), catchup=True):
    BashOperator(task_id="only", bash_command="echo hi")

with DAG("python", schedule="@daily"):
    PythonOperator(task_id="x", python_callable=print)

with DAG("templated", schedule="@daily"):
    BashOperator(task_id="x", bash_command="echo {{ ds }}")

with DAG("odd", schedule="@continuous"):
    BashOperator(task_id="x", bash_command="x")
"""


def test_given_dags_of_airflow_then_their_commands_are_steps(tmp_path: Path) -> None:
    (tmp_path / "dags.py").write_text(DAGS)
    (tmp_path / "bad.py").write_text("def x(:\n")
    found = document(
        str(tmp_path / "y"), "--from", "airflow", str(tmp_path / "dags.py"), str(tmp_path / "bad.py")
    )
    loaded = load(tmp_path / "y/config")
    assert not loaded.problems
    nightly = loaded.declarations.jobs["nightly"]
    assert nightly.steps is not None
    assert {name: set(step.needs) for name, step in nightly.steps.items()} == {
        "fetch": set(), "clean": {"fetch"}, "report": {"fetch", "clean"},
    }  # fmt: skip
    assert nightly.steps["report"].command == ("bash", "-c", "report | mail me")
    assert loaded.declarations.jobs["often"].command == ("bash", "-c", "echo hi")
    assert loaded.declarations.schedules["often"].spec == "every 10m"
    assert loaded.declarations.schedules.keys() == {"nightly", "often"}
    said = "\n".join(found["not_carried_over"])
    for part in ("PythonOperator", "template", "@continuous", "bad.py:1: not Python"):
        assert part in said, part
    carried = Translation()
    airflow.read("x = 1\n", "empty.py", carried)
    assert carried.notes == ["empty.py: no `with DAG(...)` in it"]


FLOWS = """
id: nightly
namespace: company.team
inputs: [{id: day, type: STRING}]
tasks:
  - {id: fetch, type: io.kestra.plugin.scripts.shell.Commands, commands: ["fetch --all", "echo fetched"],
     env: {REGION: eu, API_TOKEN: s3cret}, containerImage: "alpine:3"}
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: clean, type: io.kestra.plugin.scripts.shell.Script, script: clean}
      - {id: count, type: io.kestra.plugin.scripts.python.Script, script: "print(1)"}
      - {id: off, type: io.kestra.plugin.core.log.Log, message: x, disabled: true}
  - {id: report, type: io.kestra.plugin.scripts.shell.Commands, commands: [report]}
triggers:
  - {id: night, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 2 * * *", timezone: Europe/Paris}
  - {id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: k}
---
id: often
disabled: true
tasks: [{id: only, type: io.kestra.plugin.scripts.shell.Commands, commands: [date]}]
triggers:
  - {id: a, type: io.kestra.plugin.core.trigger.Schedule, cron: "*/5 * * * *", recoverMissedSchedules: NONE}
  - {id: b, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 9 * * *", conditions: [{type: x}]}
---
id: templated
tasks: [{id: only, type: io.kestra.plugin.scripts.shell.Commands, commands: ["echo {{ trigger.date }}"]}]
triggers: [{id: a, type: io.kestra.plugin.core.trigger.Schedule, cron: "@daily"}]
---
id: cloud
tasks: [{id: only, type: io.kestra.plugin.gcp.bigquery.Query}]
---
id: never
tasks: [{id: only, type: io.kestra.plugin.scripts.shell.Commands, commands: [date]}]
"""


def test_given_flows_of_kestra_then_their_commands_are_steps_and_the_rest_is_named(tmp_path: Path) -> None:
    (tmp_path / "flows.yaml").write_text(FLOWS)
    (tmp_path / "bad.yaml").write_text("a: [\n")
    (tmp_path / "none.yaml").write_text("a: 1\n")
    files = (str(tmp_path / f"{name}.yaml") for name in ("flows", "bad", "none"))
    found = document(str(tmp_path / "y"), "--from", "kestra", *files)
    loaded = load(tmp_path / "y/config")
    assert not loaded.problems
    declared = loaded.declarations
    assert declared.schedules.keys() == {"nightly", "often"}
    steps = declared.jobs["nightly"].steps
    assert steps is not None
    assert {name: set(step.needs) for name, step in steps.items()} == {
        "fetch": set(), "clean": {"fetch"}, "count": {"fetch"}, "report": {"clean", "count"},
    }  # fmt: skip
    assert steps["fetch"].command == ("env", "REGION=eu", "sh", "-ec", "fetch --all\necho fetched")
    assert steps["count"].command == ("python3", "-c", "print(1)")
    nightly, often = declared.schedules["nightly"], declared.schedules["often"]
    assert (nightly.timezone, often.enabled) == ("Europe/Paris", False)
    assert (nightly.policies.catch_up, often.policies.catch_up) == ("all", "none")
    said = "\n".join(found["not_carried_over"])
    for part in (
        "flow nightly: inputs: no equivalent",
        "task fetch: API_TOKEN looks like a secret",
        "task fetch: its container is left out",
        "trigger hook: io.kestra.plugin.core.trigger.Webhook: only a Schedule",
        "trigger b: conditions: no equivalent; the trigger is left out",
        "flow templated, task only: its command has a template",
        "flow cloud, task only: io.kestra.plugin.gcp.bigquery.Query: only tasks",
        "flow never: it has no schedule",
        "bad.yaml:2: not YAML",
        "none.yaml: no flow in it",
    ):
        assert part in said, part
    assert "s3cret" not in json.dumps(found) + (tmp_path / "y/config/kestra.yaml").read_text()


def test_given_names_that_clash_or_are_none_then_each_gets_its_own() -> None:
    carried = Translation()
    for name in ("a b", "a-b", "", "context", "é"):
        carried.add("x", name, ["x"], {"every": "1m"})
    assert list(carried.jobs) == ["a-b", "a-b-2", "job", "context-job", "job-2"]
    carried.drop_what_is_faulty()
    assert not carried.notes


def test_what_is_wrong_with_the_call_is_said(tmp_path: Path) -> None:
    from scheduler_defs.errors import UsageError

    for words in (["--from", "systemd"], ["--from", "crontab", "a", "b"]):
        assert isinstance(init(str(tmp_path), *words).exception, UsageError)
    assert isinstance(init("--from", "crontab", str(tmp_path / "none")).exception, SignalboxError)
    assert init("--from", "nonsense").exit_code == 2
    assert isinstance(init("--from", "celery-beat", "no.such.module").exception, SignalboxError)
    assert not list(tmp_path.iterdir())
    assert yard.SCHEMAS.is_dir()
