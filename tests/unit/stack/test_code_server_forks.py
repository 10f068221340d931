"""Asking the code server in one thread while another starts processes."""

import subprocess
import sys

_SCRIPT = """
import subprocess, sys, threading
from scheduler_defs.errors import NotReachableError
from scheduler_defs.stack.components import code_server

ended = threading.Event()
asked = threading.Event()

def ask():
    while not ended.is_set():
        try:
            code_server.loaded_repositories("/nowhere/grpc", 1.0)
        except NotReachableError:
            asked.set()

threads = [threading.Thread(target=ask) for _ in range(2)]
for thread in threads:
    thread.start()
asked.wait(30)
codes = {subprocess.Popen(["/bin/true"], preexec_fn=lambda: None).wait() for _ in range(60)}
ended.set()
for thread in threads:
    thread.join()
print(codes)
"""


def test_given_questions_in_threads_then_forks_are_none_of_grpcs_business() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "{0}\n"
    assert "fork" not in done.stderr
