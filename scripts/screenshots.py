"""Write docs/pictures/*.png: a yard on a stack of its own, as headless Chromium shows it. Takes some minutes.

`make pictures`. Names of pages as arguments take only those. Names of the machine, its
user and its folders are replaced in the pages before they are taken.
"""

from __future__ import annotations

import getpass
import json
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scheduler_defs.settings import PROJECT_ROOT
from tests.integration.running_stack import Stack, new_yard, running, until
from tests.integration.web.browser import CHROMIUM, Browser, browsing

PICTURES = PROJECT_ROOT / "docs" / "pictures"
LARGEST = 150_000
"""Bytes of a picture."""

YARD = """
jobs:
  morning_report:
    description: What the day before came to.
    params:
      day: {type: string, default: yesterday, description: Which day.}
      pages: {type: integer, default: 3, minimum: 1}
    steps:
      fetch: {command: [echo, "fetched {params.day}"]}
      numbers: {command: [sh, -c, "sleep 1; echo 1204 rows"], needs: [fetch]}
      plots: {command: [sh, -c, "sleep 2; echo {params.pages} pages"], needs: [fetch]}
      publish: {command: [echo, published], needs: [numbers, plots]}
  price_list:
    command: [sh, -c, "echo reading prices.example; echo the list is empty; exit 3"]
  deploy: {command: [echo, deployed], approve: yes}
schedules:
  morning-report: {job: morning_report, cron: "30 6 * * mon-fri", timezone: Europe/Berlin, jitter: 10m}
  prices: {job: price_list, every: 6h, retries: {max_attempts: 2, base: 5s}}
  backlog: {job: disk_report, every: 7m, max_global: 4}
"""
HEARTBEATS = 3
"""Runs of the schedule of each minute that are waited for, so that there is something to see."""

HIDE = """
(names => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode()); )
    for (const [name, other] of names) {
      const whole = new RegExp(`(?<!\\w)${name.replace(/[^\\w]/g, '\\$&')}(?!\\w)`, 'g');
      node.data = node.data.replace(whole, other);
    }
})(%s)"""


@dataclass(frozen=True)
class Page:
    """A picture: its name, the address of the page, and a text that is there when all of it is."""

    name: str
    path: str
    shows: str


PAGES = (
    Page("overview", "/signalbox/", "heartbeat"),
    Page("schedules", "/signalbox/schedules", "morning-report"),
    Page("schedule", "/signalbox/schedules/heartbeat", "Occurrences"),
    Page("timeline", "/signalbox/timeline?span=1h", "went well"),
    Page("queues", "/signalbox/queues", "vaela"),
    Page("run", "/signalbox/runs/{run}", "the list is empty"),
    Page("inbox", "/signalbox/inbox", "deploy"),
    Page("health", "/signalbox/health", "In use"),
    Page("dagster-runs", "/runs", "heartbeat"),
    Page("dagster-launchpad", "/locations/signalbox/jobs/morning_report/playground", "Launch Run"),
)


def fill(stack: Stack) -> str:
    """Have things happen. The id of a run whose page is worth a picture."""
    stack.run("jobs", "launch", "morning_report", "--set", "day=monday", "--wait")
    stack.run("schedules", "run", "prices", "--wait", check=False)
    failed = stack.json("runs", "list", "--job", "price_list", "--json")[0]["run_id"]
    stack.run("jobs", "launch", "census", "--wait")
    stack.run("jobs", "launch", "deploy")
    beats = ("runs", "list", "--schedule", "heartbeat", "--status", "SUCCESS", "--json")
    until(lambda: len(stack.json(*beats)) >= HEARTBEATS, "the first minutes", 60.0 * (HEARTBEATS + 2))
    return str(failed)


def take(browser: Browser, stack: Stack, page: Page, run: str) -> None:
    """One picture. Raises SystemExit for one that is too large."""
    browser.go(stack.ui + page.path.format(run=run))
    until(lambda: browser.shows(page.shows), f"{page.name} shows {page.shows!r}")
    time.sleep(2)  # what is drawn after its text
    names = [
        (str(stack.folder), "/srv/yard"),
        (str(PROJECT_ROOT), "/srv/signalbox"),
        (platform.node(), "box"),
        (getpass.getuser(), "ann"),
    ]
    browser.run(HIDE % json.dumps(names))
    picture = PICTURES / f"{page.name}.png"
    picture.write_bytes(browser.screen())
    if picture.stat().st_size > LARGEST:
        raise SystemExit(f"{picture.name} has {picture.stat().st_size} bytes; {LARGEST} are allowed")


def main() -> None:
    """All of it."""
    if CHROMIUM is None:
        raise SystemExit("chromium is not installed")
    wanted = [page for page in PAGES if page.name in sys.argv[1:] or not sys.argv[1:]]
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        yard = new_yard(Path(folder) / "yard", first_tasks=True)
        (yard.config / "office.yaml").write_text(YARD, encoding="utf-8")
        stack = Stack(yard.folder, {"LOGNAME": "ann"})
        with running(stack, "--port", "0"), browsing(Path(folder) / "chromium") as browser:
            browser.call(
                "Emulation.setDeviceMetricsOverride",
                width=1100,
                height=640,
                deviceScaleFactor=1,
                mobile=False,
            )
            run = fill(stack)
            for page in wanted:
                take(browser, stack, page, run)


if __name__ == "__main__":
    main()
