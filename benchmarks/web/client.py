"""A small HTTP client: measuring on the machine that serves must cost little of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and when it came: seconds from the request to its first and to its last byte."""

    status: int
    body: bytes
    first_byte: float
    whole: float


class Web:
    """One server. A request takes a connection that is kept open, or a new one."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> Answer:
        """The answer to a question. Raises RuntimeError for anything but 200."""
        answer = await self.ask("GET", path)
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {answer.body[:300].decode(errors='replace')}")
        return answer

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """The answer, whatever it is."""
        reader, writer = await self._connection()
        content = b"" if body is None else json.dumps(body).encode()
        lines = (
            f"{method} {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Accept: */*",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        )
        began = time.perf_counter()
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        head = await reader.readuntil(b"\r\n\r\n")
        first = time.perf_counter() - began
        status, fields = _head(head)
        found = await _body(reader, fields)
        whole = time.perf_counter() - began
        self._idle.append((reader, writer))
        return Answer(status, found, first, whole)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():  # the server ends those that are idle for some seconds
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)

    async def close(self) -> None:
        """End the connections."""
        for _, writer in self._idle:
            writer.close()
            await writer.wait_closed()
        self._idle.clear()


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, fields: Mapping[str, str]) -> bytes:
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    found = b""
    while size := int((await reader.readline()).strip() or b"0", 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return found
