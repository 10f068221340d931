"""Trees, deadlines, hanging probes, and what the tick says."""

import datetime as dt
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_defs.conditions import Look, Result, comparison_fault, evaluate, probe, registry, subject_fault
from scheduler_defs.conditions.watchdog import DeadlineError, Watchdog
from scheduler_defs.declarations.models.conditions import AllOf, AnyOf, Comparison, Condition, NotOf, Operator
from scheduler_defs.errors import SignalboxError

SOON = dt.timedelta(seconds=0.2)


@pytest.fixture(autouse=True)
def own_probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Probes that a test defines are gone after it."""
    registry.probes()
    monkeypatch.setattr(registry, "_probes", dict(registry._probes))
    monkeypatch.setattr(registry, "_loaded", list(registry._loaded))
    monkeypatch.setattr(registry, "_faults", [])
    yield


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opens at the end, so that what hangs at it comes back."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def asked() -> list[str]:
    """Probes `yes`, `no` and `broken`; which of them were asked."""
    found: list[str] = []

    @probe("yes", argument="n", default="0")
    def yes(argument: str, look: Look) -> bool:
        found.append("yes")
        return True

    @probe("no", argument="n", default="0")
    def no(argument: str, look: Look) -> bool:
        found.append("no")
        return False

    @probe("broken", argument="n", default="0")
    def broken(argument: str, look: Look) -> bool:
        found.append("broken")
        raise OSError(5, "Input/output error")

    return found


def is_true(subject: str) -> Comparison:
    return Comparison(subject=subject, op=Operator.EQ, value=True)


YES, NO, BROKEN = is_true("yes"), is_true("no"), is_true("broken")


@pytest.mark.parametrize(
    ("condition", "result", "order"),
    [
        (YES, Result.TRUE, "yes"),
        (NO, Result.FALSE, "no"),
        (BROKEN, Result.ERROR, "broken"),
        (NotOf(condition=YES), Result.FALSE, "yes"),
        (NotOf(condition=NO), Result.TRUE, "no"),
        (NotOf(condition=BROKEN), Result.ERROR, "broken"),
        (AllOf(conditions=(YES, YES)), Result.TRUE, "yes yes"),
        (AllOf(conditions=(NO, YES)), Result.FALSE, "no"),
        (AllOf(conditions=(YES, BROKEN)), Result.ERROR, "yes broken"),
        (AllOf(conditions=(BROKEN, NO)), Result.FALSE, "broken no"),
        (AllOf(conditions=(BROKEN, YES)), Result.ERROR, "broken yes"),
        (AnyOf(conditions=(YES, NO)), Result.TRUE, "yes"),
        (AnyOf(conditions=(NO, NO)), Result.FALSE, "no no"),
        (AnyOf(conditions=(BROKEN, YES)), Result.TRUE, "broken yes"),
        (AnyOf(conditions=(BROKEN, NO)), Result.ERROR, "broken no"),
        (AllOf(conditions=(YES, NotOf(condition=AnyOf(conditions=(NO, NO))))), Result.TRUE, "yes no no"),
    ],
)
def test_tree(condition: Condition, result: Result, order: str, asked: list[str]) -> None:
    assert evaluate(condition).result is result
    assert asked == order.split()


def test_text_says_what_was_observed_and_what_was_wanted(tmp_path: Path) -> None:
    @probe("disk.fake", argument="path")
    def fake(argument: str, look: Look) -> float:
        return 42.0987

    condition = Comparison(subject="disk.fake:/", op=Operator.LT, value=10)
    assert evaluate(condition).text == "disk.fake:/ = 42.1, wanted < 10"
    missing = Comparison(subject=f"file.age:{tmp_path}/none", op=Operator.GT, value="1h")
    assert evaluate(missing).text == f"file.age:{tmp_path}/none = nothing, wanted > 1h"


def test_text_of_a_group_is_that_of_the_parts_that_decided(asked: list[str]) -> None:
    assert evaluate(AllOf(conditions=(YES, NO))).text == "no = false, wanted = true"
    assert (
        evaluate(AllOf(conditions=(YES, YES))).text == "yes = true, wanted = true; yes = true, wanted = true"
    )
    assert evaluate(NotOf(condition=YES)).text == "not (yes = true, wanted = true)"


def test_error_says_why(asked: list[str]) -> None:
    assert evaluate(BROKEN).text == "broken: Input/output error, wanted = true"


def test_any_exception_of_a_probe_is_an_error_of_the_tick() -> None:
    @probe("odd")
    def odd(argument: str, look: Look) -> None:
        raise ZeroDivisionError("division by zero")

    seen = evaluate(is_true("odd"))
    assert (seen.result, seen.text) == (
        Result.ERROR,
        "odd: ZeroDivisionError: division by zero, wanted = true",
    )


def test_secrets_are_not_in_the_text() -> None:
    @probe("leak", argument="url")
    def leak(argument: str, look: Look) -> str:
        raise SignalboxError(f"cannot reach {argument} with password=hunter2")

    seen = evaluate(is_true("leak:https://ann:hunter2@host/x?token=hunter2"))
    assert "hunter2" not in seen.text
    assert seen.result is Result.ERROR


def test_hanging_probe_ends_in_an_error_at_the_deadline(gate: threading.Event) -> None:
    @probe("hangs", argument="n")
    def hangs(argument: str, look: Look) -> bool:
        return gate.wait(60)

    watchdog = Watchdog()
    started = time.monotonic()
    seen = evaluate(is_true("hangs:1"), deadline=SOON, watchdog=watchdog)
    assert time.monotonic() - started < 2
    assert (seen.result, seen.text) == (Result.ERROR, "hangs:1: no answer within 0.2 s, wanted = true")
    started = time.monotonic()
    again = evaluate(is_true("hangs:1"), deadline=dt.timedelta(seconds=30), watchdog=watchdog)
    assert time.monotonic() - started < 2
    assert "an earlier look has been hanging" in again.text


def test_given_a_probe_that_waits_as_long_as_it_may_then_what_it_says_counts() -> None:
    @probe("waits", argument="n", kind="number")
    def waits(argument: str, look: Look) -> float:
        return look.seconds

    told = Comparison(subject="waits:1", op=Operator.LTE, value=8)
    assert evaluate(told, deadline=dt.timedelta(seconds=10)).result is Result.TRUE


def test_deadline_is_for_the_whole_tree(gate: threading.Event) -> None:
    @probe("hangs", argument="n")
    def hangs(argument: str, look: Look) -> bool:
        return gate.wait(60)

    condition = AnyOf(conditions=tuple(is_true(f"hangs:{number}") for number in range(5)))
    started = time.monotonic()
    assert evaluate(condition, deadline=SOON, watchdog=Watchdog()).result is Result.ERROR
    assert time.monotonic() - started < 2


def test_hanging_probe_does_not_delay_others(gate: threading.Event, asked: list[str]) -> None:
    @probe("hangs", argument="n")
    def hangs(argument: str, look: Look) -> bool:
        return gate.wait(60)

    watchdog = Watchdog()
    waiting = threading.Thread(
        target=evaluate,
        args=(is_true("hangs:1"),),
        kwargs={"deadline": dt.timedelta(seconds=2), "watchdog": watchdog},
    )
    waiting.start()
    started = time.monotonic()
    assert evaluate(YES, watchdog=watchdog).result is Result.TRUE
    assert time.monotonic() - started < 1
    gate.set()
    waiting.join()


def test_only_so_many_hang_and_those_that_come_back_make_room(gate: threading.Event) -> None:
    watchdog = Watchdog(most_hanging=2)
    for name in ("a", "b"):
        with pytest.raises(DeadlineError, match="no answer"):
            watchdog.call(name, lambda: gate.wait(60), 0.05)
    with pytest.raises(DeadlineError, match="2 other probes hang"):
        watchdog.call("c", lambda: True, 5)
    gate.set()
    deadline = time.monotonic() + 10
    while watchdog.hanging and time.monotonic() < deadline:
        time.sleep(0.01)
    assert watchdog.call("c", lambda: True, 5) is True


def test_answer_and_exception_come_through_the_watchdog() -> None:
    watchdog = Watchdog()
    assert watchdog.call("a", lambda: 5, 5) == 5
    with pytest.raises(KeyError, match="x"):
        watchdog.call("a", lambda: {}["x"], 5)
    assert watchdog.hanging == 0


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("dsk.free_percent:/", "no probe is called 'dsk.free_percent'; did you mean disk.free_percent?"),
        ("file.write:/tmp/x", "no probe is called 'file.write'"),
        ("zzz", "known are dir.count, disk.free_bytes"),
        ("file.age", "file.age needs an argument; write file.age:PATH"),
        ("file.age:logs/x", "must be an absolute path"),
        ("memory.available:x", "memory.available takes no argument"),
        ("load.average:7", "must be 1, 5 or 15"),
        ("http.status:ftp://x", "must be an address such as"),
        ("http.status:http://x/ y", "must be an address such as"),
        ("http.json:http://x status", "must start with [$]"),
        ("http.json:http://x $.a[*]", "is not .name"),
        ("sql.value:DELETE FROM jobs", "must be a query"),
        ("sql.value:SELECT 1; DROP TABLE jobs", "one statement only"),
        ("sql.value:WITH x AS (DELETE FROM jobs RETURNING 1) SELECT 1", "DELETE is not for conditions"),
        ("sql.value:SELECT * INTO x FROM jobs", "INTO is not for conditions"),
        ("sql.value:SELECT 1 FROM jobs FOR UPDATE", "UPDATE is not for conditions"),
        ("sql.value:SELECT nextval('s')", "nextval is not for conditions"),
        ("sql.value:SELECT pg_terminate_backend(1)", "pg_terminate_backend is not for conditions"),
        ("sql.value:EXPLAIN ANALYZE SELECT 1", "must be a query"),
        ("env:A B", "is no variable name"),
        ("run.last_status:two words", "one name"),
        ("run.age:x sometimes", "a status"),
        ("", "no probe is called ''"),
    ],
)
def test_subject_that_makes_no_sense_is_refused(subject: str, message: str) -> None:
    fault = subject_fault(subject)
    assert fault is not None
    assert re.search(message, fault), fault


@pytest.mark.parametrize(
    "subject",
    [
        "file.age:/var/x",
        "file.age:~/x",
        "file.exists: /var/x ",
        "file.size:/x",
        "dir.count:/data/*.csv",
        "disk.free_percent",
        "disk.free_percent:/",
        "disk.free_bytes:/data",
        "load.average",
        "load.average:15",
        "memory.available",
        "http.status:http://127.0.0.1:8080/health?x=1",
        "http.reachable:https://example.com",
        "http.json:http://x/h $.items[0]['a b'].c",
        "sql.value:SELECT count(*) FROM jobs WHERE text = 'delete; me'",
        "sql.value:SELECT 1;",
        "sql.value:select 1 -- drop it",
        "sql.value:@REPORTS_URL SELECT max(updated) FROM reports",
        "run.last_status:nightly",
        "run.last_status:job/log_triage",
        "run.age:nightly success",
        "queue.depth:dev",
        "queue.oldest_age:dev",
        "env:HOME",
    ],
)
def test_subject_that_makes_sense_is_taken(subject: str) -> None:
    assert subject_fault(subject) is None


@pytest.mark.parametrize(
    ("subject", "op", "value", "message"),
    [
        ("disk.free_percent:/", "lt", "ten", "is a number; 'ten' is not a number such as 10"),
        ("file.age:/x", "gt", "soon", "is a duration"),
        ("file.exists:/x", "gt", True, "has no order"),
        ("file.exists:/x", "eq", "maybe", "is not true or false"),
        ("load.average", "contains", "1", "looks into texts"),
        ("disk.free_percent:/", "lt", 10, None),
        ("file.age:/x", "gt", 600, None),
        ("http.json:http://x $.a", "gt", "x", None),
        ("disk.free_percent:/", "exists", None, None),
        ("nonsense", "lt", 1, None),
    ],
)
def test_comparison_that_can_never_work_is_found_at_load(
    subject: str, op: str, value: object, message: str | None
) -> None:
    fault = comparison_fault(subject, Operator(op), value)  # type: ignore[arg-type]
    assert (fault is None) if message is None else (fault is not None and message in fault)


def test_probes_of_the_users_own_module_are_known(tmp_path: Path) -> None:
    (tmp_path / "my_probes.py").write_text(
        "from scheduler_defs.conditions import Look, probe\n"
        "@probe('printer.ink', argument='printer', kind='number')\n"
        "def ink(printer: str, look: Look) -> int:\n"
        "    'Percent of ink left.'\n"
        "    return 7\n"
    )
    (tmp_path / "bad_probes.py").write_text("raise RuntimeError('no printer here')\n")
    program = (
        "from scheduler_defs.conditions import evaluate, subject_fault\n"
        "from scheduler_defs.declarations.models.conditions import Comparison\n"
        "print(evaluate(Comparison(subject='printer.ink:hp', op='lt', value=10)).text)\n"
        "print(subject_fault('printer.paper:hp'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path.cwd())]),
            "SIGNALBOX_PROBES": "my_probes, bad_probes",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    seen, fault = done.stdout.splitlines()
    assert seen == "printer.ink:hp = 7, wanted < 10"
    assert "did you mean printer.ink" in fault
    assert "bad_probes: RuntimeError: no printer here" in fault


def test_name_of_a_probe_that_is_taken_is_refused() -> None:
    with pytest.raises(SignalboxError, match="already defined in scheduler_defs"):
        probe("file.age")(lambda argument, look: None)
    with pytest.raises(SignalboxError, match="use small letters"):
        probe("File Age")(lambda argument, look: None)


def test_checking_subjects_needs_no_network_or_database_libraries() -> None:
    program = (
        "import sys; from scheduler_defs.conditions import subject_fault; "
        "assert subject_fault('sql.value:SELECT 1') is None; "
        "print([name for name in ('dagster', 'sqlalchemy', 'httpx', 'psutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
