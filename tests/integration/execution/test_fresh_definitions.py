"""Warm workers pick up changed code and declarations between runs, and never in the middle of one."""

import time
from pathlib import Path

from tests.integration.execution.worked_yard import Yard

SOURCE = """
import os, time, psutil
from pathlib import Path
import dagster as dg
import yard_words

@dg.op(config_schema=dg.Field(dg.Permissive(), is_required=False))
def tell(context):
    marks, wait = Path(context.op_config["marks"]), context.op_config.get("wait", 0)
    time.sleep(wait)
    warm = psutil.Process(os.getppid()).ppid()
    with marks.open("a") as file:
        file.write(f"{yard_words.WORD} {IMPORTED} {warm}\\n")

IMPORTED = time.time_ns()
defs = dg.Definitions(
    jobs=[dg.GraphDefinition(name="tell_job", node_defs=[tell]).to_job(name="tell_job")],
    executor=dg.in_process_executor,
)
"""


def _told(yard: Yard, marks: Path, **config: object) -> tuple[str, str, str]:
    run_id = yard.launch("tell_job", {"marks": str(marks), **config})
    assert yard.wait(run_id) == "SUCCESS", "\n".join(yard.messages(run_id))
    word, imported, pid = marks.read_text().splitlines()[-1].split()
    return word, imported, pid


def test_given_changed_code_then_the_next_run_has_it_of_the_same_warm_process_and_unchanged_code_stays(
    worked_yard: Yard, tmp_path: Path, monkeypatch: object
) -> None:
    (tmp_path / "yard_words.py").write_text("WORD = 'red'\n")
    (tmp_path / "yard_code.py").write_text(SOURCE)
    worked_yard.source = tmp_path / "yard_code.py"
    worked_yard.module = "yard_code"
    config = tmp_path / "config"
    config.mkdir()
    worked_yard.start_worker(
        slots=1, environment={"PYTHONPATH": f"{tmp_path}", "SIGNALBOX_CONFIG": str(config)}
    )
    marks = tmp_path / "marks"
    time.sleep(0.2)
    first = _told(worked_yard, marks)
    second = _told(worked_yard, marks)
    assert first == second
    assert first[0] == "red"

    waiting = worked_yard.launch("tell_job", {"marks": str(marks), "wait": 1.0})
    worked_yard.wait(waiting, "STARTED")
    time.sleep(0.3)
    (tmp_path / "yard_words.py").write_text("WORD = 'green'\n")
    assert worked_yard.wait(waiting) == "SUCCESS"
    assert marks.read_text().splitlines()[-1].split()[0] == "red"

    third = _told(worked_yard, marks)
    assert third[0] == "green"
    assert third[2] == first[2]

    (config / "schedules.yaml").write_text("schedules: {}\n")
    fourth = _told(worked_yard, marks)
    assert fourth[1] != third[1]
    time.sleep(1.1)  # the fingerprint of a file that has just been written looks at its content: the same
    fifth = _told(worked_yard, marks)
    assert fifth == fourth
