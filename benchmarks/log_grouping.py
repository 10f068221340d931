"""How well and how fast `log_triage` groups, beside Drain3.

    python -m benchmarks.log_grouping

Grouping accuracy is the share of messages whose group holds exactly the messages of their template (Zhu et
al., 2019): one message too many or too few and none of the group counts. Drain3 gets the messages without
their headers, as its own benchmarks do, and the masks of its documentation; `log_triage` gets the lines as
they are. Speed is megabytes of lines for a second of processor time, the best of several rounds that take
turns; that of `log_triage` includes levels, times, redaction.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

from benchmarks.log_samples import FORMATS, sample
from scheduler_defs.jobs.log_triage.files.reading import BLOCK_BYTES
from scheduler_defs.jobs.log_triage.grouping.grouper import Grouper
from scheduler_defs.jobs.log_triage.grouping.groups import Group

_MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)
"""From examples/drain3.ini of logpai/Drain3."""


class _Recording(Grouper):
    """Remembers the group of each line."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Group] = []

    def _count(
        self,
        found: list[Group],
        original: bytes | None,
        lines: Sequence[bytes],
        stamps: Sequence[bytes] | None,
    ) -> None:
        self.found += found
        super()._count(found, original, lines, stamps)


def of_triage(grouper: Grouper, lines: list[bytes]) -> None:
    """Give the lines to a grouper in blocks, as a file is read."""
    grouper.begin("sample.log", written=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
    block: list[bytes] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size > BLOCK_BYTES:
            grouper.add(b"\n".join(block))
            block, size = [], 0
    if block:
        grouper.add(b"\n".join(block))
    grouper.end()


def drain() -> TemplateMiner:
    """A miner with the settings of the documentation."""
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in _MASKS]
    return TemplateMiner(config=config)


def accuracy(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """The share of messages in groups that are exactly those of a template; both lists are by message."""
    wanted: dict[Hashable, set[int]] = defaultdict(set)
    groups: dict[Hashable, set[int]] = defaultdict(set)
    for index, (one, other) in enumerate(zip(truth, found, strict=True)):
        wanted[one].add(index)
        groups[other].add(index)
    exact = {frozenset(each) for each in wanted.values()}
    return sum(len(each) for each in groups.values() if frozenset(each) in exact) / len(truth)


def measure(name: str, lines: int, rounds: int, seed: int) -> dict[str, float]:
    """Accuracy and speed of both on one format."""
    truth: list[int] = []
    whole: list[bytes] = []
    messages: list[str] = []
    for number, header, message in sample(name, lines, seed):
        truth.append(number)
        whole.append((header + message).encode())
        messages.append(message)
    recording = _Recording()
    of_triage(recording, whole)
    ours = [group.merged_into or group for group in recording.found]
    miner = drain()
    theirs = [miner.add_log_message(message)["cluster_id"] for message in messages]
    megabytes = sum(map(len, whole)) / 1e6
    best = {"triage": float("inf"), "drain": float("inf")}
    for _ in range(rounds):
        started = time.process_time()
        of_triage(Grouper(), whole)
        best["triage"] = min(best["triage"], time.process_time() - started)
        miner = drain()
        started = time.process_time()
        for message in messages:
            miner.add_log_message(message)
        best["drain"] = min(best["drain"], time.process_time() - started)
    return {
        "accuracy": round(accuracy(truth, ours), 4),
        "drain3_accuracy": round(accuracy(truth, theirs), 4),
        "mb_per_processor_second": round(megabytes / best["triage"], 2),
        "drain3_mb_per_processor_second": round(megabytes / best["drain"], 2),
    }


def means(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Each number as the mean of all formats."""
    keys = next(iter(found.values()))
    return {key: round(sum(each[key] for each in found.values()) / len(found), 4) for key in keys}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.log_grouping",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lines", type=int, default=4000, help="lines per format")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the best counts for speed")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    found = {name: measure(name, options.lines, options.rounds, options.seed) for name in FORMATS}
    mean = {
        key: round(sum(each[key] for each in found.values()) / len(found), 4)
        for key in next(iter(found.values()))
    }
    print(json.dumps({"formats": found, "mean": mean}, indent=2))


if __name__ == "__main__":
    main()
