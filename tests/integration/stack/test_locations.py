"""Somebody's Dagster projects as further code locations: served, executed, broken, in an environment of their own."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler_defs.access import credential
from scheduler_defs.graphql.client import GraphQLClient
from tests.integration.running_stack import Stack, until

PROJECT = """
import helpers
import dagster as dg


@dg.op
def one():
    return helpers.WORD


@dg.op
def two(word):
    return word


@dg.op
def three(a, b):
    import later

    print(f"{{a}} {{later.WORD}}")


@dg.job
def diamond():
    first = one()
    three(two.alias("left")(first), two.alias("right")(first))


@dg.job(executor_def=dg.in_process_executor)
def quick():
    three(one(), one.alias("another")())


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"), group_name="daily")
def numbers(context):
    context.log.info(f"partition {context.partition_key}")
    return 1


defs = dg.Definitions(jobs=[diamond, quick], assets=[numbers])
"""


@dataclass
class Locations:
    """The stack with the locations declared, and what a test asks of them."""

    stack: Stack
    client: GraphQLClient

    def write(self, location: str, file: str, text: str) -> None:
        """Write a file of a location's project at once, as an editor does."""
        path = self.stack.folder / location / file
        path.parent.mkdir(exist_ok=True)
        (path.parent / ".new").write_text(text)
        (path.parent / ".new").replace(path)

    def launch(self, location: str, job: str) -> str:
        """Launch a job by the UI's own mutation; the run's id."""
        params = {
            "selector": {
                "jobName": job,
                "repositoryName": "__repository__",
                "repositoryLocationName": location,
            }
        }
        return str(self.client.call("LaunchRun", params=params)["run"]["runId"])

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run when it has ended."""

        def look() -> Any:
            found = self.stack.json("runs", "show", run_id)
            return found if found["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

        return dict(until(look, f"the end of {run_id}"))

    def printed(self, run_id: str) -> str:
        """What the run's steps have printed."""
        folder = self.stack.state / "compute_logs" / run_id / "compute_logs"
        return "".join(path.read_text() for path in folder.glob("*.out"))

    def state(self, location: str) -> tuple[str, str]:
        """State and detail of the location as `status` shows it; empty while it is not there."""
        found = [each for each in self.stack.status()["components"] if each["name"] == f"location-{location}"]
        return (found[0]["state"], found[0]["detail"]) if found else ("", "")

    def until_known(self, *names: str) -> None:
        """Wait until the webserver has loaded them."""
        query = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"

        def loaded() -> bool:
            answer = self.client.answer({"query": query})["data"]["workspaceOrError"]
            kinds = {
                entry["name"]: (entry["locationOrLoadError"] or {}).get("__typename")
                for entry in answer["locationEntries"]
            }
            return all(kinds.get(name) == "RepositoryLocation" for name in names)

        until(loaded, f"{names} to be known")


