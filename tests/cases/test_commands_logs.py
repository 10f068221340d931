"""Log files as programs really write them: one failure is one message, whatever is wrapped around it."""

import datetime as dt
import json
import os
import random
import string
import struct
from pathlib import Path

import pytest

from scheduler_defs.jobs.log_triage import report
from scheduler_defs.jobs.log_triage.grouping.grouper import Grouper
from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.triage import Triage, triage

WRITTEN = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
HEAD = "2026-03-01 10:00:00,123 ERROR app: task {i} failed\n"
TRACEBACKS = {
    "python": (
        HEAD + "Traceback (most recent call last):\n"
        "  File \"/a.py\", line 3, in f\n    g()\nKeyError: 'x{i}'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "/a.py", line 5, in h\n    raise ValueError\nValueError: bad {i}',
        "ValueError: bad 0",
    ),
    "python-cause": (
        HEAD + "Traceback (most recent call last):\n  File \"/a.py\", line 3, in f\nKeyError: 'x{i}'\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "/a.py", line 5, in h\nValueError: bad {i}',
        "ValueError: bad 0",
    ),
    "python-alone": (
        'Traceback (most recent call last):\n  File "/a.py", line 3, in f\nValueError: bad {i}',
        "ValueError: bad 0",
    ),
    "java": (
        HEAD + "java.lang.IllegalStateException: cannot go {i}\n\tat com.acme.App.run(App.java:10)\n"
        "Caused by: java.io.IOException: disk {i}\n\tat com.acme.Disk.read(Disk.java:3)\n\t... 2 more",
        "java.io.IOException: disk 0",
    ),
    "java-alone": (
        'Exception in thread "main" java.lang.IllegalStateException: cannot go {i}\n\tat com.acme.App.run(App.java:10)\n'
        "Caused by: java.io.IOException: disk {i}\n\tat com.acme.Disk.read(Disk.java:3)\n\t... 2 more",
        "java.io.IOException: disk 0",
    ),
    "node": (
        "/srv/app/index.js:5\n        throw new Error('boom {i}')\n        ^\n\nError: boom {i}\n"
        "    at run (/srv/app/index.js:5:15)\n    at node:internal/main/run_main_module:23:47 {\n"
        "  code: 'EBOOM'\n}\n\nNode.js v20.11.0",
        "Error: boom 0",
    ),
    "node-logger": (
        "2026-03-01T10:00:00Z error: task {i} failed\nTypeError: x is not a function {i}\n"
        "    at run (/srv/app/index.js:5:15)\n    at async main (/srv/app/index.js:9:1)",
        "TypeError: x is not a function 0",
    ),
    "go": (
        "panic: index out of range [{i}]\n\ngoroutine 1 [running]:\nmain.process(0xc00001{i}, 0xa)\n"
        "\t/srv/app/main.go:12 +0x1d\nmain.main()\n\t/srv/app/main.go:8 +0x25\nexit status 2",
        "panic: index out of range [0]",
    ),
    "go-after-error": (
        HEAD + "panic: boom {i}\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 1 [running]:\n"
        "main.main()\n\t/srv/app/main.go:8 +0x25\nexit status 2",
        "panic: boom 0",
    ),
    "rust": (
        "thread 'main' panicked at src/main.rs:4:5:\nindex out of bounds: the index is {i}\n"
        "stack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x/panicking.rs:645:5\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        "index out of bounds: the index is 0",
    ),
    "dotnet": (
        "Unhandled exception. System.InvalidOperationException: cannot go {i}\n ---> System.IO.IOException: disk {i}\n"
        "   at Acme.Disk.Read() in /src/Disk.cs:line 3\n   --- End of inner exception stack trace ---\n"
        "   at Acme.Worker.Run() in /src/Worker.cs:line 9",
        "System.IO.IOException: disk 0",
    ),
    "dotnet-console": (
        "fail: Acme.Worker[0]\n      Task {i} failed\n      System.InvalidOperationException: cannot go {i}\n"
        "         at Acme.Worker.Run() in /src/Worker.cs:line 9",
        "Task 0 failed | System.InvalidOperationException: cannot go 0",
    ),
    "ruby": (
        "app.rb:10:in `foo': undefined method `x' for nil (NoMethodError)\n\tfrom app.rb:20:in `bar'\n\tfrom app.rb:30",
        "(NoMethodError)",
    ),
    "php": (
        "[01-Mar-2026 10:00:00 UTC] PHP Fatal error:  Uncaught Exception: boom {i} in /srv/a.php:3\nStack trace:\n"
        "#0 /srv/a.php(9): f()\n#1 {main}\n  thrown in /srv/a.php on line 3",
        "Uncaught Exception: boom 0",
    ),
}


