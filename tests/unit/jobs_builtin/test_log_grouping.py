"""Messages that differ only in what varies are one group."""

import datetime as dt
import json
import random
import uuid

import pytest

from scheduler_defs.jobs.log_triage.grouping.grouper import Grouper
from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.lines.severity import Severity

WRITTEN = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def grouped(*lines: str | bytes, **options: int) -> list[Group]:
    """The groups of these lines, most frequent first."""
    grouper = Grouper(**options)
    grouper.begin("test.log", written=WRITTEN)
    grouper.add(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    grouper.end()
    return sorted(grouper.groups(), key=lambda group: -group.count)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 5 ms", "took 12345 ms"),
        ("took 5.25 ms", "took 12 ms"),
        ("job 8f14e45f-ceea-467f-a1b2-0242ac130003 done", "job ffffffff-aaaa-4bcd-9abc-deadbeef0001 done"),
        ("job 8F14E45F-CEEA-467F-A1B2-0242AC130003 done", "job 0AAAAAAA-BBBB-4CCC-9DDD-EEEEEEEEEEE1 done"),
        ("object at 0x7f12ab34cd56", "object at 0xdeadbeef0000"),
        ("commit 3f786850e387550f", "commit abcdef0123456789"),
        ("from 10.0.0.7 port 22", "from 192.168.100.200 port 55555"),
        ("from 10.0.0.7:22", "from 192.168.100.200:55555"),
        ("from fe80::1ff:fe23:4567:890a", "from 2001:db8::8a2e:370:7334"),
        ("mac 00:1a:2b:3c:4d:5e up", "mac aa:bb:cc:dd:ee:0f up"),
        ('user "ann" logged in', 'user "bob the builder" logged in'),
        ("user 'ann' logged in", "user 'bob the builder' logged in"),
        ("KeyError: 'a'", "KeyError: 'other key'"),
        ("2026-01-02 03:04:05,678 INFO ready", "2025-12-31 23:59:59,001 INFO ready"),
        ("2026-01-02T03:04:05Z INFO ready", "2025-12-31T23:59:59.001+02:00 INFO ready"),
        ("Jan  2 03:04:05 web app: ready", "Dec 31 23:59:59 web app: ready"),
        ("worker-1 ready", "worker-27 ready"),
        ("request req_8fK2nQz9Lm finished", "request req_a1B2c3D4e5 finished"),
        ("mail to ann@example.com sent", "mail to bob.b@mail.example.org sent"),
        ("token=abcdefgh issued", "token=ijklmnop issued"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer qrstuvwx"),
        ("/data/8f14e45f/chunk-12.bin missing", "/data/a1b2c3d4/chunk-7.bin missing"),
        ("[  12.345678] usb 1-2: new", "[99912.345678] usb 3-11: new"),
        (
            '1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl"',
            '9.9.9.9 - - [03/Feb/2026:13:14:15 +0000] "POST /b/c HTTP/1.1" 201 9999 "http://x" "Mozilla"',
        ),
    ],
)
def test_lines_that_differ_in_variables_are_one_group(one: str, other: str) -> None:
    groups = grouped(one, other)
    assert [group.count for group in groups] == [2], [group.template for group in groups]
    # Whichever comes first, and whatever else went before it.
    assert [group.count for group in grouped(other, one, one)] == [3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection opened", "connection closed"),
        ("ERROR disk full", "WARNING disk full"),
        ("added index", "faded index"),
        ("user ann logged in", "user bob logged in"),
        ("Utf8Decoder failed", "Base64Encoder failed"),
        ('x "GET / HTTP/1.1" 200 1', 'x "GET / HTTP/1.1" 500 1'),
        ('x "GET / HTTP/1.1" 404 1', 'x "GET / HTTP/1.1" 500 1'),
        ("<11>app: x", "<14>app: x"),
        ("open ann's file, can't", "shut ann's file, can't"),
        ("12:00:00:ERROR:x", "12:00:00:DEBUG:x"),
        ("12:00:00:error:x", "12:00:00:debug:x"),
        ("lock@a.service started", "lock@b.socket started"),
        ("short", "shorter"),
    ],
)
def test_lines_that_differ_in_words_are_two_groups(one: str, other: str) -> None:
    assert [group.count for group in grouped(one, other)] == [1, 1]


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ('1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /x HTTP/1.1" 500 12', Severity.ERROR),
        ('1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /x HTTP/2.0" 404 12', Severity.WARNING),
        ('1.2.3.4 - - [02/Jan/2026:03:04:05 +0000] "GET /error HTTP/1.1" 200 12', Severity.UNKNOWN),
        ('INFO:     1.2.3.4:5 - "GET / HTTP/1.1" 503 Service Unavailable', Severity.ERROR),
        ("<11>Oct 11 22:14:15 host app: x", Severity.ERROR),
        ("<165>1 2026-10-11T22:14:15Z host app - - x", Severity.INFO),
        ("<0>kernel: gone", Severity.CRITICAL),
        ('{"level":"error","msg":"x"}', Severity.ERROR),
        ('{"level": "warning", "message": "x"}', Severity.WARNING),
        ('{"level":50,"time":1767323045500,"msg":"x"}', Severity.ERROR),
        ('{"level":30,"time":1767323045500,"msg":"x"}', Severity.INFO),
        ('{"message":"x","severity":"CRITICAL"}', Severity.CRITICAL),
        ('{"PRIORITY":"3","MESSAGE":"x"}', Severity.ERROR),
        ('{"log.level":"error","@timestamp":"2026-01-02T03:04:05Z","message":"x"}', Severity.ERROR),
        ('{"log":"2026-01-02 03:04:05 ERROR x\\n","stream":"stderr"}', Severity.ERROR),
        ('{"log":"{\\"level\\":\\"error\\",\\"msg\\":\\"x\\"}\\n","stream":"stdout"}', Severity.ERROR),
        ('{"msg":"it failed"}', Severity.ERROR),
        ('{"a": 1, "b": 2}', Severity.UNKNOWN),
        ('{"level":"error","msg":"cut', Severity.ERROR),
        ("[2026-01-02 03:04:05,678: WARNING/ForkPoolWorker-3] x", Severity.WARNING),
        ("2026-01-02 03:04:05.678 UTC [123] ERROR:  duplicate key", Severity.ERROR),
    ],
)
def test_severity_of_group(line: str, severity: Severity) -> None:
    (group,) = grouped(line)
    assert group.severity is severity, group.template


