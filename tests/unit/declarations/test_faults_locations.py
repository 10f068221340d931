"""`locations:`: what is in force, and everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.declarations.yards import lines, load_yard

ONE_OF = (
    "exactly one is needed of python_file, python_module, package_name, autoload_defs_module, grpc_server"
)

FAULTS = {
    "attribute: defs": f"2:3: locations.ml: says nowhere where its code is; {ONE_OF}",
    "python_file: a.py\n    python_module: b": f"2:3: locations.ml: has python_file and python_module; {ONE_OF}",
    "python_module: a-b": "3:20: locations.ml.python_module: 'a-b' is no module's name, such as ml.definitions",
    "python_file: ../x.py": "3:18: locations.ml.python_file: '../x.py' leads out of the project; allowed are paths in it, and absolute ones",
    "python_file: a.py\n    executable_path: ../bin/python": "4:22: locations.ml.executable_path: '../bin/python' leads out of the project; allowed are paths in it, and absolute ones",
    "python_file: ' '": "3:18: locations.ml.python_file: ' ' is no path",
    "grpc_server: {}": "3:18: locations.ml.grpc_server: needs either port or socket",
    "grpc_server: {port: 1, socket: /s}": "3:18: locations.ml.grpc_server: needs either port or socket",
    "grpc_server: {socket: s}": "3:27: locations.ml.grpc_server.socket: 's' is no absolute path",
    "grpc_server: {port: 4000}\n    attribute: a": "4:16: locations.ml.attribute: attribute is for whoever runs the code server; leave it out",
    "autoload_defs_module: a.defs\n    attribute: a": "4:16: locations.ml.attribute: autoload_defs_module takes no attribute",
}


@pytest.mark.parametrize(("text", "expected"), FAULTS.items(), ids=FAULTS.keys())
def test_given_a_faulty_location_when_checked_then_one_line_says_where_and_what_is_allowed(
    tmp_path: Path, text: str, expected: str
) -> None:
    result = load_yard(tmp_path, f"locations:\n  ml:\n    {text}\n")
    assert lines(result) == [f"a.yaml:{expected}"]
    assert not result.declarations.locations


def test_given_the_programs_own_name_then_another_is_wanted(tmp_path: Path) -> None:
    result = load_yard(tmp_path, "locations:\n  signalbox: {python_file: a.py}\n")
    assert lines(result) == [
        "a.yaml:2:3: locations.signalbox: the name 'signalbox' is the program's own location; choose another"
    ]


def test_given_a_good_location_then_its_paths_are_kept_as_written(tmp_path: Path) -> None:
    text = "locations:\n  ml: {python_file: ml/defs.py, executable_path: /venv/bin/python, queue: gpu}\n"
    result = load_yard(tmp_path, text)
    assert result.problems == ()
    found = result.declarations.locations["ml"]
    assert (found.python_file, found.executable_path, found.queue) == (
        "ml/defs.py",
        "/venv/bin/python",
        "gpu",
    )