def grouped(data: bytes | str, *, block_bytes: int | None = None) -> list[Group]:
    """The groups, the most frequent first; read in blocks of whole lines of about that size."""
    data = data.encode() if isinstance(data, str) else data
    grouper = Grouper()
    grouper.begin("a.log", written=WRITTEN)
    while block_bytes and len(data) > block_bytes and (end := data.find(b"\n", block_bytes)) > 0:
        grouper.add(data[:end])
        data = data[end + 1 :]
    grouper.add(data)
    grouper.end()
    return sorted(grouper.groups(), key=lambda group: -group.count)


def repeated(text: str, times: int = 50) -> str:
    return "\n".join(text.replace("{i}", str(i)) for i in range(times))


def read(folder: Path) -> Triage:
    result = triage([f"{folder}/logs/**"], folder / "state")
    result.save_positions()
    return result


@pytest.mark.case("commands-L01")
@pytest.mark.parametrize("block_bytes", [None, 1, 100, 1000])
@pytest.mark.parametrize("language", TRACEBACKS)
def test_given_fifty_failures_with_tracebacks_then_they_are_fifty_messages_of_one_group(
    language: str, block_bytes: int | None
) -> None:
    text, exception = TRACEBACKS[language]
    groups = grouped(repeated(text), block_bytes=block_bytes)
    assert [(group.severity.value, group.count) for group in groups] == [("error", 50)]
    assert exception in groups[0].example
    assert text.split("\n")[0].replace("{i}", "0")[:20] in groups[0].example or language == "node"


@pytest.mark.case("commands-L01")
@pytest.mark.parametrize("level", ["WARNING", "CRITICAL", "INFO", "DEBUG"])
def test_given_a_traceback_under_a_level_then_the_level_is_kept_and_the_next_message_is_its_own(
    level: str,
) -> None:
    text = (
        HEAD.replace("ERROR", level)
        + 'Traceback (most recent call last):\n  File "/a.py", line 3\nValueError: bad\n'
    )
    groups = grouped(repeated(text + "2026-03-01 10:00:01,000 NOTICE app: fine"))
    assert sorted((group.severity.value, group.count) for group in groups) == sorted(
        [(level.lower(), 50), ("info", 50)]
    )


@pytest.mark.case("commands-L01")
def test_given_a_traceback_under_a_line_without_level_then_it_stands_for_itself() -> None:
    text = 'hello {i}\nTraceback (most recent call last):\n  File "/a.py", line 3\nValueError: bad {i}'
    assert [(group.severity.value, group.template) for group in grouped(repeated(text))] == [
        ("unknown", "hello <*>"),
        ("error", "Traceback (most recent call last): | ValueError: bad <*>"),
    ]


@pytest.mark.case("commands-L01")
def test_given_a_long_message_then_the_exception_still_stands_in_the_example() -> None:
    text = (
        HEAD.replace("task", "task " + "very " * 200)
        + "Traceback (most recent call last):\n  File\nValueError: bad"
    )
    (group,) = grouped(repeated(text))
    assert group.example.endswith(" | ValueError: bad") and len(group.example) <= 500


FRAMES = [
    "ERROR app: task {i} failed",
    "Traceback (most recent call last):",
    '  File "/a.py", line 3',
    "ValueError: bad {i}",
]


def docker(line: str, second: int) -> str:
    entry = {"log": line + "\n", "stream": "stderr", "time": f"2026-03-01T10:00:0{second}.1Z"}
    return json.dumps(entry, separators=(",", ":"))


def journal(line: str, *, transport: str = "stdout", priority: int = 6) -> str:
    return (
        f"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1772359200000000\n_TRANSPORT={transport}\nPRIORITY={priority}\n"
        f"SYSLOG_IDENTIFIER=app\nMESSAGE={line}\n"
    )


