"""A stack that people reach through a proxy, under a path: what it writes down leads there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.running_stack import Stack, new_yard, running, until

PUBLIC = "https://ops.example/yard"
PROGRAM = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"
EVENTS = """
query Events($runId: ID!) {
  runOrError(runId: $runId) {
    ... on Run { eventConnection { events { ... on EngineEvent { metadataEntries {
      label ... on UrlMetadataEntry { url } } } } } }
  }
}"""


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    made = new_yard(tmp_path / "yard")
    for file in made.config.glob("*.yaml"):
        file.unlink()
    declared: dict[str, Any] = {
        "jobs": {
            "asked": {"command": ["true"], "approve": True},
            "failing": {"command": ["false"], "assets": {"made/here": None}},
        },
        "alerts": {
            "channels": {
                "program": {
                    "type": "command",
                    "command": [sys.executable, "-c", PROGRAM, str(tmp_path / "told")],
                    "approve_as": "ann",
                }
            },
            "rules": {
                "asks": {"on": "approval", "channels": ["program"]},
                "fails": {"on": "run_failed", "channels": ["program"]},
            },
        },
    }
    (made.config / "yard.yaml").write_text(json.dumps(declared))
    with running(Stack(made.folder, {"SIGNALBOX_PUBLIC_URL": f"{PUBLIC}/"}), "--workers", "1") as started:
        yield started


def test_given_a_public_address_with_a_path_then_pages_are_below_it_and_links_lead_there(
    stack: Stack, tmp_path: Path
) -> None:
    def told() -> list[dict[str, Any]]:
        path = tmp_path / "told"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    with httpx.Client(base_url=stack.ui, trust_env=False, timeout=60) as client:
        assert stack.ui.endswith("/yard")
        named = {"Host": "ops.example"}
        assert client.get("/signalbox/health", headers=named).status_code == 200
        assert client.get("/signalbox/health", headers={"Host": "evil.example"}).status_code == 421
        failed = stack.run("jobs", "launch", "failing", "--wait", "--json", check=False)
        run_id = json.loads(failed.stdout)["run_id"]
        held = json.loads(stack.run("jobs", "launch", "asked", "--json").stdout)["run_id"]
        until(lambda: len(told()) == 2, "both are told")
        by_run = {each["run_id"]: each for each in told()}
        assert by_run[run_id]["url"] == f"{PUBLIC}/runs/{run_id}"
        assert by_run[held]["decide"].startswith(f"{PUBLIC}/signalbox/decide#")
        asked = {"query": EVENTS, "variables": {"runId": run_id}}
        found = client.post("/graphql", json=asked).json()["data"]["runOrError"]["eventConnection"]["events"]
        links = [
            entry["url"] for event in found for entry in event.get("metadataEntries", ()) if "url" in entry
        ]
        assert links == [f"/yard/signalbox/runs/{run_id}"]
        assert client.get(links[0].removeprefix("/yard")).status_code == 200
