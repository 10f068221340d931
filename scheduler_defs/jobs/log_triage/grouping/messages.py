"""Blocks of a file as messages: unwrapped, cleaned, with tracebacks joined; the last ones wait for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scheduler_defs.jobs.log_triage.lines.cleaning import clean
from scheduler_defs.jobs.log_triage.lines.joining.forms import may_hold_tracebacks
from scheduler_defs.jobs.log_triage.lines.joining.tracebacks import HELD_MESSAGES, join
from scheduler_defs.jobs.log_triage.lines.journal import is_journal, read_journal, whole_entries
from scheduler_defs.jobs.log_triage.lines.json_lines import split_json_lines
from scheduler_defs.jobs.log_triage.lines.wrappers import Unwrapped, unwrap


class Messages:
    """Gives text lines as blocks and JSON lines as lists, with the times that a runtime noted, or None."""

    def __init__(
        self,
        add_text: Callable[[bytes, Sequence[bytes] | None], None],
        add_json: Callable[[list[bytes], Sequence[bytes] | None], None],
    ) -> None:
        self.joined = 0
        """Lines that became part of the message above them."""
        self._add_text = add_text
        self._add_json = add_json
        self._held = b""
        """The end of the last block: its last messages may go on."""
        self._waiting = Unwrapped()
        """The same of unwrapped lines."""

    def add(self, block: bytes) -> None:
        """Complete lines, without the last line break."""
        block = self._held + b"\n" + block if self._held else block
        self._held = b""
        if is_journal(block):
            place = whole_entries(block)
            self._held, block = block[place:], block[:place]
            if block:
                self._take_unwrapped(read_journal(block), final=False)
        else:
            self._take(clean(block), final=False)

    def end(self) -> None:
        """What waits is all there is."""
        if is_journal(self._held):
            self._take_unwrapped(read_journal(self._held), final=True)
        elif self._held or self._waiting.lines:
            self._take(self._held, final=True)
        self._held = b""

    def _take(self, block: bytes, *, final: bool) -> None:
        unwrapped = unwrap(block)
        if unwrapped is not None or self._waiting.lines:
            self._take_unwrapped(unwrapped or Unwrapped.plain(block), final=final)
            return
        if may_hold_tracebacks(block):
            lines = block.split(b"\n")
            joined = join(lines, final=final)
            self._held = b"\n".join(lines[joined.end :])
            self.joined += joined.dropped
            block = b"\n".join(joined.lines)
        elif not final:
            place = len(block)
            for _ in range(HELD_MESSAGES):
                place = block.rfind(b"\n", 0, max(0, place))
            self._held, block = block[place + 1 :], block[: max(0, place)]
        text, json_lines = split_json_lines(block)
        if text:
            self._add_text(text, None)
        if json_lines:
            self._add_json(json_lines, None)

    def _take_unwrapped(self, unwrapped: Unwrapped, *, final: bool) -> None:
        unwrapped = self._waiting + unwrapped
        joined = join(unwrapped.lines, final=final)
        self._waiting = unwrapped.after(joined.end)
        self.joined += joined.dropped
        stamps = [unwrapped.stamps[index] for index in joined.kept]
        json_at = [index for index, line in enumerate(joined.lines) if line[:1] == b"{"]
        if json_at:
            self._add_json([joined.lines[index] for index in json_at], [stamps[index] for index in json_at])
        text_at = [index for index, line in enumerate(joined.lines) if line[:1] != b"{"]
        if text_at:
            text = b"\n".join([joined.lines[index] for index in text_at])
            self._add_text(text, [stamps[index] for index in text_at])