WRAPPED = {
    "cri": [f"2026-03-01T10:00:0{n}.123456789Z stderr F {line}" for n, line in enumerate(FRAMES)],
    "docker": [docker(line, n) for n, line in enumerate(FRAMES)],
    "compose": [f"web-1  | {line}" for line in FRAMES],
    "journald": [journal(line) for line in FRAMES],
    "syslog": [f"Mar  1 10:00:00 web app[12]: {line}" for line in FRAMES],
    "crlf": [f"{line}\r" for line in FRAMES],
    "colours": [f"\x1b[31m{line}\x1b[0m" for line in FRAMES],
}


@pytest.mark.case("commands-X-formats")
@pytest.mark.case("commands-L01")
@pytest.mark.parametrize("block_bytes", [None, 500])
@pytest.mark.parametrize("form", WRAPPED)
def test_given_a_traceback_whose_lines_are_wrapped_then_it_is_one_message(
    form: str, block_bytes: int | None
) -> None:
    groups = grouped(repeated("\n".join(WRAPPED[form])), block_bytes=block_bytes)
    assert [(group.severity.value, group.count) for group in groups] == [("error", 50)]
    assert groups[0].template.endswith("ERROR app: task <*> failed | ValueError: bad <*>") or form == "syslog"
    assert "ValueError: bad 0" in groups[0].example and "\x1b" not in groups[0].example
    if form in ("cri", "docker", "journald", "syslog"):
        assert groups[0].first_seen is not None
        assert groups[0].first_seen.date() == dt.date(2026, 3, 1)


@pytest.mark.case("commands-X-formats")
def test_given_journald_entries_then_priority_program_and_messages_of_several_lines_are_read() -> None:
    message = b'failed\nTraceback (most recent call last):\n  File "/a.py", line 3\nValueError: bad'
    binary = (
        b"__CURSOR=s\n__REALTIME_TIMESTAMP=1772359200000000\n_TRANSPORT=journal\nPRIORITY=3\nMESSAGE\n"
        + struct.pack("<Q", len(message))
        + message
        + b"\nSYSLOG_IDENTIFIER=web\n"
    )
    plain = journal("disk 7 full", transport="syslog", priority=4).encode()
    groups = grouped(b"\n".join([binary, plain] * 20))
    assert sorted((group.severity.value, group.count, group.template) for group in groups) == [
        ("error", 20, "web: failed | ValueError: bad"),
        ("warning", 20, "app: disk <*> full"),
    ]


@pytest.mark.case("commands-X-formats")
@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("2026-03-01T10:00:00.000000Z 8 [Note] [MY-010914] [Server] Aborted connection 8 to db", "info"),
        ("2026-03-01T10:00:00.000000Z 0 [System] [MY-010931] ready for connections", "info"),
        ("npm ERR! code ELIFECYCLE", "error"),
        (
            't=2026-03-01T10:00:00+0000 lvl=eror msg="Failed to look up user"',
            "error",
        ),  # log15, as Grafana has it
        ('t=2026-03-01T10:00:00+0000 lvl=eror msg="done"', "error"),
        ("[Sun Mar 01 10:00:00.1 2026] [mpm_event:notice] [pid 1:tid 2] AH00489: resuming", "info"),
        ("\ufeff2026-03-01 10:00:00 ERROR bom", "error"),
        ("warn: Acme.Worker[0]\n      Slow", "warning"),
    ],
)
def test_given_a_format_then_its_level_is_read(line: str, severity: str) -> None:
    assert [group.severity.value for group in grouped(line)] == [severity]


