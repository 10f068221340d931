"""What a stranger does in the first minutes, on whatever machine this is run: each step, and how it ended.

    python -I first_hour.py SIGNALBOX [WORDS OF up...]

In the current folder, which becomes the yard. Prints one JSON document a step; ends at the first that failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TEXT = "ÄÖÜ-ß-漢"
WRITES = ["sh", "-c", 'printf %s "$1" > "$2"', "sh", TEXT]
STEP_SECONDS = 240
OURS = {str(os.getpid()), str(os.getppid())}


def main() -> int:
    """See above."""
    signalbox, *words = sys.argv[1:]
    out = Path.cwd() / "written"
    steps = (
        ["--version"],
        ["init"],
        ["check"],
        ["up", "--detach", "--port", "0", "--workers", "1", *words],
        ["schedules", "run", "say-hello", "--wait"],
        ["jobs", "launch", "writes", "--wait"],
        ["status"],
        ["down"],
    )
    for step in steps:
        done = subprocess.run(
            [signalbox, *step], capture_output=True, timeout=STEP_SECONDS, stdin=subprocess.DEVNULL
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        code = done.returncode
        if step[0] == "init":
            job = {"command": [*WRITES, str(out)]}
            Path("config/more.yaml").write_bytes(json.dumps({"jobs": {"writes": job}}).encode())
        elif step[0] == "jobs" and out.read_bytes() != TEXT.encode():
            code, said = 1, f"the text arrived as {out.read_bytes()!r}"
        elif step[0] == "schedules" and "hello signalbox" not in said:
            code = code or 1
        print(json.dumps({"step": step, "code": code, "said": said}), flush=True)
        if code:
            if step[0] != "up":
                subprocess.run([signalbox, "down"], capture_output=True, timeout=STEP_SECONDS)
            for log in sorted(Path(".signalbox/logs").glob("*.log")):
                print(json.dumps({"log": log.name, "said": log.read_text(errors="replace")[-2000:]}))
            return 1
    left = [path.name for path in Path("/proc").iterdir() if path.name.isdigit() and _is_ours(path)]
    print(json.dumps({"step": ["left"], "code": int(bool(left)), "said": " ".join(left)}))
    return int(bool(left))


def _is_ours(process: Path) -> bool:
    """Whether it works in this folder, which is nobody else's."""
    try:
        return process.name not in OURS and (process / "cwd").readlink().is_relative_to(Path.cwd())
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
