"""The probes that come with Signalbox, against real files, servers and databases."""

import datetime as dt
import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.conditions import Look, Result, evaluate
from scheduler_defs.conditions.probes.environment import is_secret_name
from scheduler_defs.conditions.probes.json_path import pick, steps
from scheduler_defs.conditions.registry import find
from scheduler_defs.declarations.models.conditions import Comparison, Operator
from scheduler_defs.errors import NotReachableError, SignalboxError

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


def look(subject: str, seconds: float = 5.0) -> Any:
    """What the subject's probe observes at NOW."""
    probe, argument = find(subject)
    return probe.read(argument, Look(NOW, seconds))


def test_age_size_and_existence_of_files(tmp_path: Path) -> None:
    path = tmp_path / "x: y.txt"
    path.write_text("12345")
    os.utime(path, (NOW.timestamp() - 90, NOW.timestamp() - 90))
    assert look(f"file.age:{path}") == dt.timedelta(seconds=90)
    assert look(f"file.size:{path}") == 5
    assert look(f"file.exists:{path}") is True
    assert look(f"file.exists:{tmp_path}/none") is False
    assert look(f"file.exists:{path}/below-a-file") is False
    assert look(f"file.age:{tmp_path}/none") is None
    assert look(f"file.size:{tmp_path}/none") is None


def test_number_of_entries_of_folders_and_globs(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).touch()
    assert look(f"dir.count:{tmp_path}") == 3
    assert look(f"dir.count:{tmp_path}/*.csv") == 2
    assert look(f"dir.count:{tmp_path}/*.none") == 0
    assert look(f"dir.count:{tmp_path}/none") is None
    assert look(f"dir.count:{tmp_path}/none/*.csv") is None


def test_what_may_not_be_looked_at_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    seen = evaluate(Comparison(subject="file.exists:/secret/x", op=Operator.EQ, value=False))
    assert (seen.result, seen.text) == (
        Result.ERROR,
        "file.exists:/secret/x: Permission denied, wanted = false",
    )


def test_machine_is_as_it_says(tmp_path: Path) -> None:
    assert 0 < look("disk.free_percent:/") <= 100
    usage = os.statvfs(tmp_path)
    assert look(f"disk.free_bytes:{tmp_path}") == pytest.approx(usage.f_bavail * usage.f_frsize, rel=0.05)
    assert look(f"disk.free_percent:{tmp_path}/none") is None
    assert look("memory.available") > 10_000_000
    assert look("load.average:15") == os.getloadavg()[2]


def test_environment_variable_and_its_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SB_STAGE", "blue")
    monkeypatch.delenv("SB_NONE", raising=False)
    assert look("env:SB_STAGE") == "blue"
    assert look("env:SB_NONE") is None


def test_value_of_a_secret_variable_is_compared_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SB_API_TOKEN", "hunter2hunter2")
    seen = evaluate(Comparison(subject="env:SB_API_TOKEN", op=Operator.CONTAINS, value="hunter"))
    assert (seen.result, seen.text) == (Result.TRUE, "env:SB_API_TOKEN = (hidden), wanted to contain hunter")


@pytest.mark.parametrize("name", ["DB_PASSWORD", "apiKey", "GITHUB_TOKEN", "POSTGRES_URL", "AWS_SECRET_ID"])
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)
    assert not is_secret_name("HOME")


class _Site(http.server.ThreadingHTTPServer):
    daemon_threads = True
    requests: list[str]