@pytest.mark.case("commands-L03")
def test_given_a_writer_without_append_under_copytruncate_then_its_lines_are_read_behind_the_hole(
    tmp_path: Path,
) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "app.log"
    with log.open("wb", buffering=0) as writer:
        writer.write(b"".join(b"INFO app: step %d done\n" % i for i in range(10_000)))
        assert read(tmp_path).lines == 10_000
        (tmp_path / "logs" / "app.log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
        writer.write(b"".join(b"ERROR app: step %d failed\n" % i for i in range(100)))
        result = read(tmp_path)
        assert (result.lines, result.binary, result.problems) == (100, [], [])
        assert [(group.template, group.count) for group in result.groups] == [
            ("ERROR app: step <*> failed", 100)
        ]
        writer.write(b"ERROR app: step 7 failed\n")
        assert read(tmp_path).lines == 1


@pytest.mark.case("commands-L03")
def test_given_a_hole_of_gigabytes_then_it_costs_neither_time_nor_budget(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "app.log").open("wb") as log:
        log.write(b"ERROR app: before 1\n" * 200)
        log.seek(50_000_000_000)
        log.write(b"ERROR app: behind 2\n" * 100)
    result = triage([f"{tmp_path}/logs/**"], tmp_path / "state", max_bytes=1_000_000)
    assert sorted((group.template, group.count) for group in result.groups) == [
        ("ERROR app: before <*>", 200),
        ("ERROR app: behind <*>", 100),
    ]
    assert result.seconds < 20 and result.bytes_read < 10_000_000 and not result.files[0].left_over
    assert "\x00" not in report.markdown(result)


@pytest.mark.case("commands-L03")
def test_given_nuls_between_and_within_lines_then_no_line_is_lost(tmp_path: Path) -> None:
    lines = [b"ERROR app: step %d failed" % i for i in range(100)]
    data = b"\n".join(lines[:50]) + b"\n" + bytes(300) + b"\n".join(lines[50:])
    assert [(group.template, group.count) for group in grouped(data)] == [("ERROR app: step <*> failed", 100)]


@pytest.mark.case("commands-L03")
def test_given_binary_files_then_each_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "wtmp").write_bytes(struct.pack("<hi32s", 7, 4, b"pts/0") * 100)
    (tmp_path / "logs" / "system.journal").write_bytes(b"LPKSHHRH" + bytes(200) + b"text " * 2000)
    result = read(tmp_path)
    assert [each["path"].rsplit("/")[-1] for each in report.data(result)["passed_over"]] == [
        "wtmp",
        "system.journal",
    ]
    assert "/logs/wtmp`" in report.markdown(result) and result.lines == 0


@pytest.mark.case("commands-L06")
def test_given_a_tls_hello_in_a_log_then_all_its_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    lines = [b"2026/03/01 10:00:00 [error] 1#0: *%d open() failed" % i for i in range(999)]
    lines.insert(4, b'1.2.3.4 - - "\x16\x03\x01\x00\xf7\x01\x00\x00\xf3\x03\x03" 400 150')
    (tmp_path / "logs" / "error.log").write_bytes(b"\n".join(lines) + b"\n")
    result = read(tmp_path)
    assert (result.lines, result.binary) == (1000, [])


@pytest.mark.case("commands-L06")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_given_utf16_then_it_is_read_and_read_on(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "app.log"
    text = "".join(f"2026-03-01 10:00:00 ERROR Zug\u0a0a {i} h\u00e4lt\r\n" for i in range(3000))
    log.write_bytes(text.encode(encoding))
    result = read(tmp_path)
    assert [(group.template, group.count) for group in result.groups] == [
        ("ERROR Zug\u0a0a <*> h\u00e4lt", 3000)
    ]
    with log.open("ab") as more:
        more.write(
            "2026-03-01 10:00:01 ERROR Zug\u0a0a 7 h\u00e4lt\r\n".encode(
                encoding.replace("utf-16", "utf-16-le", 1) if encoding == "utf-16" else encoding
            )
        )
    result = read(tmp_path)
    assert [(file.state, result.lines) for file in result.files] == [("continued", 1)]


@pytest.mark.case("commands-L07")
@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("rotated error.log", "unknown"),
        ("GET /errors/404.html served", "unknown"),
        ("3 errors, 0 warnings", "error"),
        ("0 errors, 3 warnings", "warning"),
        ("Errors: 0", "unknown"),
        ("Errors: 4", "error"),
        ("failed=0 ok=3", "unknown"),
        ("failed=2 ok=3", "error"),
        ("failures: 3", "error"),
        ("Found 17 errors", "error"),
        ("1 error", "error"),
        ("0 failed, 12 passed", "unknown"),
        ("[OK] 0 FAILED", "unknown"),
        ("Total errors 0", "unknown"),
        ("error-free run", "unknown"),
        ('errors="0"', "unknown"),
        ("error handler registered", "unknown"),
        ("panic mode disabled", "unknown"),
        ("status=500 method=GET", "error"),
        ("status=200 method=GET", "unknown"),
        ("HTTP 500 returned", "error"),
        ("HTTP 404 returned", "warning"),
        ("Connection failed", "error"),
    ],
)
def test_given_a_line_without_level_then_its_words_and_numbers_decide(line: str, severity: str) -> None:
    assert [group.severity.value for group in grouped(line)] == [severity]