def test_json_levels_that_change_within_a_block_are_told_apart() -> None:
    lines = [json.dumps({"level": level, "msg": "same", "time": 1767323045500}) for level in (30, 50, 30)]
    assert {group.severity: group.count for group in grouped(*lines)} == {Severity.INFO: 2, Severity.ERROR: 1}


def test_json_lines_are_grouped_by_message_whatever_the_other_fields_say() -> None:
    lines = [
        json.dumps(
            {
                "time": index,
                "level": "info",
                "msg": f"user {index} in",
                "path": f"/{index}/x",
                "id": str(uuid.uuid4()),
            }
        )
        for index in range(50)
    ]
    (group,) = grouped(*lines)
    assert (group.count, group.template) == (50, "user <*> in")


def test_json_message_with_escaped_quotes_is_read_whole() -> None:
    (group,) = grouped('{"level":"info","msg":"x"}', r'{"level":"info","msg":"x"}')
    assert group.count == 2
    groups = grouped('{"level":"info","msg":"a"}', r'{"level":"info","msg":"say \"hi\" to ann"}')
    assert sorted(group.template for group in groups) == ["a", 'say "<*>" to ann']


def test_json_and_text_in_one_file() -> None:
    groups = grouped("plain 1", '{"level":"error","msg":"m 1"}', "plain 2", '{"level":"error","msg":"m 2"}')
    assert sorted((group.template, group.count) for group in groups) == [("m <*>", 2), ("plain <*>", 2)]


def test_first_and_last_seen_are_those_of_the_lines() -> None:
    (group,) = grouped(*(f"2026-01-02 03:04:{second:02d} INFO tick {second}" for second in range(10, 40)))
    assert group.first_seen == dt.datetime(2026, 1, 2, 3, 4, 10, tzinfo=dt.UTC)
    assert group.last_seen == dt.datetime(2026, 1, 2, 3, 4, 39, tzinfo=dt.UTC)


def test_exception_after_traceback_has_the_time_of_its_message() -> None:
    groups = grouped(
        "2026-01-02 03:04:05 ERROR it broke",
        "Traceback (most recent call last):",
        '  File "/x.py", line 3, in f',
        "    raise ValueError(1)",
        "ValueError: 1",
    )
    assert [group.template for group in groups] == ["ERROR it broke | ValueError: <*>"]
    assert {group.first_seen for group in groups} == {dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)}
    assert {group.severity for group in groups} == {Severity.ERROR}


def test_line_without_any_time_has_that_of_the_file() -> None:
    (group,) = grouped("nothing known")
    assert group.first_seen == group.last_seen == WRITTEN