class _Answers(http.server.BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        status, body = 200, b""
        if self.path == "/json":
            body = json.dumps({"status": "ok", "items": [{"age": "90s"}, {"age": "5m"}], "n": 3}).encode()
        elif self.path == "/broken":
            status, body = 503, b'{"status": "down"}'
        elif self.path == "/moved":
            status = 302
        elif self.path == "/text":
            body = b"hello"
        elif self.path == "/big":
            body = b" " * 2_000_000
        elif self.path == "/slow":
            time.sleep(1.5)
        self.send_response(status)
        self.send_header("Location", "/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = _Site(("127.0.0.1", 0), _Answers)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_status_of_http_answers(site: str) -> None:
    assert look(f"http.status:{site}/json") == 200
    assert look(f"http.status:{site}/broken") == 503
    assert look(f"http.status:{site}/moved") == 302
    assert look(f"http.reachable:{site}/broken") is True


def test_value_in_json_answers(site: str) -> None:
    assert look(f"http.json:{site}/json $.status") == "ok"
    assert look(f"http.json:{site}/json $.items[-1].age") == "5m"
    assert look(f"http.json:{site}/json $.none.deeper") is None
    assert look(f"http.json:{site}/broken $['status']") == "down"
    assert look(f"http.json:{site}/json") == {
        "status": "ok",
        "items": [{"age": "90s"}, {"age": "5m"}],
        "n": 3,
    }
    with pytest.raises(SignalboxError, match=r"status 200.* is not JSON"):
        look(f"http.json:{site}/text $.a")
    with pytest.raises(SignalboxError, match="longer than 1000000 bytes"):
        look(f"http.json:{site}/big $.a")


def test_address_that_does_not_answer() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(NotReachableError, match="no answer"):
        look(f"http.status:{address}")
    assert look(f"http.reachable:{address}") is False


def test_slow_answer_is_not_waited_for(site: str) -> None:
    with pytest.raises(NotReachableError, match="no answer: timed out"):
        look(f"http.status:{site}/slow", seconds=0.2)
    assert look(f"http.reachable:{site}/slow", seconds=0.2) is False


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", ["root"]),
        ("$.a.b-c", ["a", "b-c"]),
        ("$['a b'][0][-1]", ["a b", 0, -1]),
        ('$["it\'s"]', ["it's"]),
        (r"$['it\'s']", ["it's"]),
        ("$.größe", ["größe"]),
    ],
)
def test_json_path_steps(path: str, expected: list[str | int]) -> None:
    assert steps(path) == ([] if expected == ["root"] else expected)


@pytest.mark.parametrize("path", ["a", "", "$.", "$a", "$[a]", "$[*]", "$..a", "$.a[", "$['a]"])
def test_bad_json_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="JSON path"):
        steps(path)


def test_json_path_leads_nowhere_without_an_error() -> None:
    document = {"a": [1, {"b": None}]}
    assert pick(document, "$.a[1].b") is None
    assert pick(document, "$.a[7]") is None
    assert pick(document, "$.a.b") is None
    assert pick(document, "$.a[0]") == 1