@pytest.mark.case("commands-L07")
def test_given_zero_and_more_in_one_file_then_they_are_two_groups_with_their_number_in_front() -> None:
    assert sorted(
        (group.severity.value, group.template, group.count) for group in grouped("0 FAILED\n2 FAILED\n" * 9)
    ) == [
        ("error", "<*> FAILED", 9),
        ("unknown", "<*> FAILED", 9),
    ]


@pytest.mark.case("commands-L08")
@pytest.mark.case("recovery-X-own-colours")
def test_given_coloured_and_plain_lines_then_they_are_one_group_without_escapes() -> None:
    coloured = "\n".join(f"\x1b[31mERROR\x1b[0m disk {i} full" for i in range(200))
    groups = grouped(coloured + "\n" + repeated("ERROR disk {i} full", 200))
    assert [(group.severity.value, group.template, group.count) for group in groups] == [
        ("error", "ERROR disk <*> full", 400)
    ]
    own = "\x1b[34m2026-03-01 10:00:00 +0000 - dagster.daemon.SensorDaemon - INFO - Sensor retries skipped: no failed run waits for another attempt\x1b[0m"
    assert [group.severity.value for group in grouped(own)] == ["info"]


@pytest.mark.attack
@pytest.mark.case("commands-X-control")
def test_given_terminal_escapes_in_a_line_then_none_reaches_the_report() -> None:
    (group,) = grouped("ERROR ctl \x1b]0;pwned\x07 and \x1b[2J \x08\x7f end\x1b")
    assert group.example == "ERROR ctl  and   end" and group.template == "ERROR ctl and end"


@pytest.mark.case("commands-X-json-nested")
@pytest.mark.parametrize(
    "lines",
    [
        ['{"request": {"level": "debug", "message": "hidden"}, "level": "error", "message": "%s"}'],
        ['{"level":50,"msg":"%s","err":{"type":"Error","message":"boom"}}'],
        ['{"level":"error","error":{"message":"inner boom"},"message":"%s"}'],
        ['{"err":{"message":"inner"},"level":50,"msg":"%s"}'],
    ],
)
def test_given_json_with_objects_within_then_the_outer_level_and_message_count(lines: list[str]) -> None:
    data = "\n".join(
        line % message for line in lines for message in ["cannot bind"] * 5 + ["cannot write"] * 5
    )
    assert sorted((group.severity.value, group.count, group.template) for group in grouped(data)) == [
        ("error", 5, "cannot bind"),
        ("error", 5, "cannot write"),
    ]


@pytest.mark.case("commands-X-logfmt")
def test_given_logfmt_then_the_message_tells_the_groups_apart() -> None:
    data = "\n".join(
        f'time=2026-03-01T10:00:00Z level=error msg="{message}" id={i}'
        for i in range(5)
        for message in ("cannot save", "cannot load", f'disk \\"x{i}\\" full')
    )
    groups = grouped(data)
    assert [(group.severity.value, group.count) for group in groups] == [("error", 5)] * 3
    assert {"cannot save" in group.template for group in groups} == {True, False}


@pytest.mark.case("commands-X-cri")
def test_given_lines_of_a_container_runtime_then_what_is_in_them_is_read() -> None:
    stamp = "2026-03-01T10:00:00.123456789Z"
    for line, severity, template in (
        (f'{stamp} stdout F {{"level": "error", "msg": "json {{i}} failed"}}', "error", "json <*> failed"),
        (
            f"{stamp} stderr F E0301 10:00:00.000000       1 sync.go:{{i}}] cannot sync",
            "error",
            "sync.go:<*>] cannot sync",
        ),
        (
            f"{stamp} stdout P ERROR begins {{i}}\n{stamp} stdout F  and ends",
            "error",
            "ERROR begins <*> and ends",
        ),
    ):
        (group,) = grouped(repeated(line))
        assert (group.severity.value, group.template, group.count) == (severity, template, 50)
        assert group.first_seen == dt.datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=dt.UTC)
    (group,) = grouped(repeated('web-1  | {"level": "error", "msg": "json {i} failed"}'))
    assert (group.severity.value, group.template) == ("error", "json <*> failed")
    (group,) = grouped(repeated('Mar  1 10:00:00 web app[1]: {"level": "error", "msg": "json {i} failed"}'))
    assert (group.severity.value, group.template) == ("error", "json <*> failed")


