"""`signalbox bench` on a running stack: real runs, their times, and what a later one says of them."""

import json
from pathlib import Path

from tests.integration.running_stack import Stack


def test_times_of_submit_start_and_finish_are_kept_and_compared(stack: Stack, tmp_path: Path) -> None:
    kept = tmp_path / "first.json"
    words = ("bench", "heartbeat", "--runs", "4", "--json")
    first = stack.json(*words, "--save", str(kept))
    assert (first["runs"], first["succeeded"]) == (4, 4)
    for phase in ("submit", "start", "finish"):
        assert 0 <= first[phase]["p50"] <= first[phase]["p95"]
    assert first["start"]["p95"] <= first["finish"]["p95"]

    second = stack.json(*words, "--compare", str(kept), "--tolerance", "100000")
    assert {c["measure"] for c in second["compared"]} == {
        f"{phase} {share}" for phase in ("submit", "start", "finish") for share in ("p50", "p95")
    }

    quicker = {**first, "finish": {"p50": 0.0001, "p95": 0.0001}}
    kept.write_text(json.dumps(quicker))
    found = stack.run(*words, "--compare", str(kept), "--tolerance", "100000", check=False)
    assert found.returncode == 1
    assert "finish p95" in found.stderr


def test_what_is_no_measurement_or_no_job_is_one_line(stack: Stack, tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.json"
    rubbish.write_text("[]")
    found = stack.run("bench", "heartbeat", "--compare", str(rubbish), check=False)
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert "not what `signalbox bench --save` writes" in found.stderr
    found = stack.run("bench", "hartbeat", check=False)
    assert found.stderr == "signalbox: no job 'hartbeat'; did you mean 'heartbeat'?\n"
    assert found.returncode == 1