@pytest.fixture
def yard(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    """A database of its own, which is Signalbox's for this test."""
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", postgres_url)
    engine = database.engine()
    yield engine
    engine.dispose()


def test_value_from_the_database(yard: sa.Engine, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    with yard.begin() as connection:
        connection.execute(sa.text("CREATE TABLE jobs (n integer, at timestamptz, price numeric)"))
        connection.execute(sa.text("INSERT INTO jobs VALUES (7, '2026-07-01T12:00Z', 9.90)"))
    assert look("sql.value:SELECT n, at FROM jobs") == 7
    assert look("sql.value:SELECT at FROM jobs;") == NOW
    assert look("sql.value:SELECT n FROM jobs WHERE n > 10") is None
    assert look("sql.value:SELECT '50%' || ':x' WHERE 'a' LIKE '%a%'") == "50%:x"
    monkeypatch.setenv("REPORTS_URL", postgres_url.replace("postgresql+psycopg2", "postgresql"))
    monkeypatch.delenv("SIGNALBOX_POSTGRES_URL")
    assert look("sql.value:@REPORTS_URL SELECT count(*) FROM jobs") == 1
    seen = evaluate(
        Comparison(subject="sql.value:@REPORTS_URL SELECT price FROM jobs", op=Operator.LT, value=10)
    )
    assert (seen.result, seen.text) == (
        Result.TRUE,
        "sql.value:@REPORTS_URL SELECT price FROM jobs = 9.9, wanted < 10",
    )


def test_query_cannot_write_even_through_a_function(yard: sa.Engine) -> None:
    with yard.begin() as connection:
        connection.execute(sa.text("CREATE TABLE jobs (n integer)"))
        connection.execute(
            sa.text(
                "CREATE FUNCTION sneak() RETURNS integer LANGUAGE sql"
                " AS 'INSERT INTO jobs VALUES (1) RETURNING n'"
            )
        )
    with pytest.raises(SignalboxError, match="read-only transaction"):
        look("sql.value:SELECT sneak()")
    with yard.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM jobs")).scalar() == 0


def test_query_that_takes_too_long_is_cancelled_in_the_database(yard: sa.Engine) -> None:
    with pytest.raises(SignalboxError, match="statement timeout"):
        look("sql.value:SELECT count(*) FROM generate_series(1, 100000000000)", seconds=0.2)
    with yard.connect() as connection:
        sleeping = sa.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
        deadline = time.monotonic() + 10
        while connection.execute(sleeping).scalar() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert connection.execute(sleeping).scalar() == 0


def test_faults_of_databases_are_one_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, yard: sa.Engine
) -> None:
    with pytest.raises(SignalboxError, match='relation "none" does not exist') as caught:
        look("sql.value:SELECT 1 FROM none")
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("OTHER_URL", "mysql://ann:hunter2@host/x")
    with pytest.raises(SignalboxError, match="only Postgres"):
        look("sql.value:@OTHER_URL SELECT 1")
    monkeypatch.setenv("OTHER_URL", "postgresql://ann:hunter2@127.0.0.1:9/x")
    with pytest.raises(SignalboxError) as refused:
        look("sql.value:@OTHER_URL SELECT 1")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(NotReachableError, match="GONE_URL is not set"):
        look("sql.value:@GONE_URL SELECT 1")


@pytest.fixture
def runs(yard: sa.Engine, postgres_url: str) -> Iterator[Any]:
    """Dagster's run storage, and a function that adds a run to it."""
    from dagster_postgres import PostgresRunStorage

    storage = PostgresRunStorage.create_clean_storage(postgres_url)

    def add(status: str, start: int | None = None, end: int | None = None, **run_tags: str) -> None:
        """A run that started and ended that many seconds before NOW."""
        named = {getattr(tags, name.upper()): value for name, value in run_tags.items()}
        run = dg.DagsterRun(job_name="x", status=dg.DagsterRunStatus(status), tags=named)
        storage.add_run(run)
        with yard.begin() as connection:
            connection.execute(
                sa.text("UPDATE runs SET start_time = :start, end_time = :end WHERE run_id = :id"),
                {
                    "id": run.run_id,
                    "start": None if start is None else NOW.timestamp() - start,
                    "end": None if end is None else NOW.timestamp() - end,
                },
            )

    yield add
    storage.dispose()


def test_status_and_age_of_the_newest_run(runs: Any) -> None:
    assert look("run.last_status:nightly") is None
    assert look("run.age:nightly") is None
    runs("SUCCESS", 900, 600, schedule="nightly", job="backup")
    runs("FAILURE", 400, 300, schedule="nightly", job="backup")
    runs("SUCCESS", 100, 50, schedule="other", job="nightly")
    assert look("run.last_status:schedule/nightly") == "FAILURE"
    assert look("run.last_status:job/backup") == "FAILURE"
    assert look("run.last_status:job/nightly") == "SUCCESS"
    assert look("run.last_status:nightly") == "SUCCESS"
    assert look("run.age:schedule/nightly") == dt.timedelta(seconds=300)
    assert look("run.age:schedule/nightly success") == dt.timedelta(seconds=600)
    assert look("run.age:schedule/nightly CANCELED") is None
    runs("STARTED", 20, None, schedule="nightly", job="backup")
    assert look("run.age:schedule/nightly") == dt.timedelta(seconds=20)
    seen = evaluate(Comparison(subject="run.last_status:backup", op=Operator.EQ, value="started"))
    assert (seen.result, seen.text) == (Result.TRUE, "run.last_status:backup = STARTED, wanted = started")


def test_age_of_a_run_that_waits_is_counted_from_its_creation(runs: Any) -> None:
    runs("NOT_STARTED", schedule="nightly")
    probe, argument = find("run.age:nightly")
    age = probe.read(argument, Look(dt.datetime.now(dt.UTC), 5))
    assert dt.timedelta(0) <= age < dt.timedelta(seconds=60)


def test_depth_and_oldest_age_of_an_agent_queue(
    yard: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.agents.task_queue.new_task import NewTask
    from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue

    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    (tmp_path / "config").mkdir()
    database.upgrade(yard)
    assert look("queue.depth:dev") == 0
    assert look("queue.oldest_age:dev") is None
    queue = PostgresTaskQueue(yard)
    queue.add(
        [NewTask(title="one", queue="dev"), NewTask(title="two", queue="dev"), NewTask(title="x", queue="qa")]
    )
    assert look("queue.depth:dev") == 2
    probe, argument = find("queue.oldest_age:dev")
    age = probe.read(argument, Look(dt.datetime.now(dt.UTC), 5))
    assert dt.timedelta(0) <= age < dt.timedelta(seconds=60)
