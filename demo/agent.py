"""A fake coding agent: it does what its task's payload says, and speaks as the real programs do.

`writes` is the text for the task's file. `does` is how it goes about it: `lies` (says done, and has done
nothing, until it is told so), `asks` (a person, and writes the answer), `limited` (its provider refuses work
once).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

LIMIT_SECONDS = 25


def main() -> int:
    """One turn."""
    task = json.loads(Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text())["task"]
    wanted, does = task["payload"]["writes"], task["payload"].get("does")
    session = f"demo-{task['id']}"
    say({"type": "system", "subtype": "init", "session_id": session})
    time.sleep(task["payload"].get("seconds", 0.3))
    if does == "limited" and not seen(f"limited-{task['id']}"):
        resets = int(time.time()) + LIMIT_SECONDS
        info = {"status": "rejected", "resetsAt": resets, "rateLimitType": "five_hour"}
        say({"type": "rate_limit_event", "rate_limit_info": info, "session_id": session})
        say(
            {
                "type": "result",
                "is_error": True,
                "result": "You've hit your session limit",
                "session_id": session,
            }
        )
        return 1
    if does == "asks":
        answers = [each["answer"] for each in task["questions"] if each["answer"]]
        if not answers:
            question = {"status": "needs_input", "question": "Which colour shall the signals have?"}
            Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(json.dumps(question))
            return 0
        wanted = f"{wanted}: {answers[-1]}"
    if does != "lies" or task["rejections"]:
        parts = Path("parts")
        parts.mkdir(exist_ok=True)
        (parts / str(task["id"])).write_text(f"{wanted}\n")
    usage = {"input_tokens": 1200, "output_tokens": 80, "cache_read_input_tokens": 9000}
    say({"type": "result", "session_id": session, "num_turns": 1, "total_cost_usd": 0.01, "usage": usage})
    return 0


def say(line: dict[str, object]) -> None:
    """A line of the stream."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def seen(name: str) -> bool:
    """Whether this was asked before."""
    mark = Path(os.environ["SIGNALBOX_CACHE"]) / name
    there = mark.exists()
    mark.touch()
    return there


if __name__ == "__main__":
    sys.exit(main())
