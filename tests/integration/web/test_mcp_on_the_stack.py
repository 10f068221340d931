"""MCP over both transports, spoken to by the package's own client, on the session's stack."""

from __future__ import annotations

import asyncio
import getpass
import json
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.integration.running_stack import DEADLINE_SECONDS, SIGNALBOX, Stack, clean_environment


def said(result: CallToolResult) -> Any:
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


def transport(kind: str, stack: Stack) -> Any:
    if kind == "http":
        return streamable_http_client(f"{stack.ui}/mcp")
    folders = ["--state", str(stack.state), "--config", str(stack.config)]
    command, *arguments = SIGNALBOX
    return stdio_client(
        StdioServerParameters(
            command=command, args=[*arguments, *folders, "mcp"], env=clean_environment(), cwd=stack.folder
        )
    )


@pytest.mark.parametrize("kind", ["http", "stdio"])
def test_a_job_is_run_and_explained_through_either_transport(stack: Stack, kind: str) -> None:
    async def scenario() -> tuple[dict[str, Any], dict[str, Any], str]:
        async with Client(transport(kind, stack)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert {"run_job", "claim_task", "why"} <= names
            run_id = said(await client.call_tool("run_job", {"name": "heartbeat", "reason": "mcp"}))["run_id"]
            run: dict[str, Any] = {}
            async with asyncio.timeout(DEADLINE_SECONDS):
                while run.get("status") != "SUCCESS":
                    await asyncio.sleep(0.2)
                    run = said(await client.call_tool("show_run", {"run_id": run_id}))
            why = said(await client.call_tool("why", {"subject": run_id}))
            wrong = await client.call_tool("cancel_run", {"run_id": run_id})
            assert wrong.is_error
            return run, why, str(wrong.content[0].text)

    run, why, wrong = asyncio.run(scenario())
    assert (run["actor"], run["trigger"], run["reason"]) == (getpass.getuser(), "api", "mcp")
    assert why["because"][0]["code"] == "succeeded"
    assert "has already ended: SUCCESS" in wrong
    entries = stack.json("audit", "list", "--action", "run.launched", "--subject", f"run:{run['run_id']}")
    assert [(each["actor"], each["channel"]) for each in entries] == [(getpass.getuser(), "mcp")]
