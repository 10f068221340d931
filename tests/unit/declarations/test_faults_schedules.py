"""Everything that can be wrong with a schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declarations.yards import NOW, lines, load_yard

START = "schedules:\n  nightly:\n    job: log_triage\n"

# What follows `job:` -> the fault without file name and path. Lines from 4, columns from 5.
CASES = {
    # rules
    "cron: '61 * * * *'": "4:11: cron: cron '61 * * * *': minute '61' is out of range; allowed are 0-59",
    "cron: '0 0 2 * * *'": (
        "4:11: cron: cron '0 0 2 * * *' has 6 fields; write 5: minute hour day-of-month month day-of-week"
    ),
    "cron: ['0 2 * * *', x]": (
        "4:25: cron[1]: cron 'x' has 1 fields; write 5: minute hour day-of-month month day-of-week"
    ),
    "cron: '0 0 31 4 *'": "4:11: cron: cron '0 0 31 4 *' never matches: no such day of the month",
    "cron: []": "4:11: cron: must not be empty",
    "cron: {a: b}": "4:11: cron: must be text, not a mapping",
    "every: 90s": "4:12: every: '90s' is not a whole number of minutes; schedules tick once a minute",
    "every: 0m": "4:12: every: '0m' must be at least 1m",
    "every: 10": (
        "4:12: every: '10' is not a duration: write a number and a unit: s, m, h, d or w, for example 90s, 10m,"
        " 36h, 1d, 2w, 1h30m; months are written '1 month', '3 months'"
    ),
    "rrule: FREQ=SECONDLY": (
        "4:12: rrule: rrule 'FREQ=SECONDLY': FREQ=SECONDLY is not one of MINUTELY, HOURLY, DAILY, WEEKLY,"
        " MONTHLY, YEARLY"
    ),
    "rrule: FREQ=DAILY;COUNT=3": (
        "4:12: rrule: rrule 'FREQ=DAILY;COUNT=3': COUNT needs an anchor to count from"
    ),
    "rrule: FREQ=DAILY\n    exdate: [2026-01-01, x]": "5:26: exdate[1]: 'x' is not a date; write it as 2026-12-25",
    "rrule: FREQ=DAILY\n    rdate: x": (
        "5:12: rdate: 'x' is not an instant; write ISO 8601, for example 2026-12-31T23:00 or"
        " 2026-12-31T23:00+01:00"
    ),
    "at: 2026-13-01": (
        "4:9: at: '2026-13-01' is not an instant; write ISO 8601, for example 2026-12-31T23:00 or"
        " 2026-12-31T23:00+01:00"
    ),
    "at: 2026-12-01T10:00:30": (
        "4:9: at: 2026-12-01T10:00:30 is not a whole minute; schedules tick once a minute"
    ),
    "enabled: true": "2:3: no rule; write one of cron, every, rrule, at, or check_every with when",
    "cron: '0 0 * * *'\n    every: 1d": "5:5: every: cron and every exclude each other; keep one",
    "every: 1d\n    anchor: soon": (
        "5:13: anchor: 'soon' is not an instant; write ISO 8601, for example 2026-12-31T23:00 or"
        " 2026-12-31T23:00+01:00"
    ),
    "cron: '@daily'\n    anchor: 2026-01-01": "5:5: anchor: anchor belongs to every or check_every or rrule, not to cron",
    "every: 1d\n    rdate: 2026-01-01": "5:5: rdate: rdate belongs to rrule, not to every",
    # conditions
    "check_every: 5m": "4:5: check_every: check_every needs when: {subject, op, value}",
    "every: 1d\n    when: {subject: env:X, op: exists}": (
        "5:5: when: when needs check_every: how often to look, for example 5m"
    ),
    "check_every: 5m\n    when: x": "5:11: when: must be {subject: .., op: .., value: ..}, or all:, any: or not: of such",
    "check_every: 5m\n    when: {subject: env:X, opp: lt}": "5:28: when.opp: unknown key; did you mean 'op'?",
    "check_every: 5m\n    when: {op: lt, value: 1}": "5:11: when: the key 'subject' is missing",
    "check_every: 5m\n    when: {subject: env:X, op: greater, value: 1}": "5:32: when.op: 'greater' is unknown; did you mean 'gte'?",
    "check_every: 5m\n    when: {subject: env:X, op: lt}": "5:11: when: lt needs a value",
    "check_every: 5m\n    when: {subject: env:X, op: lt, value: [1]}": (
        "5:43: when.value: must be one text, number or boolean, not a list"
    ),
    "check_every: 5m\n    when: {subject: env:X, op: regex, value: '('}": (
        "5:46: when.value: '(' is no pattern: missing ): (; the syntax is RE2's (docs/reference/patterns.md)"
    ),
    "check_every: 5m\n    when: {subject: env:X, op: matches, value: 3}": (
        "5:48: when.value: matches needs a text, not '3'; quote it"
    ),
    "check_every: 5m\n    when: {all: []}": "5:17: when.all: must be a list of conditions",
    "check_every: 5m\n    when: {not: {subject: env:X, op: eq, value: 1}, any: []}": (
        "5:11: when: must be one of {subject, op, value}, all:, any:, not:"
    ),
    "every: 1d\n    cooldown: 1h": "5:5: cooldown: cooldown belongs to check_every, not to every",
    # names
    "every: 1d\n    evry: 2d": "5:5: evry: unknown key; did you mean 'every'?",
    "every: 1d\n    directive: careful": "5:16: directive: there is no directive 'careful'; no directive is declared",
    "every: 1d\n    notify: ops": "5:13: notify: there is no alert channel 'ops'; no alert channel is declared",
    "every: 1d\n    timezone: America/Chigaco": (
        "5:15: timezone: timezone 'America/Chigaco' is not known; use an IANA name, for example UTC or"
        " America/Chicago"
    ),
    # policies
    "every: 1d\n    overlap: skipp": "5:14: overlap: 'skipp' is unknown; did you mean 'skip'?",
    "every: 1d\n    enabled: maybe": "5:14: enabled: must be true or false, not 'maybe'",
    "every: 1d\n    enabled: 1": "5:14: enabled: must be true or false, not '1'",
    "every: 1d\n    max_global: -1": "5:17: max_global: must be at least 0, not '-1'",
    "every: 1d\n    max_per_job: 1.5": "5:18: max_per_job: must be a whole number, not '1.5'",
    "every: 1d\n    max_per_job: true": "5:18: max_per_job: must be a whole number, not 'true'",
    "every: 1d\n    max_per_job: '3'": "5:18: max_per_job: must be a whole number, not '3'",
    "every: 1d\n    timeout: 5": (
        "5:14: timeout: '5' is not a duration: write a number and a unit: s, m, h, d or w, for example 90s, 10m,"
        " 36h, 1d, 2w, 1h30m"
    ),
    "every: 1d\n    timeout: 0s": "5:14: timeout: must be longer than 0s",
    "every: 1d\n    jitter: 3d": "5:13: jitter: jitter 3d must be at most 1d",
    "every: 1d\n    catch_up: al": "5:15: catch_up: 'al' is unknown; did you mean 'all'?",
    "every: 1d\n    start: 2027-01-01\n    end: 2026-01-01": "6:10: end: end 2026-01-01 is before start 2027-01-01",
    "cron: '0 0 29 2 *'\n    start: 2026-01-01\n    end: 2026-03-01": "6:10: end: is never due between start and end",
    "every: 1d\n    exclude: 2026-99-99": "5:14: exclude: '2026-99-99' is not a date; write it as 2026-12-25",
    "every: 1d\n    exclude: [{a: b}]": (
        "5:15: exclude[0]: keys a are not understood; write a date, {from: DATE, to: DATE}, {cron: EXPRESSION,"
        " for: DURATION} or {holidays: COUNTRY, subdivision: CODE}"
    ),
    "every: 1d\n    retries: {max_attempt: 3}": "5:15: retries.max_attempt: unknown key; did you mean 'max_attempts'?",
    "every: 1d\n    retries: {max_attempts: 0}": "5:29: retries.max_attempts: must be at least 1, not '0'",
    "every: 1d\n    retries: 3": "5:14: retries: must be a mapping of keys to values, not '3'",
    "every: 1d\n    retries: {base: 2h}": "5:21: retries.base: base is longer than cap",
    "every: 1d\n    retries: {retry_on: [timeout, oops]}": (
        "5:35: retries.retry_on[1]: 'oops' is unknown; allowed are timeout, worker_lost, error, exit_code and exit"
        " codes"
    ),
    "every: 1d\n    retries: {retry_on: 300}": (
        "5:25: retries.retry_on: the exit code 300 is out of range; failures have 1 to 255"
    ),
    # texts, tags, config
    "every: 1d\n    description: [a]": "5:18: description: must be text, not a list",
    "every: 1d\n    tags: [a]": "5:11: tags: must be a mapping of keys to values, not a list",
    "every: 1d\n    tags: {signalbox/job: x}": (
        "5:11: tags: the tag 'signalbox/job' is set by the program; choose another prefix"
    ),
    "every: 1d\n    tags: {a b: x}": (
        "5:11: tags: bad tag key 'a b'; allowed are letters, digits, '_', '-', '.', at most 63, and one prefix"
        " ending in '/'"
    ),
    "every: 1d\n    config: {deep: {verbose: yes}}": (
        "5:30: config.deep.verbose: 'yes' is text to some and true to others; write true, or quote it"
    ),
    "every: 1d\n    config: {code: 007}": (
        "5:20: config.code: '007': some read that as octal; write 7, or 0o7 for octal, or quote it"
    ),
    "every: 1d\n    config: x": "5:13: config: must be a mapping of keys to values, not 'x'",
}


def _line(expected: str) -> str:
    place, rest = expected.split(": ", 1)
    dot = "." if " " not in rest.split(": ")[0] else ": "
    return f"a.yaml:{place}: schedules.nightly{dot}{rest}"


@pytest.mark.parametrize(("text", "expected"), CASES.items(), ids=CASES.keys())
def test_given_a_faulty_schedule_when_checked_then_one_line_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    result = load_yard(tmp_path, f"{START}    {text}\n", now=NOW)
    assert lines(result) == [_line(expected)]
    assert not result.declarations.schedules


def test_given_many_faults_in_one_entry_when_checked_then_all_are_found_in_one_pass(tmp_path: Path) -> None:
    text = (
        "schedules:\n"
        "  a: {job: nope, crn: 1, every: 90s, timezone: Mars, directive: d, tags: {.dagster/x: 1}}\n"
        "  b: {jbo: log_triage, cron: x}\n"
        "  c: {job: [1], cron: '0 0 0 0 0', notify: nobody}\n"
        "  d: text\n"
        "  e:\n"
    )
    assert [
        line.split(": ")[0] + ": " + line.split(": ")[1] for line in lines(load_yard(tmp_path, text))
    ] == [
        "a.yaml:2:12: schedules.a.job",
        "a.yaml:2:18: schedules.a.crn",
        "a.yaml:2:33: schedules.a.every",
        "a.yaml:2:48: schedules.a.timezone",
        "a.yaml:2:65: schedules.a.directive",
        "a.yaml:2:74: schedules.a.tags",
        "a.yaml:3:3: schedules.b",
        "a.yaml:3:7: schedules.b.jbo",
        "a.yaml:3:30: schedules.b.cron",
        "a.yaml:4:12: schedules.c.job",
        "a.yaml:4:23: schedules.c.cron",
        "a.yaml:4:44: schedules.c.notify",
        "a.yaml:5:3: schedules.d",
        "a.yaml:6:3: schedules.e",
    ]


def test_given_a_missing_job_when_checked_then_the_nearest_name_is_proposed(tmp_path: Path) -> None:
    text = "jobs:\n  report: {command: [a]}\nschedules:\n  a: {job: reprot, every: 1d}\n"
    assert lines(load_yard(tmp_path, text)) == [
        "a.yaml:4:12: schedules.a.job: there is no job 'reprot'; did you mean 'report'?"
    ]


def test_given_bad_names_when_checked_then_said_what_is_allowed(tmp_path: Path) -> None:
    text = "schedules:\n" + "".join(
        f"  {name}: {{job: log_triage, every: 1d}}\n"
        for name in ("a b", "-x", "'../x'", "type", "'é'", "class")
    )
    allowed = (
        "allowed are 1 to 128 letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_'"
    )
    assert [line.partition(": ")[2] for line in lines(load_yard(tmp_path, text))] == [
        f"schedules.a b: bad name 'a b'; {allowed}",
        f"schedules.-x: bad name '-x'; {allowed}",
        f"schedules.../x: bad name '../x'; {allowed}",
        "schedules.type: the name 'type' is reserved by Dagster; choose another",
        f"schedules.é: bad name 'é'; {allowed}",
        "schedules.class: the name 'class' is reserved by Dagster; choose another",
    ]


def test_given_names_that_are_one_in_dagster_when_checked_then_refused(tmp_path: Path) -> None:
    text = (
        "schedules:\n  a-b: {job: log_triage, every: 1d}\n  a.b: {job: log_triage, every: 1d}\n"
        "  declarations: {job: log_triage, every: 1d}\n"
    )
    assert lines(load_yard(tmp_path, text)) == [
        "a.yaml:3:3: schedules.a.b: 'a.b' and 'a-b' (config/a.yaml:2:3) are the same name in Dagster, 'a_b';"
        " rename one",
        "a.yaml:4:3: schedules.declarations: the name 'declarations' is taken by a sensor of the program; choose"
        " another",
    ]


def test_given_faulty_defaults_when_checked_then_said_once_and_nothing_relies_on_them(tmp_path: Path) -> None:
    text = (
        "defaults: {timezone: Mars, retries: {base: 2h}, jitter: 3d, every: 1d}\n"
        "schedules:\n"
        "  a: {job: log_triage, every: 1d}\n"
        "  b: {job: log_triage, every: 1d}\n"
        "  c: {job: log_triage, every: 1d, timezone: UTC, jitter: 0, retries: null}\n"
    )
    result = load_yard(tmp_path, text)
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in lines(result)] == [
        "a.yaml:1:22: defaults.timezone",
        "a.yaml:1:44: defaults.retries.base",
        "a.yaml:1:57: defaults.jitter",
        "a.yaml:1:61: defaults.every",
    ]
    assert list(result.declarations.schedules) == ["c"]


def test_given_the_same_default_in_two_files_when_checked_then_both_places_are_named(tmp_path: Path) -> None:
    files = {
        "a.yaml": "defaults: {timezone: UTC}\n",
        "b.yaml": "defaults: {owner: me, timezone: Asia/Tokyo}\n",
    }
    assert lines(load_yard(tmp_path, files)) == [
        "b.yaml:1:23: defaults.timezone: is given already, at config/a.yaml:1:12"
    ]


def test_given_config_that_the_job_does_not_take_when_checked_then_said_what_it_takes(tmp_path: Path) -> None:
    text = (
        "jobs:\n"
        "  j:\n"
        "    command: [echo, '{params.n}', '{params.size}']\n"
        "    params:\n"
        "      n: {type: integer, minimum: 1, maximum: 9}\n"
        "      size: {choices: [small, large], default: small}\n"
        "      word: {pattern: '[a-z]+', default: x}\n"
        "      deep: {type: boolean, default: false}\n"
        "      part: {type: number, default: 0.5}\n"
        "schedules:\n"
        "  a: {job: j, every: 1d}\n"
        "  b: {job: j, every: 1d, config: {n: 0, size: huge, word: A1, deep: 1, part: x, sise: small}}\n"
        "  c: {job: j, every: 1d, config: {n: 9, size: large, word: abc, deep: true, part: 1}}\n"
    )
    result = load_yard(tmp_path, text)
    assert [line.partition(": ")[2] for line in lines(result)] == [
        "schedules.a: the parameter 'n' has no default and must be given in config",
        "schedules.b.config.n: n must be at least 1, not 0",
        "schedules.b.config.size: size must be one of small, large, not 'huge'",
        "schedules.b.config.word: word must match [a-z]+, not 'A1'",
        "schedules.b.config.deep: deep must be true or false, not '1'",
        "schedules.b.config.part: part must be a number, not 'x'",
        "schedules.b.config.sise: unknown parameter; did you mean 'size'?",
    ]
    assert list(result.declarations.schedules) == ["c"]


def test_given_a_subject_that_no_probe_knows_when_checked_then_said_what_is_meant(tmp_path: Path) -> None:
    text = (
        f"{START}    check_every: 5m\n"
        "    when: {any: [{subject: 'disk.fre_percent:/', op: lt, value: 1}, {subject: env:X, op: exists}]}\n"
    )
    assert lines(load_yard(tmp_path, text)) == [
        "a.yaml:5:28: schedules.nightly.when.any[0].subject: no probe is called 'disk.fre_percent'; did you mean"
        " disk.free_percent?"
    ]


def test_given_a_value_that_the_probe_never_has_when_checked_then_refused(tmp_path: Path) -> None:
    text = f"{START}    check_every: 5m\n    when: {{subject: 'disk.free_percent:/', op: lt, value: few}}\n"
    assert lines(load_yard(tmp_path, text)) == [
        "a.yaml:5:59: schedules.nightly.when.value: disk.free_percent is a number; 'few' is not a number such as"
        " 10"
    ]
