"""docs/architecture.md: the rooms stand in the order that import-linter holds."""

from __future__ import annotations

import re
import tomllib

from scheduler_defs.settings import PROJECT_ROOT


def floors() -> list[set[str]]:
    settings = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    return [
        {name.removeprefix("scheduler_defs.") for name in layer.split(" : ")} for layer in reversed(layers)
    ]


def test_given_the_floors_then_the_page_has_each_room_and_none_stands_above_a_higher_one() -> None:
    page = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page[page.index("| room |") : page.index("Where a library")]
    rows = [
        [name.removesuffix(".py").rstrip("/") for name in re.findall(r"`([^`]+)`", row)]
        for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
    ]
    floor_of = {room: number for number, rooms in enumerate(floors()) for room in rooms}
    named = {room for row in rows for room in row}
    assert set(floor_of) <= named
    assert {
        room for room in named - set(floor_of) if not (PROJECT_ROOT / "scheduler_defs" / room).is_dir()
    } == set()
    highest = 0
    for row in rows:
        known = [floor_of[room] for room in row if room in floor_of]
        assert min(known) >= highest, row
        highest = max(known)


def test_given_where_to_look_then_what_is_named_is_defined_there() -> None:
    page = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = page[page.index("| question |") : page.index("## The walk of a run")].splitlines()[2:]
    answers = [row for row in rows if row.startswith("|")]
    assert len(answers) == 6
    for row in answers:
        places = re.findall(r"((?:`\w+`(?:, )?)+) in `([\w/]+\.py)`", row)
        assert places, row
        for names, file in places:
            text = (PROJECT_ROOT / "scheduler_defs" / file).read_text(encoding="utf-8")
            for name in re.findall(r"\w+", names):
                assert re.search(rf"^ *(?:def|class) {name}\b", text, re.MULTILINE), (name, file)
        for folder in re.findall(r"`([\w/]+/)`", row):
            assert (PROJECT_ROOT / "scheduler_defs" / folder).is_dir(), folder
