"""A model server on loopback for real coding agents: Anthropic's messages, OpenAI's responses and chat completions.

What it does stands in a file that is read at each request, so that a command can change it in the middle of a run:
`ok` (a tool call that writes done.txt, then "Done."), `text:WORDS`, `ask` (a tool call that writes a question into the
report), `limit:SECONDS` (429 with the reset), `overloaded` (529, 503), `auth` (401), `hang` (no answer).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WRITE = "echo done > done.txt"
QUESTION = "Which schema?"
ASK = f"""echo '{{"status": "needs_input", "question": "{QUESTION}"}}' > "$SIGNALBOX_REPORT_FILE\""""
_NEVER_SECONDS = 600


def tools(command: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Names that the programs give to what runs a command, and how it is called. The first offered is used."""
    return (
        ("Bash", {"command": command, "description": "write"}),
        ("exec_command", {"cmd": command}),
        ("shell", {"command": ["sh", "-c", command]}),
        ("shell_command", {"command": command}),
        ("bash", {"command": command, "description": "write"}),
    )


WHOLE = "done.txt\n```\ndone\n```\n"
"""A file as whoever offers no tools (aider) takes it from a text."""
FRESH, CACHED, OUT = 1200, 800, 42


@dataclass(frozen=True)
class Served:
    """A server: its address, and whether it has been asked what it does not answer."""

    address: str
    asked: threading.Event


@contextmanager
def model_server(mode: Path) -> Iterator[Served]:
    """A server until the end of the block. `mode`: the file that says what it does."""

    class Handler(_Handler):
        mode_file = mode
        asked, over = threading.Event(), threading.Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_address[1]}", Handler.asked)
    finally:
        Handler.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mode_file: Path
    asked: threading.Event
    over: threading.Event

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(200, {"object": "list", "data": [{"id": "fake", "object": "model"}], "models": []})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        kind = self.path.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        mode = self.mode_file.read_text().strip()
        if kind not in ("messages", "responses", "completions"):
            self._answer(200, {"input_tokens": 10})
        elif mode.startswith("limit:"):
            self._refuse(kind, float(mode[6:]))
        elif mode == "overloaded":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            self._answer(529 if kind == "messages" else 503, {"type": "error", "error": error})
        elif mode == "hang":
            self.asked.set()
            self.over.wait(_NEVER_SECONDS)
            self.close_connection = True
        elif mode == "auth":
            error = {"type": "authentication_error", "message": "invalid x-api-key"}
            self._answer(401, {"type": "error", "error": error})
        else:
            call = None if mode.startswith("text:") else _call(asked, ASK if mode == "ask" else WRITE)
            text = mode[5:] if mode.startswith("text:") else "Done." if asked.get("tools") else WHOLE
            if kind == "completions":
                self._complete(text, call, stream=bool(asked.get("stream")))
                return
            events = _messages(text, call) if kind == "messages" else _responses(text, call)
            self._stream(events)

    def _refuse(self, kind: str, seconds: float) -> None:
        reset = int(time.time() + seconds)
        message = "You've hit your usage limit."
        headers = {"retry-after": str(int(seconds)), "x-should-retry": "false"}
        if kind == "messages":
            headers |= {
                "anthropic-ratelimit-unified-status": "rejected",
                "anthropic-ratelimit-unified-reset": str(reset),
                "anthropic-ratelimit-unified-representative-claim": "five_hour",
            }
        error = {
            "type": "rate_limit_error" if kind == "messages" else "usage_limit_reached",
            "message": message,
        }
        error |= {"resets_at": reset, "resets_in_seconds": int(seconds)} if kind == "responses" else {}
        self._answer(429, {"type": "error", "error": error}, headers)

    def _complete(self, text: str, call: tuple[str, dict[str, Any]] | None, *, stream: bool) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": None if call else text}
        if call:
            function = {"name": call[0], "arguments": json.dumps(call[1])}
            message["tool_calls"] = [{"index": 0, "id": "call_1", "type": "function", "function": function}]
        usage: dict[str, Any] = {
            "prompt_tokens": FRESH + CACHED,
            "completion_tokens": OUT,
            "total_tokens": FRESH + CACHED + OUT,
        }
        usage["prompt_tokens_details"] = {"cached_tokens": CACHED}
        ended = "tool_calls" if call else "stop"
        whole = {"id": "c1", "created": int(time.time()), "model": "fake", "object": "chat.completion"}
        if not stream:
            choice = {"index": 0, "message": message, "finish_reason": ended}
            self._answer(200, {**whole, "choices": [choice], "usage": usage})
            return
        whole["object"] += ".chunk"
        said = {"index": 0, "delta": message, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": ended}
        self._stream(
            [{**whole, "choices": [said]}, {**whole, "choices": [last], "usage": usage}], ends="[DONE]"
        )

    def _answer(self, code: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, events: list[dict[str, Any]], *, ends: str = "") -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events:
            named = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{named}data: {json.dumps(event)}\n\n".encode())
        if ends:
            self.wfile.write(f"data: {ends}\n\n".encode())
        self.close_connection = True


def _call(asked: dict[str, Any], command: str) -> tuple[str, dict[str, Any]] | None:
    """A tool call that runs the command; None when that was done, or no tool can do it."""
    calls = [_called(each) for each in asked.get("messages") or asked.get("input") or []]
    if any(command.split(">")[0].strip() in each for each in calls):
        return None
    offered = {tool.get("name") or tool.get("function", {}).get("name") for tool in asked.get("tools") or []}
    return next((tool for tool in tools(command) if tool[0] in offered), None)


def _called(message: Any) -> str:
    """What the model has called in a message, as one text."""
    if not isinstance(message, dict) or message.get("role") in ("user", "system", "developer"):
        return ""
    return json.dumps(message).replace("\\", "")


def _messages(text: str, call: tuple[str, dict[str, Any]] | None) -> list[dict[str, Any]]:
    usage = {"input_tokens": FRESH, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0}
    number = uuid.uuid4().hex  # messages of one id are one, also in a session that goes on
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "fake", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    if call:
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": text}
    stop = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": OUT}},
        {"type": "message_stop"},
    ]


def _responses(text: str, call: tuple[str, dict[str, Any]] | None) -> list[dict[str, Any]]:
    if call:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": call[0]}
        item |= {"arguments": json.dumps(call[1]), "status": "completed"}
    else:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {
            "type": "message",
            "id": "m_1",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
    usage = {
        "input_tokens": FRESH + CACHED,
        "input_tokens_details": {"cached_tokens": CACHED},
        "output_tokens": OUT,
    }
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": FRESH + CACHED + OUT}
    whole = {"id": "resp_1", "object": "response", "created_at": int(time.time()), "status": "completed"}
    whole |= {"model": "fake", "output": [item], "usage": usage}
    return [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
