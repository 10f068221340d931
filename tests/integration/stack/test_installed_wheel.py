"""Signalbox as people install it: from a wheel, into an environment of its own, with an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*words: str | Path, cwd: Path, timeout: float = 180) -> subprocess.CompletedProcess[str]:
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "DAGSTER_", "PYTHONPATH"))
    }
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environ, capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel from the tracked files, and one from the sdist that is made of them."""
    folder = tmp_path_factory.mktemp("built")
    tracked = run("git", "ls-files", "-z", cwd=ROOT).stdout.split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "tree" / name)
    code = "import setuptools.build_meta as b, sys; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    found = {}
    for what, hook, tree in (("sdist", "build_sdist", "tree"), ("wheel", "build_wheel", "tree")):
        made = run(sys.executable, "-c", code, hook, folder, cwd=folder / tree)
        assert made.returncode == 0, made.stderr
        found[what] = folder / made.stdout.strip().splitlines()[-1]
    shutil.unpack_archive(found["sdist"], folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    (folder / "again").mkdir()
    made = run(sys.executable, "-c", code, "build_wheel", folder / "again", cwd=unpacked)
    assert made.returncode == 0, made.stderr
    found["again"] = folder / "again" / made.stdout.strip().splitlines()[-1]
    return found


@pytest.mark.case("newcomer-X-wheel")
def test_the_wheel_holds_all_that_is_tracked_under_one_name(built: dict[str, Path]) -> None:
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "scheduler_defs",
        "signalbox",
    }
    tracked = run("git", "ls-files", "scheduler_defs", "resources", "sensors", cwd=ROOT).stdout.split()
    wanted = {name if name.startswith("scheduler_defs/") else f"scheduler_defs/{name}" for name in tracked}
    wanted |= {"signalbox/__init__.py", "signalbox/yard.py"}
    assert wanted - names == set()
    installed = {"dagster.yaml", "workspace.yaml", "docs/schemas/schedules.json", "recipes/run.py"}
    assert {f"scheduler_defs/installed/{name}" for name in installed} <= names
    assert names == set(zipfile.ZipFile(built["again"]).namelist()), "the sdist makes another wheel"


@pytest.fixture(scope="module")
def signalbox(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment that has the wheel, and what it needs from where these tests run."""
    place = tmp_path_factory.mktemp("venv") / "env"
    venv.create(place, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    # Not as a folder of .pth files: that of our own checkout must not count.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    ended = run(
        sys.executable, "-m", "pip", "--python", place / "bin/python", "install", "--quiet", "--no-deps",
        "--no-index", built["again"], cwd=place,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return place / "bin/signalbox"


@pytest.fixture
def yard(tmp_path: Path, signalbox: Path) -> Iterator[Path]:
    """An empty folder with packages of the user's that have general names, too."""
    for name in ("resources", "sensors"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('somebody elses')\n")
    yield tmp_path
    run(signalbox, "down", cwd=tmp_path)


@pytest.mark.case("newcomer-X-wheel")
def test_given_an_empty_folder_then_init_check_up_and_a_run_work(signalbox: Path, yard: Path) -> None:
    made = run(signalbox, "init", "--json", cwd=yard)
    assert made.returncode == 0, made.stderr
    assert "config/schedules.yaml" in json.loads(made.stdout)["written"]
    checked = run(signalbox, "check", cwd=yard)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    up = run(signalbox, "up", "--detach", "--port", "0", "--workers", "1", cwd=yard)
    assert up.returncode == 0, up.stderr
    launched = run(signalbox, "schedules", "run", "say-hello", "--wait", cwd=yard)
    assert launched.returncode == 0, launched.stderr
    assert "hello signalbox" in launched.stdout + launched.stderr
    status = json.loads(run(signalbox, "status", "--json", cwd=yard).stdout)
    assert status["healthy"], status["problems"]
    assert run(signalbox, "down", cwd=yard).returncode == 0
