"""Machines that freeze, wake up and set their clocks, and parts that live and are of no use: each of them once.

`python -m tests.chaos.table` does the same many times, with all other faults, and writes the table.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import conftest, places
from tests.chaos.table.kinds import KINDS, Kind, Place
from tests.chaos.table.rounds import place, play, whole

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler"),
    pytest.mark.skipif(not places.can_mount(), reason="only root can mount a small file system"),
]

CASES = {
    "the code server's inner process killed": ("recovery-X-code-server-child",),
    "all processes frozen for 45 s, as by `docker pause`": ("recovery-B10",),
    "suspended for 10 min": ("recovery-B10",),
    "a worker's child and its command's guard frozen for 15 s": ("agents-G07",),
    "a second daemon for 15 s, over a due minute": ("recovery-X-two-daemons",),
    "the daemon killed between evaluation and launch": ("recovery-B04", "recovery-X-enqueue"),
    "wall clock of all processes +60 s": ("recovery-X-clock-forward-double", "recovery-B10"),
    "wall clock +3 h": ("recovery-X-clock-forward-double", "recovery-B10"),
    "wall clock -2 h, and right again when all have ticked": ("recovery-X-clock-back", "recovery-B10"),
    "the disk full for 6 s and more, the database's included": ("recovery-B07",),
    "the database without a free connection for 8 s": ("recovery-X-status-starved",),
}
HARD = [
    pytest.param(kind, id=kind.name, marks=[pytest.mark.case(each) for each in CASES.get(kind.name, ())])
    for kind in KINDS
    if kind.test == Path(__file__).name and not kind.far
]
FAR = next(kind for kind in KINDS if kind.far)


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A stack on a disk of its own, whose wall clock can be set, with leases of 6 s."""
    with place(tmp_path_factory.mktemp("chaos") / "near", far=False) as found:
        yield found


@pytest.mark.parametrize("kind", HARD)
def test_given_a_stack_at_work_when_it_is_treated_badly_then_all_are_accounted_for(
    near: Place, kind: Kind
) -> None:
    _plays(near, kind)


def test_given_all_that_then_everything_since_the_beginning_is_accounted_for(near: Place) -> None:
    assert whole(near) == {}


def test_given_a_far_database_when_its_network_is_cut_then_all_are_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with place(tmp_path_factory.mktemp("chaos") / "far", far=True) as far:
        for _silent_then_reset in range(2):
            _plays(far, FAR)


def _plays(where: Place, kind: Kind) -> None:
    found = play(where, kind)
    assert found.wrong == {}
    conftest._measured.append(
        f"{kind.name}: fault of {found.fault_seconds} s; healthy after {found.healthy_seconds} s, all accounted"
        f" for after {found.well_seconds} s; {found.worker_lost} runs lost their worker"
    )