def test_indented_lines_are_parts_of_a_message_unless_they_state_a_level() -> None:
    grouper = Grouper()
    grouper.begin("x", written=WRITTEN)
    grouper.add(b"head\n  more\n\tmore\n  ERROR own message\n\n   \n")
    grouper.end()
    assert grouper.continuations == 2
    assert grouper.lines == 2
    assert sorted(group.template for group in grouper.groups()) == ["ERROR own message", "head"]


def test_lines_of_digits_only_are_counted() -> None:
    (group,) = grouped("123", "", "4", "5.6")
    assert group.count == 3


def test_secrets_are_in_neither_template_nor_example() -> None:
    (group,) = grouped("login password=hunter2 from 10.0.0.7")
    assert "hunter2" not in group.template + group.example
    assert "10.0.0.7" not in group.template + group.example
    assert group.example == "login password=[redacted] from [ip]"


def test_secret_cut_off_at_the_end_of_an_example_is_still_removed() -> None:
    (group,) = grouped("x " * 240 + "password=hunter2hunter2hunter2")
    assert "hunter2" not in group.example


def test_invalid_utf8_and_control_bytes_survive() -> None:
    groups = grouped(b"caf\xe9 \xff\xfe 12 open", b"caf\xe9 \xff\xfe 13 open", b"\x01\x02\x04\x05 x")
    assert groups[0].count == 2
    assert "\ufffd" in groups[0].example
    json.dumps([group.example for group in groups])


def test_windows_line_ends_make_no_difference() -> None:
    assert [group.count for group in grouped("ready 1\r", "ready 2")] == [2]


def test_groups_beyond_the_limit_are_counted_as_other_per_severity() -> None:
    names = [f"{a}{b}{c}" for a in "ghijk" for b in "lmnop" for c in "qrstu"]
    groups = grouped(*(f"INFO thing {name}" for name in names), "ERROR rare", max_groups=10)
    by_template = {group.template: group.count for group in groups}
    assert by_template["(other)"] == len(names) - 10
    assert by_template["ERROR rare"] == 1
    assert sum(by_template.values()) == len(names) + 1


def test_known_group_is_found_again_when_the_limit_is_reached_and_caches_were_emptied() -> None:
    words = random.Random(1)
    noise = ["INFO " + "".join(words.choices("ghijklmnop", k=12)) for _ in range(3000)]
    grouper = Grouper(max_groups=5, max_cached=50)
    grouper.begin("x", written=WRITTEN)
    grouper.add(b"INFO known line 1")
    grouper.add("\n".join(noise).encode())
    grouper.add(b"INFO known line 2")
    grouper.end()
    counts = {group.template: group.count for group in grouper.groups()}
    assert counts["INFO known line <*>"] == 2
    assert sum(counts.values()) == grouper.lines == 3002


def test_other_lines_keep_their_severity() -> None:
    words = random.Random(1)

    def word() -> str:
        return "".join(words.choices("ghijklmnop", k=12))

    lines = [f"2026-01-02 03:04:05 {level} {word()}" for level in ("INFO", "ERROR") for _ in range(2000)]
    counts = {group.severity: group.count for group in grouped(*lines, max_groups=1) if group.other}
    assert counts == {Severity.INFO: 1999, Severity.ERROR: 1999}


def test_counts_do_not_depend_on_how_lines_fall_into_blocks() -> None:
    chance = random.Random(3)
    lines = [
        chance.choice(
            (
                f"2026-01-02 03:04:05 INFO took {chance.random():.3f} s",
                f"2026-01-02 03:04:05 INFO job {uuid.UUID(int=chance.getrandbits(128))}",
                f"2026-01-02 03:04:05 ERROR no '{chance.random()}' at 0x{chance.getrandbits(48):x}",
                json.dumps({"level": "warn", "msg": f"slow {chance.getrandbits(20)}"}),
                f'1.2.3.4 - - [x] "GET /{chance.random()} HTTP/1.1" {chance.choice((200, 404, 500))} 1',
            )
        )
        for _ in range(2000)
    ]
    whole = {(group.severity, group.template): group.count for group in grouped(*lines)}
    grouper = Grouper()
    grouper.begin("x", written=WRITTEN)
    for start in range(0, len(lines), 7):
        grouper.add("\n".join(lines[start : start + 7]).encode())
    grouper.end()
    assert {(group.severity, group.template): group.count for group in grouper.groups()} == whole
    assert len(whole) == 7
