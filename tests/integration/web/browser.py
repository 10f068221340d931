"""Debian's Chromium, spoken to over its own protocol: what a person would see and click."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scheduler_defs.settings import PROJECT_ROOT
from tests.integration.running_stack import until

AXE = Path(__file__).parents[2] / "vendor" / "axe" / "axe.min.js"
_AXE = """
    axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations.flatMap((rule) =>
        ["serious", "critical"].includes(rule.impact) ? rule.nodes.map((node) => `${rule.id}: ${node.html}`) : []))
"""
SCREENSHOTS = PROJECT_ROOT / "build" / "screenshots"
"""Where pictures of pages are kept; CI keeps them, too."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One page. Messages go over two pipes, each ended by a NUL."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._rest = b""
        self._last = 0
        self._session: str | None = None
        self.said: list[str] = []
        """What the page has written to its console, faults above all."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Its answer. Raises AssertionError for a refusal."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            found = self._message()
            if found.get("id") == self._last:
                assert "error" not in found, found
                return found["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._read, 65536)
            assert piece, "the browser has gone"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        found = json.loads(text)
        if found.get("method") == "Log.entryAdded":
            self.said.append(found["params"]["entry"]["text"])
        elif found.get("method") == "Runtime.exceptionThrown":
            self.said.append(str(found["params"]["exceptionDetails"]))
        return found

    def go(self, url: str) -> None:
        """Open a page, and wait until it is there."""
        self.call("Page.navigate", url=url)
        until(
            lambda: (
                self.run("document.readyState") == "complete" and self.run("location.href") != "about:blank"
            ),
            url,
        )

    def opened(self, url: str) -> str:
        """The source of a page in a sandbox, in which not even the protocol runs a script."""
        found = self.call("Page.navigate", url=url)
        assert "errorText" not in found, found
        place = lambda: self.call("DOM.getDocument")["root"]  # noqa: E731
        until(lambda: place()["documentURL"] == url and place().get("childNodeCount"), url)
        return self.call("DOM.getOuterHTML", nodeId=place()["nodeId"])["outerHTML"]

    def arrives(self, part: str) -> None:
        """Wait until a page is there whose address has the part, scripts and all."""
        ready = f"document.readyState == 'complete' && location.href.includes({json.dumps(part)})"
        until(lambda: self.run(ready) is True, part)

    def run(self, script: str) -> Any:
        """The value of a script's expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def shows(self, text: str) -> bool:
        """Whether the page says so."""
        return text in str(self.run("document.body.innerText"))

    def looks(self, *, dark: bool = False, width: int = 1280) -> None:
        """How the reader has it: dark or light, on a screen or a phone."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def serious(self) -> list[str]:
        """What axe-core finds that is serious or critical: rule and element."""
        self.run(f"{AXE.read_text()}; 1")
        found = self.run(_AXE)
        assert isinstance(found, list), "axe-core has not run"
        return [str(each) for each in found]

    def screen(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def picture(self, name: str) -> None:
        """Keep what the whole page looks like, as PNG."""
        whole = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": whole["width"], "height": min(3000, whole["height"]), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        (SCREENSHOTS / f"{name.replace('/', '-')}.png").write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own. Nothing of it is left."""
    assert CHROMIUM is not None
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()

    def give_pipes() -> None:
        os.dup2(down_read, 3)
        os.dup2(up_write, 4)

    for end in (down_read, up_write):
        os.set_inheritable(end, True)
    process = subprocess.Popen(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"),
            *("--window-size=1280,1000", f"--user-data-dir={folder}", "--no-first-run"),
        ],
        preexec_fn=give_pipes,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Browser(down_write, up_read)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        for end in (down_read, down_write, up_read, up_write):
            os.close(end)
