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
HEADER = "# Written by `make lock` from pyproject.toml. Names and versions only.\n"


def resolve(constraints: list[str]) -> list[str]:
    """`name==version` of all packages that pyproject.toml needs, in alphabetical order."""
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--report", "-", ".[dev]", "setuptools>=77", *constraints),
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
    """Arguments are further requirements that decide between versions, e.g. `celery==5.7.0`."""
    LOCK.write_text(HEADER + "".join(line + "\n" for line in resolve(sys.argv[1:])))


if __name__ == "__main__":
    main()
