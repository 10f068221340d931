"""Approvals through the command, and in the words of `why` and the inbox."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scheduler_defs.approvals import reading
from scheduler_defs.cli.main import build
from scheduler_defs.errors import SignalboxError
from scheduler_defs.explaining.runs import explain_run
from tests.unit.approvals.setting import Yard
from tests.unit.explaining.test_explaining import run as a_run


def signalbox(*arguments: str) -> Result:
    return CliRunner().invoke(build(list(arguments)), list(arguments), catch_exceptions=False)


def listed(*more: str) -> list[dict[str, Any]]:
    return json.loads(signalbox("approvals", "list", *more, "--json").stdout)


def test_given_runs_that_wait_then_the_command_lists_and_decides_them(yard: Yard) -> None:
    yard.declare("{needs: 1, within: 1h}")
    first, second = yard.ask("ann"), yard.ask("ann")
    found = listed()
    assert [each["subject"] for each in found] == [f"run:{first}", f"run:{second}"]
    assert set(found[0]) >= {
        *("id", "kind", "subject", "requested_by", "requested", "expires", "needs", "given")
    }
    (given,) = json.loads(signalbox("approvals", "approve", str(found[0]["id"]), "--json").stdout)
    assert (given["state"], given["given"]) == ("approved", 1)
    signalbox("approvals", "deny", str(found[1]["id"]), "--reason", "no")
    assert listed() == []
    assert [each["state"] for each in listed("--all")] == ["denied", "approved"]
    assert yard.passes() == [first]
    assert yard.said(second)[0] == "CANCELED"


def test_given_several_ids_when_one_is_wrong_then_what_came_before_is_said(yard: Yard) -> None:
    yard.declare("yes")
    yard.ask()
    key = str(yard.waiting()[0]["id"])
    with pytest.raises(SignalboxError, match="there is no approval 99"):
        signalbox("approvals", "approve", key, "99", "--json")
    assert listed() == []


def test_given_a_command_of_a_run_then_it_decides_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.declare("yes")
    yard.ask()
    monkeypatch.setenv("SIGNALBOX_RUN", "some-run")
    with pytest.raises(SignalboxError, match="that is for people"):
        signalbox("approvals", "approve", str(yard.waiting()[0]["id"]))


def test_given_a_held_run_then_why_says_for_whom_it_waits_and_until_when(yard: Yard) -> None:
    yard.declare("{who: [bob], within: 1h, otherwise: run, not_requester: yes}")
    run_id = yard.ask("ann")
    with yard.engine.connect() as connection:
        approvals = reading.of_run(connection, run_id)
    found = explain_run(a_run("QUEUED"), None, None, approvals)
    assert found.because[0].code == "waits_approval"
    assert "by bob, but not ann: 0 of 1 given, until 2" in found.because[0].text
    assert found.next is not None
    assert found.next.what == "it starts when it is approved; without that it starts all the same"
    assert found.commands[0] == f"signalbox approvals approve {approvals[0]['id']}"
