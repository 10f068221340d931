"""docs/tutorial.md: its commands, one after the other, as a newcomer types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/tutorial.md"


def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(commands) > 15
    script = "set -e\n" + "".join(f"echo '$ {line.replace(chr(39), '')}' >&2\n{line}\n" for line in commands)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "DAGSTER_"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**kept, "PATH": path},
        capture_output=True,
        text=True,
        timeout=280,
    )
    try:
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert (
            "it works" in ended.stdout and "hello signalbox" in ended.stdout and "hello you" in ended.stdout
        )
    finally:
        subprocess.run(["signalbox", "down"], cwd=tmp_path / "yard", env={**kept, "PATH": path}, timeout=60)
