"""Write requirements.lock: every package of the project and its development tools, by name and version.

No index addresses, no paths, no hashes: the machine's own pip configuration says where packages come from.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# Written by `make lock` from pyproject.toml. Names and versions only.
# To run the stack:
"""
# scripts/make_venv.sh stops reading here unless the tools are wanted as well.
TOOLS_HEADER = "# To develop and test it:\n"


def resolve(*requirements: str) -> list[str]:
    """`name==version` of all packages that the requirements need, in alphabetical order."""
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--report", "-", *requirements),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = [item["metadata"] for item in json.loads(answer.stdout)["install"]]
    return sorted(
        (f"{item['name']}=={item['version']}" for item in found if item["name"] != "signalbox"), key=str.lower
    )


def main() -> None:
    """Arguments go to pip as they are: `-c FILE` keeps the versions that a file names."""
    needed = ["setuptools>=77", *sys.argv[1:]]
    everything = resolve(".[dev]", *needed)
    # The versions that fit the tools as well are the ones to run with.
    names = {line.partition("==")[0].lower() for line in resolve(".", *needed)}
    runtime = [line for line in everything if line.partition("==")[0].lower() in names]
    tools = [line for line in everything if line not in runtime]
    LOCK.write_text(HEADER + "\n".join(runtime) + "\n" + TOOLS_HEADER + "\n".join(tools) + "\n")


if __name__ == "__main__":
    main()
