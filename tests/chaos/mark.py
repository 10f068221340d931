"""The command of every run of the yard: writes down that it lives, ten times a second, and how it ends.

    python3 -I -S mark.py FOLDER SECONDS FAILURES [--child] [--keep BYTES]

Fails with exit code 7 in the first FAILURES attempts. `--child` leaves a descendant in a session of its own,
for the guard to find. `--keep` writes a file of so many bytes for the artifacts.
"""

import json
import os
import sys
import time


def leave_a_child() -> None:
    """A daemon in the old way: two forks and a new session."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()


def main() -> int:
    folder, seconds, failures = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    variables = os.environ
    run_id = variables.get("SIGNALBOX_RUN_ID") or variables["SIGNALBOX_RUN"]
    life = {
        "run_id": run_id,
        "step": variables.get("SIGNALBOX_STEP", ""),
        "task": variables.get("SIGNALBOX_TASK", ""),
        "pid": os.getpid(),
    }
    attempt = int(variables.get("SIGNALBOX_ATTEMPT") or 1)
    name = f"{run_id}-{life['step']}-{os.getpid()}.jsonl"
    file = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # noqa: PTH118

    def note(what: str, **more: object) -> None:
        os.write(file, (json.dumps({"what": what, "at": time.monotonic(), **more}) + "\n").encode())

    note("begin", **life)
    if "--child" in sys.argv:
        leave_a_child()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.1)
        note("alive")
    if "--keep" in sys.argv:
        with open("kept.bin", "wb") as kept:  # noqa: PTH123
            kept.write(b"x" * int(sys.argv[sys.argv.index("--keep") + 1]))
    code = 7 if attempt <= failures else 0
    note("end", code=code)
    return code


if __name__ == "__main__":
    sys.exit(main())
