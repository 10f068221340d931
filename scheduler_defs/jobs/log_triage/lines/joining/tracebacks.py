"""One failure, one line: a traceback is joined to the message that it belongs to.

The message is the line with a level just above; without one the traceback is a message of its own. Of the
traceback only the last exception line stays, behind a `JOINT`: the frames differ from run to run, and the
last exception (Python's last, Java's innermost `Caused by`) is what one looks for.

Forms: Python (chained, too), Java and Kotlin, Node, Go, Rust, .NET, Ruby, PHP; and private keys, whose lines
must never be looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler_defs.jobs.log_triage.lines.cleaning import JOINT
from scheduler_defs.jobs.log_triage.lines.joining import forms
from scheduler_defs.jobs.log_triage.lines.joining.above import Above, Message

_MOST_KEY_LINES = 200
HELD_MESSAGES = 8
"""A message, its exception line, and what Node puts between."""
_MOST_HELD_BYTES = 1 << 16


@dataclass
class Joined:
    """`lines` with each traceback in its message's line; `kept` are the places of these lines before.

    Lines from `end` on are not among them: they may go on.
    """

    lines: list[bytes]
    kept: list[int]
    dropped: int
    end: int


@dataclass
class _Joiner(Above):
    state: Callable[[bytes, int], bool] | None = None
    """Takes a line of the traceback that goes on; False: it has ended before this line."""
    source: bytes = b""

    def run(self, *, final: bool) -> Joined:
        for index, line in enumerate(self.lines):
            prefix = forms.SYSLOG.match(line)
            payload = line[prefix.end() :] if prefix else line
            source = (prefix["program"] or prefix["sender"]) if prefix else b""
            if self.state is not None and source == self.source and self.state(payload, index):
                continue
            self.state = None
            self.source = source
            if not self._begins(payload, index, adjacent=source):
                self.out.append(Message(index))
        out, end = self.out, len(self.lines)
        if not final and out:
            end = out[max(0, len(out) - HELD_MESSAGES)].index
            if sum(map(len, self.lines[end:])) > _MOST_HELD_BYTES:
                end = len(self.lines)
            out = [message for message in out if message.index < end]
        text = [self.text(message) for message in out]
        return Joined(text, [each.index for each in out], end - len(out), end)

    def _begins(self, payload: bytes, index: int, *, adjacent: bytes) -> bool:
        """Whether a traceback begins here, or a message of several lines; its message is then in `out`."""
        first = payload[:1]
        if first in (b" ", b"\t", b"#"):
            if forms.FRAME.match(payload):
                self.take_exception(index)
                if inner := forms.INNER.match(payload):
                    self.note(payload[inner.end() :])
                self.state = self._in_frames
                return bool(self.out)
            if self.out and forms.PYTHON.match(payload):
                self.state = self._in_python
                return True
            if (
                self.out
                and self.out[-1].index == index - 1
                and forms.DOTNET_HEAD.search(self.payload(index - 1))
            ):
                self.note(payload.strip())
                self.state = self._in_dotnet
                return True
            return False
        if first == b"T" and forms.PYTHON.match(payload):
            if not self.has_level(index - 1, serious=False):
                self.out.append(Message(index))
            self.state = self._in_python
            return True
        if first == b"g" and forms.GOROUTINE.match(payload):
            self.take_panic(index)
            self.state = self._in_go
            return True
        if first == b"t" and b" panicked at " in payload and forms.UNCAUGHT.match(payload):
            if self.has_level(index - 1, serious=True):
                self.note(payload)
            else:
                self.out.append(Message(index))
            self.state = self._in_rust if payload.endswith(b":") else self._in_frames
            return True
        if first == b"S" and payload.startswith(b"Stack trace:") and self.out:
            self.state = self._in_frames
            return True
        if (first == b"-" and forms.KEY.match(payload)) or (
            b"PRIVATE KEY-----" in payload and forms.KEY.search(payload)
        ):
            self.out.append(Message(index))
            if b"-----END" not in payload:
                self.state = self._in_key
            return True
        return False

    def _in_python(self, payload: bytes, index: int) -> bool:
        if not payload.strip(b" |") or payload[:1] in (b" ", b"\t", b"|"):
            return True
        self.note(payload)
        self.state = self._after_python
        return True

    def _after_python(self, payload: bytes, index: int) -> bool:
        if not payload.strip(b" |"):
            return True
        if forms.CHAIN.match(payload):
            return True
        if forms.PYTHON.match(payload):
            chained = (
                not self.lines[index - 1].strip() or forms.CHAIN.match(self.payload(index - 1)) is not None
            )
            above = next(
                (
                    self.payload(i)
                    for i in range(index - 1, max(-1, index - 4), -1)
                    if self.payload(i).strip()
                ),
                b"",
            )
            if chained and forms.CHAIN.match(above):
                self.state = self._in_python
                return True
            return False
        return payload[:1] in (b" ", b"\t", b"|")

    def _in_frames(self, payload: bytes, index: int) -> bool:
        if inner := forms.INNER.match(payload):
            self.note(payload[inner.end() :])
            return True
        return (
            not payload.strip()
            or payload[:1] in (b" ", b"\t")
            or forms.AFTER_FRAMES.match(payload) is not None
        )

    def _in_dotnet(self, payload: bytes, index: int) -> bool:
        if payload[:1] != b" ":
            return False
        if forms.EXCEPTION.match(payload.strip()) or forms.INNER.match(payload):
            message = self.out[-1].exception.partition(b" " + JOINT)[0]
            self.note(b"%b %b %b" % (message, JOINT, payload.strip().removeprefix(b"---> ")))
        return True

    def _in_go(self, payload: bytes, index: int) -> bool:
        return not payload.strip() or payload[:1] in (b" ", b"\t") or forms.OF_GO.match(payload) is not None

    def _in_rust(self, payload: bytes, index: int) -> bool:
        above = self.out[-1].exception
        self.note(b"%b %b" % (above, payload) if above else payload)
        self.state = self._in_frames
        return True

    def _in_key(self, payload: bytes, index: int) -> bool:
        if b"-----END " in payload or index - self.out[-1].index > _MOST_KEY_LINES:
            self.state = self._nothing_more
        return True

    def _nothing_more(self, payload: bytes, index: int) -> bool:
        return False


def join(lines: list[bytes], *, final: bool) -> Joined:
    """`lines` with one line for each message; unless `final` the last few messages wait for what follows."""
    return _Joiner(lines).run(final=final)