@pytest.mark.case("commands-X-cri")
def test_given_gelf_with_nuls_between_messages_then_each_is_read() -> None:
    data = b"\0".join(
        json.dumps(
            {"version": "1.1", "short_message": f"disk {i} full", "level": 3, "timestamp": 1772359200.5}
        ).encode()
        for i in range(20)
    )
    (group,) = grouped(data)
    assert (group.severity.value, group.template, group.count) == ("error", "disk <*> full", 20)


def word(source: random.Random, letters: str = string.ascii_lowercase, length: int = 8) -> str:
    return "".join(source.choice(letters) for _ in range(length))


@pytest.mark.case("commands-X-other")
def test_given_thousands_of_names_then_they_are_one_group_and_what_comes_after_has_its_own() -> None:
    source = random.Random(1)
    flood = [
        f"Mar  1 10:00:00 web sshd[{i}]: Failed password for invalid user {word(source)} from 1.2.3.4 port {i} ssh2"
        for i in range(3000)
    ]
    data = "\n".join(
        flood + [f"Mar  1 10:00:01 web kernel: EXT4-fs error (device sda1): bad block {i}" for i in range(50)]
    )
    groups = grouped(data)
    assert [(group.count, group.other) for group in groups] == [(3000, False), (50, False)]
    assert "invalid user <*> from" in groups[0].template and "EXT" in groups[1].template
    assert groups[0].first_seen == dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)


@pytest.mark.case("commands-X-ids")
@pytest.mark.parametrize(
    ("text", "letters", "length"),
    [
        ("ERROR pod web-7d4b9c6f5d-{} crashed", "bcdfghjklmnpqrstvwxz2456789", 5),
        ("ERROR upload {} was lost", string.ascii_letters + string.digits + "_-", 21),
        ("ERROR link {} was lost", string.ascii_letters + string.digits, 12),
        ("INFO reading /var/lib/{} is done", string.ascii_lowercase, 8),
    ],
)
def test_given_ids_then_they_are_values(text: str, letters: str, length: int) -> None:
    source = random.Random(2)
    groups = grouped("\n".join(text.format(word(source, letters, length)) for _ in range(300)))
    assert [group.count for group in groups] == [300]


@pytest.mark.case("commands-X-ids")
def test_given_durations_and_lists_of_any_length_then_they_are_values() -> None:
    durations = ["1.5s", "200ms", "3m2s", "1h", "2h3m", "15us", "99s"]
    lists = [list(range(size)) for size in range(2, 40)]
    assert len(grouped("\n".join(f"INFO request took {each} in all" for each in durations * 3))) == 1
    assert len(grouped("\n".join(f"INFO batch {each} was loaded" for each in lists))) == 1
    verbs = ["Started", "Paused", "Resumed", "Stopped"]
    assert len(grouped("\n".join(f"INFO service {verb} by hand" for verb in verbs * 50))) == 4


@pytest.mark.case("commands-X-redact-pem")
@pytest.mark.parametrize("prefix", ["", "2026-03-01T10:00:00.1Z stdout F ", "Mar  1 10:00:00 web app[1]: "])
def test_given_a_private_key_in_a_log_then_no_line_of_it_is_kept(prefix: str, tmp_path: Path) -> None:
    source = random.Random(3)
    letters = string.ascii_letters + string.digits + "+/"
    body = [word(source, letters, 64) for _ in range(25)] + [word(source, letters, 24) + "=="]
    lines = [
        "INFO before",
        "-----BEGIN RSA PRIVATE KEY-----",
        *body,
        "-----END RSA PRIVATE KEY-----",
        "INFO after",
    ]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text("".join(f"{prefix}{line}\n" for line in lines))
    result = read(tmp_path)
    kept = report.markdown(result) + json.dumps(report.data(result))
    assert "before" in kept and "after" in kept
    for line in body:
        assert not any(line[at : at + 12] in kept for at in range(len(line) - 12))
