"""A small agent that runs anywhere: works through the steps of a recipe for the task that it was given.

    python3 run.py RECIPE.yaml

A recipe is YAML (or JSON) with `steps`, each one of

    - say: text                print it
    - note: text               leave it as a comment on the task
    - run: [program, argument] run a command (no shell); a bad exit code ends the recipe as failed
    - wait: 2                  seconds
    - result: anything         what came of the task

`{task.title}`, `{task.payload.folder}`, `{agent.name}`, `{run.id}` in any text stand for values of the task
file (`SIGNALBOX_TASK_FILE`). What it has to say goes to the report file (`SIGNALBOX_REPORT_FILE`), as every
agent may do it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PLACEHOLDER = re.compile(r"\{(task|agent|run)\.([A-Za-z0-9_.-]+)\}")


def main() -> int:
    """Work through the recipe; 0 when all steps are done."""
    if len(sys.argv) != 2:
        print("usage: run.py RECIPE.yaml", file=sys.stderr)
        return 2
    given = json.loads(Path(os.environ["SIGNALBOX_TASK_FILE"]).read_text(encoding="utf-8"))
    recipe = read_recipe(Path(sys.argv[1]))
    report: dict[str, Any] = {"comments": []}
    code = 0
    try:
        for number, step in enumerate(recipe["steps"], start=1):
            code = do(filled(step, given), report)
            if code:
                report |= {"status": "retry", "reason": f"step {number} of {sys.argv[1]} ended with {code}"}
                break
    finally:
        Path(os.environ["SIGNALBOX_REPORT_FILE"]).write_text(json.dumps(report), encoding="utf-8")
    return code


def read_recipe(path: Path) -> dict[str, Any]:
    """The recipe. Ends the program with one line when it is none."""
    import yaml

    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(recipe, dict) or not isinstance(recipe.get("steps"), list):
        sys.exit(f"{path}: a recipe is a mapping with a list of steps")
    return recipe


def do(step: Any, report: dict[str, Any]) -> int:
    """Do one step; its exit code."""
    match step:
        case {"say": text}:
            print(text, flush=True)
        case {"note": text}:
            report["comments"].append(str(text))
        case {"run": [*argv]}:
            return subprocess.run([str(item) for item in argv], check=False).returncode
        case {"wait": seconds}:
            time.sleep(float(seconds or 0))
        case {"result": value}:
            report["result"] = value
        case _:
            sys.exit(f"step {step!r}: one of say, note, run, wait, result is expected")
    return 0


def filled(step: Any, given: dict[str, Any]) -> Any:
    """The step with its placeholders replaced; nothing that is not there becomes empty."""
    if isinstance(step, str):
        whole = PLACEHOLDER.fullmatch(step)
        if whole:
            return value(whole, given)
        return PLACEHOLDER.sub(lambda found: str(value(found, given) or ""), step)
    if isinstance(step, list):
        return [filled(item, given) for item in step]
    if isinstance(step, dict):
        return {key: filled(item, given) for key, item in step.items()}
    return step


def value(found: re.Match[str], given: dict[str, Any]) -> Any:
    """What a placeholder stands for; None when it is not there."""
    place: Any = given[found[1]]
    for part in found[2].split("."):
        place = place.get(part) if isinstance(place, dict) else None
    return place


if __name__ == "__main__":
    sys.exit(main())