def environment_of_its_own(folder: Path) -> Path:
    """A Python of its own, which finds Dagster and nothing of this program; made without the network."""
    import venv

    venv.create(folder, with_pip=False, symlinks=True)
    (version,) = (folder / "lib").iterdir()
    # Not Signalbox: it is installed as a link that stands in a .pth file, which is read in site folders only.
    (version / "site-packages" / "dagster.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (version / "site-packages" / "only_there.py").write_text("WORD = 'from there'\n")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def locations(stack: Stack) -> Iterator[Locations]:
    python = environment_of_its_own(stack.folder / "venv")
    found = Locations(stack, GraphQLClient(stack.ui, headers=credential.headers(stack.state)))
    for name in ("ml", "etl"):
        found.write(name, "helpers.py", f"WORD = 'I am {name}'\n")
        found.write(name, "later.py", f"WORD = 'later {name}'\n")
        found.write(name, "defs.py", PROJECT.replace("{{", "{").replace("}}", "}"))
    found.write("own", "defs.py", "import only_there\n" + PROJECT.replace("{{", "{").replace("}}", "}"))
    found.write("own", "helpers.py", "import os\nfrom only_there import WORD\n")
    found.write("own", "later.py", "import sys\nWORD = sys.executable\n")
    found.write("broken", "defs.py", "import no_such_thing\n")
    found.write("hangs", "defs.py", "import time\ntime.sleep(600)\n")
    found.write("exits", "defs.py", "import os\nos._exit(3)\n")
    path = stack.config / "locations.yaml"
    names = ("ml", "etl", "broken", "hangs", "exits")
    path.write_text(
        "locations:\n"
        + "".join(f"  {name}: {{python_file: {name}/defs.py}}\n" for name in names)
        + f"  own: {{python_file: own/defs.py, executable_path: {python}}}\n"
    )
    found.until_known("ml", "etl", "own")
    yield found
    path.unlink()
    until(lambda: found.state("ml") == ("", ""), "the locations to be gone")


def test_given_two_projects_with_modules_of_one_name_then_each_run_has_its_own(locations: Locations) -> None:
    """Twice each, one after the other: the second run finds the code loaded."""
    for turn in ("cold", "warm"):
        for name in ("ml", "etl"):
            run_id = locations.launch(name, "quick")
            assert locations.ended(run_id)["status"] == "SUCCESS", turn
            assert f"I am {name} later {name}" in locations.printed(run_id)


def test_given_the_default_executor_then_a_diamond_of_steps_succeeds(locations: Locations) -> None:
    assert locations.ended(locations.launch("ml", "diamond"))["status"] == "SUCCESS"


@pytest.mark.case("dagster-X-own-environment")
@pytest.mark.parametrize("job", ["quick", "diamond"])
def test_given_an_environment_of_its_own_then_its_runs_execute_there(locations: Locations, job: str) -> None:
    run_id = locations.launch("own", job)
    ended = locations.ended(run_id)
    assert ended["status"] == "SUCCESS", ended["error"]
    printed = locations.printed(run_id)
    assert f"from there {locations.stack.folder / 'venv' / 'bin' / 'python'}" in printed


def test_given_a_module_that_is_not_there_for_the_run_then_that_is_the_runs_error(
    locations: Locations,
) -> None:
    """The code server has loaded it; when the run comes, it is gone."""
    locations.write(
        "own",
        "helpers.py",
        "from only_there import WORD\nimport os\nif os.environ.get('SIGNALBOX_COMPONENT', '').startswith('worker'):\n    import gone_by_now\n",
    )
    until(lambda: locations.state("own")[0] == "healthy", "the location to be loaded again")
    ended = locations.ended(locations.launch("own", "quick"))
    locations.write("own", "helpers.py", "from only_there import WORD\n")
    assert ended["status"] == "FAILURE"
    assert "could not be loaded: ModuleNotFoundError: No module named 'gone_by_now'" in ended["error"]


def test_given_locations_that_break_hang_and_exit_then_each_is_named_and_nothing_else_stops(
    locations: Locations,
) -> None:
    until(lambda: "no_such_thing" in locations.state("broken")[1], "the broken one to say why")
    assert locations.state("broken")[0] == "unhealthy"
    until(lambda: "exit code 3" in locations.state("exits")[1], "the one that exits to be named")
    assert locations.state("hangs")[0] in ("starting", "restarting")
    problems = "\n".join(locations.stack.status()["problems"])
    assert "location-broken: unhealthy: " in problems
    assert locations.stack.json("jobs", "launch", "heartbeat", "--wait")["status"] == "SUCCESS"


def test_given_an_edit_that_breaks_a_location_then_what_was_there_goes_on_until_it_is_mended(
    locations: Locations,
) -> None:
    good = (locations.stack.folder / "etl" / "helpers.py").read_text()
    locations.write("etl", "helpers.py", "WORD = 1 / 0\n")
    until(lambda: "division by zero" in locations.state("etl")[1], "the fault to be shown")
    assert locations.state("etl")[0] == "healthy"
    locations.write("etl", "helpers.py", good.replace("I am", "You are"))
    until(lambda: locations.state("etl") == ("healthy", ""), "it to be mended")

    def said() -> bool:
        run_id = locations.launch("etl", "quick")
        ended = locations.ended(run_id)
        return ended["status"] == "SUCCESS" and "You are etl" in locations.printed(run_id)

    until(said, "a run with the new code")


def test_given_a_code_server_that_is_killed_then_it_is_started_again(locations: Locations) -> None:
    pid = next(each.pid for each in locations.stack.record.components if each.name == "location-ml")
    assert pid is not None
    os.kill(pid, 9)
    until(
        lambda: (
            locations.state("ml")[0] == "healthy" and locations.stack.component("location-ml")["restarts"] > 0
        ),
        "the location to be served again",
    )
