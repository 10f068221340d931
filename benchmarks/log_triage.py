"""How fast `log_triage` reads, and how much memory that takes.

    python benchmarks/log_triage.py --megabytes 1024

Writes a log of that size to a temporary folder (syslog, Python, JSON lines, nginx, Celery, Postgres and
token lines mixed at random, every line with its own ids, addresses, numbers and quoted values), then runs
the real asset over it in a fresh process, as a worker would, and prints one JSON document: MB/s of
processor time and of elapsed time, and the peak resident memory of the whole process, Dagster included.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

THINGS = ("connection", "request", "cache", "pool", "session", "worker", "index", "batch", "upload", "stream")
PATHS = (
    "/",
    "/index.html",
    "/api/v1/users/{n}",
    "/api/v1/orders/{n}/items",
    "/static/app.{h}.js",
    "/login?u={h}",
)
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0", "curl/8.4.0", "kube-probe/1.29")


class Lines:
    """Lines as programs write them; time passes by a few milliseconds per line."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self.kinds = (
            *(self.syslog,) * 3,
            *(self.python,) * 4,
            *(self.json_line,) * 2,
            *(self.nginx,) * 4,
            self.nginx_error,
            *(self.celery,) * 3,
            *(self.postgres,) * 2,
            self.token,
        )

    def some(self, count: int) -> Iterator[str]:
        for _ in range(count):
            self.clock += dt.timedelta(microseconds=self.random.randrange(10_000))
            yield self.random.choice(self.kinds)()

    def number(self, limit: int) -> int:
        return self.random.randrange(limit)

    def hexadecimal(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def address(self) -> str:
        return ".".join(str(self.number(255)) for _ in range(4))

    def path(self) -> str:
        return self.random.choice(PATHS).format(n=self.number(100_000), h=self.hexadecimal(8))

    def thing(self) -> str:
        return self.random.choice(THINGS)

    def stamp(self, mark: str = ",") -> str:
        return f"{self.clock:%Y-%m-%d %H:%M:%S}{mark}{self.clock.microsecond // 1000:03d}"

    def syslog(self) -> str:
        message = self.random.choice(
            (
                f"sshd[{self.number(99999)}]: Failed password for root from {self.address()} port 22",
                f"kernel: [{self.random.random() * 1e6:.6f}] usb {self.number(9)}-1: new device",
                f"systemd[1]: Started Session {self.number(99999)} of user root.",
            )
        )
        return f"{self.clock:%b} {self.clock.day:2d} {self.clock:%H:%M:%S} web{self.number(9)} {message}"

    def python(self) -> str:
        level, message = self.random.choice(
            (
                ("INFO", f"Handled {self.thing()} {self.uuid()} in {self.random.random() * 1000:.2f} ms"),
                ("INFO", f"Processing {self.number(10**9)} for user 'ann{self.number(1000)}'"),
                ("WARNING", f"Retrying after {self.number(60)}s: attempt {self.number(9)} of 10"),
                ("ERROR", f"Could not open '/data/{self.hexadecimal(12)}.bin': [Errno 2] No such file"),
                ("DEBUG", f"pool size={self.number(50)} idle={self.number(50)} at 0x{self.hexadecimal(12)}"),
            )
        )
        return f"{self.stamp()} - app.{self.thing()} - {level} - {message}"

    def json_line(self) -> str:
        level, message = self.random.choice(
            (
                ("info", "request completed"),
                ("info", f"user {self.number(99999)} logged in"),
                ("warn", f"slow query took {self.number(9999)}ms"),
                ("error", f"upstream {self.address()} refused connection"),
            )
        )
        return json.dumps(
            {
                "time": self.clock.isoformat(),
                "level": level,
                "logger": f"svc.{self.thing()}",
                "msg": message,
                "request_id": self.uuid(),
                "path": self.path(),
                "duration_ms": self.random.random() * 100,
                "client": self.address(),
            }
        )

    def nginx(self) -> str:
        status = self.random.choice((*(200,) * 20, 301, 404, 500))
        return (
            f'{self.address()} - - [{self.clock:%d/%b/%Y:%H:%M:%S} +0000] "GET {self.path()} HTTP/1.1" '
            f'{status} {self.number(99999)} "-" "{self.random.choice(AGENTS)}"'
        )

    def nginx_error(self) -> str:
        return (
            f"{self.clock:%Y/%m/%d %H:%M:%S} [error] {self.number(9999)}#0: *{self.number(10**6)} "
            f"connect() failed (111: Connection refused) while connecting to upstream, "
            f'request: "GET {self.path()} HTTP/1.1", upstream: "http://{self.address()}:8080{self.path()}"'
        )

    def celery(self) -> str:
        return (
            f"[{self.stamp()}: INFO/ForkPoolWorker-{self.number(16)}] Task app.{self.thing()}"
            f"[{self.uuid()}] succeeded in {self.random.random() * 10}s: None"
        )

    def postgres(self) -> str:
        message = self.random.choice(
            (
                f"LOG:  duration: {self.random.random():.3f} ms  statement: SELECT * FROM {self.thing()}",
                f'ERROR:  duplicate key value violates unique constraint "{self.thing()}_pkey"',
                f"LOG:  checkpoint complete: wrote {self.number(9999)} buffers ({self.random.random():.1%})",
            )
        )
        return f"{self.stamp('.')} UTC [{self.number(99999)}] {message}"

    def token(self) -> str:
        return (
            f"{self.stamp()} INFO auth: token={self.hexadecimal(32)} Authorization: Bearer "
            f"{self.hexadecimal(20)} to {self.address()}"
        )


def write_log(path: Path, megabytes: float) -> None:
    lines = Lines(seed=7)
    size = 0
    with path.open("wb") as stream:
        while size < megabytes * 1e6:
            block = ("\n".join(lines.some(5000)) + "\n").encode()
            stream.write(block)
            size += len(block)


def measure(log: Path, state: Path) -> dict[str, float]:
    """In this process: materialise the asset once, and say what it took."""
    config = state / "config"
    config.mkdir(parents=True)
    (config / "reports.yaml").write_text(json.dumps({"reports": {"log_files": [str(log.resolve())]}}))
    os.environ["SIGNALBOX_STATE"], os.environ["SIGNALBOX_CONFIG"] = str(state), str(config)
    import dagster as dg

    from scheduler_defs.jobs.builtin import BUILTIN_ASSETS
    from scheduler_defs.jobs.reports import op_name

    asset = next(asset for asset in BUILTIN_ASSETS if asset.key.to_user_string() == "log_triage")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, processor = time.monotonic(), time.process_time()
    result = dg.materialize(
        [asset], run_config={"ops": {op_name("log_triage"): {"config": {"globs": [str(log.resolve())]}}}}
    )
    elapsed, processor = time.monotonic() - started, time.process_time() - processor
    metadata = result.asset_materializations_for_node(op_name("log_triage"))[0].metadata
    megabytes = log.stat().st_size / 1e6
    return {
        "megabytes": round(megabytes, 1),
        "lines": metadata["lines"].value,
        "groups": metadata["groups"].value,
        "mb_per_processor_second": round(megabytes / processor, 1),
        "mb_per_second": round(megabytes / elapsed, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "memory_before_mb": round(before, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=256, help="size of the log that is written")
    parser.add_argument("--file", type=Path, help="read this log instead")
    parser.add_argument("--measure", nargs=2, metavar=("LOG", "STATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(Path(options.measure[0]), Path(options.measure[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        log = options.file or Path(folder) / "mixed.log"
        if not options.file:
            write_log(log, options.megabytes)
        command = [sys.executable, __file__, "--measure", str(log), str(Path(folder) / "state")]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(json.dumps(json.loads(answer.stdout.splitlines()[-1]), indent=2))


if __name__ == "__main__":
    main()
