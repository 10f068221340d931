"""The MCP server: the same over HTTP and over standard input and output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ShownTool

from scheduler_defs.errors import SignalboxError
from scheduler_defs.web.mcp.calling import Ask, fault, order, text
from scheduler_defs.web.mcp.schemas import Signature, signature
from scheduler_defs.web.mcp.tools import INSTRUCTIONS, TOOLS, Effect, Tool

Context = ServerRequestContext[Any, Any]


def build(document: Mapping[str, Any], ask_for: Callable[[Context], Ask]) -> Server[Any]:
    """`document`: the API's OpenAPI document. `ask_for`: how the API is asked on behalf of a request."""
    known = {name: signature(tool, document) for name, tool in TOOLS.items()}
    shown = [_shown(tool, known[name]) for name, tool in TOOLS.items()]

    async def list_tools(_: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=shown)

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            return _said(f"there is no tool {params.name!r}; there are {', '.join(TOOLS)}", wrong=True)
        try:
            wanted = order(tool, known[tool.name], params.arguments or {})
            reply = await ask_for(context)(wanted)
        except (ValueError, SignalboxError) as error:
            return _said(str(error), wrong=True)
        if reply.status >= 400:
            return _said(fault(reply), wrong=True)
        return _said(text(reply.content))

    return Server(
        "signalbox",
        version=version("signalbox"),
        title="Signalbox",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _shown(tool: Tool, known: Signature) -> ShownTool:
    return ShownTool(
        name=tool.name,
        title=tool.title,
        description=known.description,
        input_schema=known.schema,
        annotations=ToolAnnotations(
            read_only_hint=tool.effect is Effect.LOOK,
            destructive_hint=tool.effect is Effect.END,
            idempotent_hint=tool.effect in (Effect.LOOK, Effect.SET),
            open_world_hint=False,
        ),
    )


def _said(said: str, *, wrong: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=said)], is_error=wrong)
