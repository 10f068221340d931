"""Everything that can be wrong with a declared job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declarations.yards import lines, load_yard

# What follows the name -> the fault without file name. Lines from 3, columns from 5.
CASES = {
    "command: python /opt/x.py --n 3": '3:14: jobs.j.command: is a text; write it as a list: [python, /opt/x.py, --n, "3"]',
    "command: /opt/report.sh": "3:14: jobs.j.command: is a text; write it as a list: [/opt/report.sh]",
    "command: 'grep -c \"a b\" x'": '3:14: jobs.j.command: is a text; write it as a list: [grep, -c, "a b", x]',
    "command: ps | wc -l": '3:14: jobs.j.command: is a text; write it as a list: [sh, -c, "ps | wc -l"]',
    'command: "echo \'left open"': '3:14: jobs.j.command: is a text; write it as a list: [echo, "\'left", open]',
    "command: []": "3:14: jobs.j.command: is empty; name at least a program: [echo, hello]",
    "command: ['', x]": "3:14: jobs.j.command: must begin with the program to run",
    'command: [echo, "a\\0b"]': "3:21: jobs.j.command: holds a NUL character, which neither the database nor a program can take",
    "command: [echo, {a: b}]": "3:21: jobs.j.command[1]: must be text, not a mapping",
    "command: [echo, ~]": "3:21: jobs.j.command[1]: must be text, not nothing",
    "command: {a: b}": "3:14: jobs.j.command: must be a list, not a mapping",
    "comand: [echo]": "3:5: jobs.j.comand: unknown key; did you mean 'command'? || 2:3: jobs.j: needs one of command: [PROGRAM, ARGUMENTS] or steps:",
    "description: x": "2:3: jobs.j: needs one of command: [PROGRAM, ARGUMENTS] or steps:",
    "command: [a]\n    steps: {b: {command: [c]}}": "2:3: jobs.j: needs one of command: [PROGRAM, ARGUMENTS] or steps:",
    "command: [a, '{params.nme}']\n    params: {name: {}}": "3:18: jobs.j.command[1]: {params.nme} stands for no parameter; did you mean 'name'?",
    "command: [a, 'x={params.y}']": "3:18: jobs.j.command[1]: {params.y} stands for no parameter; the job has no params",
    "command: [a]\n    env: [TOKEN=abc]": "4:11: jobs.j.env[0]: 'TOKEN' must stand without its value: env lists names to pass on",
    "command: [a]\n    env: [a-b]": "4:11: jobs.j.env[0]: 'a-b' is not a variable's name; allowed are letters, digits and '_'",
    "command: [a]\n    env: {A: b}": "4:10: jobs.j.env: must be a list, not a mapping",
    "command: [a]\n    artifacts: [/etc/passwd]": "4:17: jobs.j.artifacts[0]: '/etc/passwd' must be a glob below the working directory, such as out/*.csv",
    "command: [a]\n    artifacts: [../x]": "4:17: jobs.j.artifacts[0]: '../x' must be a glob below the working directory, such as out/*.csv",
    "command: [a]\n    max_concurrent: -1": "4:21: jobs.j.max_concurrent: must be at least 0, not '-1'",
    "command: [a]\n    timeout: 0": "4:14: jobs.j.timeout: must be longer than 0s",
    "command: [a]\n    queue: 'a b'": "4:12: jobs.j.queue: bad name 'a b'; allowed are 1 to 128 letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_'",
    # parameters
    "command: [a]\n    params: {x: {type: int}}": "4:24: jobs.j.params.x.type: 'int' is unknown; did you mean 'integer'?",
    "command: [a]\n    params: {1x: {}}": "4:14: jobs.j.params.1x: bad parameter name '1x'; allowed are letters, digits and '_', not beginning with a digit, and not directive",
    "command: [a]\n    params: {directive: {}}": "4:14: jobs.j.params.directive: bad parameter name 'directive'; allowed are letters, digits and '_', not beginning with a digit, and not directive",
    "command: [a]\n    params: {x: {type: integer, default: '5'}}": "4:42: jobs.j.params.x.default: x must be a whole number, not '5'",
    "command: [a]\n    params: {x: {type: integer, default: 1.5}}": "4:42: jobs.j.params.x.default: x must be a whole number, not '1.5'",
    "command: [a]\n    params: {x: {default: 5}}": "4:27: jobs.j.params.x.default: x must be a text; quote it, not '5'",
    "command: [a]\n    params: {x: {type: boolean, default: yes}}": "4:42: jobs.j.params.x.default: x must be true or false, not 'yes'",
    "command: [a]\n    params: {x: {type: integer, minimum: 1, default: 0}}": "4:54: jobs.j.params.x.default: x must be at least 1, not 0",
    "command: [a]\n    params: {x: {type: number, maximum: 1, default: 1.5}}": "4:53: jobs.j.params.x.default: x must be at most 1, not 1.5",
    "command: [a]\n    params: {x: {type: number, minimum: 3, maximum: 1}}": "4:41: jobs.j.params.x.minimum: minimum 3 is above maximum 1",
    "command: [a]\n    params: {x: {minimum: 3}}": "4:18: jobs.j.params.x.minimum: minimum belongs to integer and number, not to string",
    "command: [a]\n    params: {x: {type: integer, minimum: low}}": "4:42: jobs.j.params.x.minimum: 'low' is not a number",
    "command: [a]\n    params: {x: {type: integer, pattern: a}}": "4:33: jobs.j.params.x.pattern: pattern belongs to string, not to integer",
    "command: [a]\n    params: {x: {pattern: '('}}": "4:27: jobs.j.params.x.pattern: '(' is no pattern: missing ): (; the syntax is RE2's (docs/reference/patterns.md)",
    "command: [a]\n    params: {x: {pattern: 'a+', default: b}}": "4:42: jobs.j.params.x.default: x must match a+, not 'b'",
    "command: [a]\n    params: {x: {choices: [a, b], default: c}}": "4:44: jobs.j.params.x.default: x must be one of a, b, not 'c'",
    "command: [a]\n    params: {x: {choices: [a, 1]}}": "4:31: jobs.j.params.x.choices[1]: x must be a text; quote it, not '1'",
    "command: [a]\n    params: {x: {choices: []}}": "4:27: jobs.j.params.x.choices: must not be empty",
    "command: [a]\n    params: [x]": "4:13: jobs.j.params: must be a mapping of keys to values, not a list",
    # steps
    "steps: {}": "3:12: jobs.j.steps: must not be empty",
    "steps: {a: {}}": "3:16: jobs.j.steps.a: the key 'command' is missing",
    "steps: {a: {command: [x], needs: [b]}}": "3:39: jobs.j.steps.a.needs[0]: there is no step 'b'",
    "steps: {fetch: {command: [x]}, b: {command: [x], needs: fecth}}": "3:61: jobs.j.steps.b.needs: there is no step 'fecth'; did you mean 'fetch'?",
    "steps: {a: {command: [x], needs: a}}": "3:38: jobs.j.steps.a.needs: the steps wait for each other: a -> a",
    "steps: {a: {command: [x], needs: c}, b: {command: [x], needs: a}, c: {command: [x], needs: b}}": "3:38: jobs.j.steps.a.needs: the steps wait for each other: a -> c -> b -> a",
    "steps: {a-b: {command: [x]}, a_b: {command: [x]}}": "3:34: jobs.j.steps.a_b: 'a_b' and 'a-b' are the same name in Dagster; rename one",
    "steps: {'a b': {command: [x]}}": "3:13: jobs.j.steps.a b: bad name 'a b'; allowed are 1 to 128 letters, digits, '_', '-' and '.', beginning with a letter, a digit or '_'",
    "steps: {a: {command: [x]}}\n    artifacts: [x]": "4:5: jobs.j.artifacts: artifacts of a job with steps belong to its steps",
    "steps: {a: {command: [x, '{params.y}']}}": "3:30: jobs.j.steps.a.command[1]: {params.y} stands for no parameter; the job has no params",
}


@pytest.mark.parametrize(("text", "expected"), CASES.items(), ids=CASES.keys())
def test_given_a_faulty_job_when_checked_then_one_line_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    result = load_yard(tmp_path, f"jobs:\n  j:\n    {text}\n")
    assert set(lines(result)) == {f"a.yaml:{each}" for each in expected.split(" || ")}
    assert not result.declarations.jobs


def test_given_the_name_of_a_built_in_job_when_checked_then_refused(tmp_path: Path) -> None:
    assert lines(
        load_yard(tmp_path, "jobs:\n  log_triage: {command: [a]}\n  log-triage: {command: [a]}\n")
    ) == [
        "a.yaml:2:3: jobs.log_triage: the name 'log_triage' is taken by a built-in job; choose another",
        "a.yaml:3:3: jobs.log-triage: the name 'log-triage' is taken by a built-in job; choose another",
    ]


def test_given_faults_in_several_steps_when_checked_then_all_are_found_in_one_pass(tmp_path: Path) -> None:
    text = (
        "jobs:\n"
        "  j:\n"
        "    timeout: 5\n"
        "    params: {p: {type: strnig}}\n"
        "    steps:\n"
        "      a: {comand: [x]}\n"
        "      b: {command: [y, '{params.z}', '{params.p}'], needs: [a, q]}\n"
        "      c: {command: {}, needs: [b]}\n"
    )
    assert [
        line.split(": ")[0] + ": " + line.split(": ")[1] for line in lines(load_yard(tmp_path, text))
    ] == [
        "a.yaml:3:14: jobs.j.timeout",
        "a.yaml:4:24: jobs.j.params.p.type",
        "a.yaml:6:10: jobs.j.steps.a",
        "a.yaml:6:11: jobs.j.steps.a.comand",
        "a.yaml:7:24: jobs.j.steps.b.command[1]",
        "a.yaml:7:64: jobs.j.steps.b.needs[1]",
        "a.yaml:8:20: jobs.j.steps.c.command",
    ]


def test_given_a_faulty_job_when_loaded_then_its_schedules_wait_with_it_without_a_fault_of_their_own(
    tmp_path: Path,
) -> None:
    text = (
        "jobs:\n  bad: {command: x}\n  good: {command: [x]}\n"
        "schedules:\n  a: {job: bad, every: 1d}\n  b: {job: good, every: 1d}\n"
    )
    result = load_yard(tmp_path, text)
    assert len(lines(result)) == 1
    assert list(result.declarations.schedules) == ["b"]
    assert list(result.declarations.jobs) == ["good"]
