"""Two locations have modules of one name, and each keeps its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from dagster._core.code_pointer import FileCodePointer

from scheduler_defs.execution.worker.running import freshness
from scheduler_defs.execution.worker.running.freshness import Freshness, definitions


@pytest.fixture
def own() -> Iterator[None]:
    """Whatever is loaded in a test is shelved again afterwards."""
    yield
    with definitions.loading():
        pass


def written(folder: Path, word: str) -> FileCodePointer:
    folder.mkdir(exist_ok=True)
    (folder / "shared_helper_of_a_test.py").write_text(f"WORD = '{word}'\n")
    (folder / "defs_of_a_test.py").write_text("import shared_helper_of_a_test as helper\n")
    return FileCodePointer(str(folder / "defs_of_a_test.py"), "helper", str(folder))


def test_given_two_locations_then_each_finds_its_own_module_again(
    tmp_path: Path, own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_CLOCKS_DIFFER", -1.0)  # what was written just now counts as unchanged
    locations = {word: (written(tmp_path / word, word), Freshness(None)) for word in ("a", "b")}
    modules = {}
    for word, (pointer, place) in locations.items():
        with place.loading():
            modules[word] = pointer.load_target()
        assert word == modules[word].WORD  # type: ignore[attr-defined]
    for word, (_, place) in locations.items():
        with place.loading():
            assert sys.modules["shared_helper_of_a_test"] is modules[word]
    with definitions.loading():
        assert "shared_helper_of_a_test" not in sys.modules


def test_given_a_module_that_was_imported_only_when_a_run_needed_it_then_it_is_its_locations_as_well(
    tmp_path: Path, own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_CLOCKS_DIFFER", -1.0)
    (tmp_path / "late_helper_of_a_test.py").write_text("WORD = 'late'\n")
    pointer = FileCodePointer(str(tmp_path / "late_helper_of_a_test.py"), "WORD", str(tmp_path))
    first, second = Freshness(None), Freshness(None)
    with first.loading():
        pass
    assert pointer.load_target() == "late"
    with second.loading():
        assert "late_helper_of_a_test" not in sys.modules
    with first.loading():
        assert "late_helper_of_a_test" in sys.modules


def test_given_locations_in_turn_then_not_all_modules_are_looked_at_each_time(
    tmp_path: Path, own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_CLOCKS_DIFFER", -1.0)
    pointer, place = written(tmp_path / "a", "a"), Freshness(None)
    for each in (definitions, place, definitions):
        with each.loading():
            pointer.load_target() if each is place else None
    looked_at: list[str] = []
    is_project = freshness._is_project

    def look(name: str, module: ModuleType) -> bool:
        looked_at.append(name)
        return is_project(name, module)

    monkeypatch.setattr(freshness, "_is_project", look)
    for each in (place, definitions):
        with each.loading():
            pass
    assert len(looked_at) < 10, "to look at each costs 15 ms, and twice that in a forked process"


def test_given_a_location_with_a_package_of_the_programs_name_then_it_finds_its_own(
    tmp_path: Path, own: None
) -> None:
    with definitions.loading():
        import sensors as ours
    (tmp_path / "sensors").mkdir()
    (tmp_path / "sensors" / "__init__.py").write_text("WORD = 'theirs'\n")
    (tmp_path / "defs_of_a_test.py").write_text("from sensors import WORD\n")
    with Freshness(None).loading():
        assert (
            FileCodePointer(str(tmp_path / "defs_of_a_test.py"), "WORD", str(tmp_path)).load_target()
            == "theirs"
        )
    with definitions.loading():
        assert sys.modules["sensors"] is ours


def test_given_a_change_in_one_location_then_that_one_is_not_loaded_any_more(
    tmp_path: Path, own: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_CLOCKS_DIFFER", -1.0)
    locations = {word: (written(tmp_path / word, word), Freshness(None)) for word in ("a", "b")}
    for pointer, place in locations.values():
        with place.loading():
            pointer.load_target()
    assert all(place.is_loaded for _, place in locations.values())
    (tmp_path / "a" / "shared_helper_of_a_test.py").write_text("WORD = 'changed'\n")
    assert not locations["a"][1].is_loaded
    assert locations["b"][1].is_loaded


def test_when_modules_are_imported_then_only_those_are_looked_at_and_all_after_one_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = {name: ModuleType(name) for name in ("first", "second", "third")}
    monkeypatch.setattr(sys, "modules", dict(loaded))
    assert list(freshness.imported_after("first")) == ["third", "second"]
    assert freshness.imported_after("third") == {}
    del sys.modules["second"]
    sys.modules["second"] = ModuleType("second")
    assert list(freshness.imported_after("third")) == ["second"], "one that was imported again is new"
    assert list(freshness.imported_after("gone")) == ["second", "third", "first"]
