"""Approvals in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def whom(approval: Mapping[str, Any]) -> str:
    """Who may decide, in words."""
    said = ", ".join(approval["who"]) or "anybody who may approve"
    return said + (f", but not {approval['requested_by']}" if approval["not_requester"] else "")


def sentence(approval: Mapping[str, Any]) -> str:
    """What it waits for, from whom, and until when."""
    until = ""
    if approval["expires"]:
        then = "it starts all the same" if approval["otherwise"] == "run" else "it ends"
        until = f", until {approval['expires'].astimezone().isoformat(timespec='seconds')}: then {then}"
    given = f"{approval['given']} of {approval['needs']} given"
    agreed = f" (by {', '.join(approval['approvers'])})" if approval["approvers"] else ""
    return (
        f"a run of {approval['kind']} {approval['name']}, asked for by {approval['requested_by']}, waits for "
        f"an approval by {whom(approval)}: {given}{agreed}{until}"
    )


def asked(approval: Mapping[str, Any]) -> str:
    """What is asked, without what changes while it waits."""
    until = f" until {approval['expires'].astimezone():%Y-%m-%d %H:%M %Z}" if approval["expires"] else ""
    needs = f", {approval['needs']} must agree" if approval["needs"] > 1 else ""
    return (
        f"a run of {approval['kind']} {approval['name']}, asked for by {approval['requested_by']}: "
        f"by {whom(approval)}{until}{needs}"
    )
