"""A headless Chromium over its own pipe: no driver, no port, no further package.

Tests that need it are skipped where there is none, unless WITHSTAND_BROWSER=required, as CI has it:
there they fail, so that nobody takes a page for tested that was not.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from reports.pdf import find_chromium, flags

PATIENCE = 60.0


def needed(found: object, what: str) -> None:
    """Skip where something is missing; fail where CI says that it must be there."""
    if found is None:
        if os.environ.get("WITHSTAND_BROWSER") == "required":
            pytest.fail(f"{what} is missing, and WITHSTAND_BROWSER=required")
        pytest.skip(f"{what} is not installed")


def axe() -> str:
    """The accessibility checker's script, as axe-playwright-python ships it; it is never imported."""
    spec = find_spec("axe_playwright_python")
    needed(spec, "axe-playwright-python")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")


class Pipe:
    """Messages to a browser and from it, for all of its pages."""

    def __init__(self, process: subprocess.Popen[bytes], to_it: int, from_it: int) -> None:
        self._process, self._to, self._from = process, to_it, from_it
        self._buffer = b""
        self.number = 0

    def write(self, message: dict[str, Any]) -> None:
        """Send one message."""
        os.write(self._to, json.dumps(message).encode() + b"\0")

    def read(self, ends: float) -> dict[str, Any]:
        """The next message; TimeoutError where none comes in time."""
        while b"\0" not in self._buffer:
            left = ends - monotonic()
            ready, _, _ = select.select([self._from], [], [], max(left, 0))
            if not ready:
                raise TimeoutError("Chromium does not answer.")
            got = os.read(self._from, 1 << 20)
            if not got:
                raise EOFError(f"Chromium ended with code {self._process.wait()}.")
            self._buffer += got
        line, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found


class Page:
    """One page: commands to it, and everything that it said by itself."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        self._target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def close(self) -> None:
        """Close it; the browser stays."""
        self.ask("Page.close")

    def ask(self, method: str, **parameters: Any) -> Any:
        """The result of one command."""
        self._pipe.number += 1
        number = self._pipe.number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._pipe.write(message)
        ends = monotonic() + PATIENCE
        while True:
            found = self._pipe.read(ends)
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]
            self._keep(found)

    def open(self, address: str) -> None:
        """Load an address and wait for it."""
        self.ask("Page.navigate", url=address)
        ends = monotonic() + PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._keep(self._pipe.read(ends))

    def show(self, width: int, height: int = 900, *, scheme: str = "light") -> None:
        """Set the window's width and whether the reader prefers a dark page."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setScrollbarsHidden", hidden=True)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media="", features=features)

    def value(self, script: str) -> Any:
        """What a script of the test comes to; the debugger may run it whatever the page allows."""
        found = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as PNG."""
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def named(self, *methods: str) -> list[dict[str, Any]]:
        """What it said under these names."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def _keep(self, event: dict[str, Any]) -> None:
        if event.get("sessionId") == self._session:
            self.events.append(event)


@contextmanager
def chromium(profile: Path, *options: str) -> Iterator[Pipe]:
    """A browser that is gone afterwards; it reaches nothing, unless an option says otherwise."""
    program = find_chromium()
    needed(program, "Chromium")
    assert program is not None
    to_it, write = os.pipe()
    read, from_it = os.pipe()

    def place() -> None:
        # Chromium reads its commands from 3 and answers on 4. Copies first: one may be the other.
        commands, answers = os.dup(to_it), os.dup(from_it)
        os.dup2(commands, 3)
        os.dup2(answers, 4)

    process = subprocess.Popen(
        [str(program), *flags(profile), *options, "--remote-debugging-pipe", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=place,
    )
    os.close(to_it)
    os.close(from_it)
    try:
        yield Pipe(process, write, read)
    finally:
        os.close(write)
        os.close(read)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
