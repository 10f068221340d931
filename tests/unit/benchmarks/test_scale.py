"""What the benchmark of sizes says of its numbers, and that it can be run: each part once, at a tiny size."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.growth import plot
from benchmarks.growth.figures import Figure, growth, series, table


def curve(power: float, *sizes: int) -> list[Figure]:
    return [Figure("queue", "a pass", size, 1e-5 * size**power) for size in sizes]


@pytest.mark.parametrize(
    ("whole", "sizes"), [(10_000, [1_000, 3_333, 10_000]), (30, [3, 10, 30]), (29, [29])]
)
def test_a_tenth_a_third_and_the_whole_unless_there_is_next_to_nothing(whole: int, sizes: list[int]) -> None:
    assert series(whole) == sizes


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_growth_is_the_power_of_the_size(power: float) -> None:
    assert growth(curve(power, 10, 30, 100)) == pytest.approx(power)


def test_of_one_size_no_growth_is_told() -> None:
    assert growth(curve(1.0, 10)) is None
    assert "grows" not in table(curve(1.0, 10))


def test_what_is_over_its_bar_is_marked_and_growth_is_told_once() -> None:
    figures = [Figure("schedules", "reload", size, size / 1_000, 100, bar=3.0) for size in (1_000, 10_000)]
    _, within, over = table(figures).splitlines()
    assert within.endswith("at most 3")
    assert over.endswith("at most 3   OVER   grows with size^1.0")


def test_the_drawing_is_svg_with_a_rising_line_for_each_measure() -> None:
    figures = [*curve(1.0, 10, 100, 1_000), Figure("tasks", "a <pass>", 50, 0.0)]
    drawn = ET.fromstring(plot.svg(figures))
    tag = "{http://www.w3.org/2000/svg}"
    lines = [each.attrib["points"].split() for each in drawn.iter(f"{tag}polyline")]
    assert [len(each) for each in lines] == [3, 1]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert heights == sorted(heights, reverse=True)
    assert "tasks: a <pass>" in [each.text for each in drawn.iter(f"{tag}text")]


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.svg([])


def test_each_part_runs_at_a_tiny_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"schedules": 6, "queued": 5, "runs": 20, "tasks": 9, "workers": 3}
    arguments = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    scale.main([*arguments, "--save", str(tmp_path / "scale.json"), "--plot", str(tmp_path / "scale.svg")])
    figures = json.loads((tmp_path / "scale.json").read_text())["figures"]
    assert {each["part"] for each in figures} == {"schedules", "queue", "history", "tasks", "workers"}
    assert {each["size"] for each in figures} == set(sizes.values())
    assert all(each["seconds"] > 0 and each["megabytes"] > 10 for each in figures)
    assert ET.parse(tmp_path / "scale.svg")
    assert "load at the begin" in capsys.readouterr().out
