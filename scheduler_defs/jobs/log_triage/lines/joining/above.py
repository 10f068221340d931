"""The messages above a traceback: which of them it belongs to, and what of it stays with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler_defs.jobs.log_triage.lines.cleaning import JOINT
from scheduler_defs.jobs.log_triage.lines.joining import forms
from scheduler_defs.jobs.log_triage.lines.severity import Severity, stated_level, syslog_severity

_SERIOUS = {Severity.WARNING, Severity.ERROR, Severity.CRITICAL}


@dataclass(slots=True)
class Message:
    """Lines that are one: the place of the first, and the last exception under it."""

    index: int
    exception: bytes = b""


@dataclass
class Above:
    """The messages so far, by their first line; the last ones may turn out to be one."""

    lines: list[bytes]
    out: list[Message] = field(default_factory=list[Message])

    def text(self, message: Message) -> bytes:
        line = self.lines[message.index]
        return b"%b %b %b" % (line.rstrip(), JOINT, message.exception) if message.exception else line

    def payload(self, index: int) -> bytes:
        line = self.lines[index]
        prefix = forms.SYSLOG.match(line)
        return line[prefix.end() :] if prefix else line

    def has_level(self, index: int, *, serious: bool) -> bool:
        """Whether the line above is a message that states a level, and the last one in `out`."""
        if not self.out or self.out[-1].index != index:
            return False
        line = self.lines[index]
        if line[:1] == b"{":
            return False
        if priority := forms.PRIORITY.match(line):
            level = syslog_severity(int(priority[1]) & 7)
            return level in _SERIOUS or not serious
        level = stated_level(line[:400].decode(errors="replace"))
        return level in _SERIOUS if serious else level is not None

    def note(self, exception: bytes) -> None:
        if self.out and exception:
            self.out[-1].exception = exception[:500].strip()

    def take_exception(self, index: int) -> None:
        """The first frame: the exception line above it belongs to the message above that."""
        if not self.out or self.out[-1].index != index - 1 or self.out[-1].exception:
            return
        above = self.payload(index - 1)
        uncaught = forms.UNCAUGHT.match(above) is not None
        if not uncaught and not forms.EXCEPTION.match(above):
            return
        exception = self.out.pop()
        place = len(self.out) - 1
        while (
            place >= 0
            and index - self.out[place].index < 12
            and not self.payload(self.out[place].index)[:1].strip()
        ):
            place -= 1
        if (
            place < len(self.out) - 1
            and place >= 0
            and forms.NODE_PLACE.match(self.payload(self.out[place].index))
        ):
            del self.out[place:]  # Node shows the source line, a caret and a blank line first
            self.out.append(exception)
        elif self.has_level(index - 2, serious=uncaught):
            self.note(above)
        else:
            self.out.append(exception)

    def take_panic(self, index: int) -> None:
        """Between `panic: …` and its goroutines are blank lines and the signal."""
        place = len(self.out) - 1
        while place >= 0 and index - self.out[place].index < 8:
            payload = self.payload(self.out[place].index)
            if forms.UNCAUGHT.match(payload):
                del self.out[place + 1 :]
                panic = self.out.pop()
                if self.has_level(panic.index - 1, serious=True):
                    self.note(payload)
                else:
                    self.out.append(panic)
                return
            if payload.strip() and not payload.startswith((b"[signal", b"\t", b" ")):
                break
            place -= 1
        if not self.has_level(index - 1, serious=False):
            self.out.append(Message(index))
