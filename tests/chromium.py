"""A headless Chromium, driven by its own protocol over a pair of pipes."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time

from peers import need

PATIENCE = 60.0
"""Seconds until a browser that says nothing is given up."""


class Browser:
    """A browser with one page; leaving the context ends it.

    Args:
        folder: Where it keeps what browsers keep.
        size: The page's width and height.
        dark: Whether dark colours are preferred.
        script: Whether scripts run.
    """

    def __init__(self, folder, size=(1280, 800), *, dark=False, script=True):
        self.errors = []
        self._count = 0
        self._buffer = b""
        self._waiting = []
        to_it, self._out = os.pipe()
        self._in, from_it = os.pipe()

        def hand_over():
            # Chromium reads from 3 and writes to 4.
            reads, writes = os.dup(to_it), os.dup(from_it)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        try:
            self._process = subprocess.Popen(
                [
                    *(need("chromium"), "--headless=new", "--no-sandbox"),
                    *("--remote-debugging-pipe", f"--user-data-dir={folder}"),
                    *("--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
                    *("--disable-background-networking", "--hide-scrollbars"),
                    "about:blank",
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=hand_over,
                close_fds=False,
            )
        finally:
            os.close(to_it)
            os.close(from_it)
        pages = self._call("Target.getTargets")["targetInfos"]
        page = next(one for one in pages if one["type"] == "page")
        attached = self._call(
            "Target.attachToTarget", targetId=page["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        width, height = size
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {
            "name": "prefers-color-scheme",
            "value": "dark" if dark else "light",
        }
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def open(self, url):
        """Go to a page and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self._wait(lambda said: said.get("method") == "Page.loadEventFired")

    def ask(self, expression):
        """What a JavaScript expression comes to."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def until(self, expression):
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.ask(expression):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.05)

    def press(self, key, code):
        """Press a key and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    def picture(self, file, *, whole=True):
        """Save what the page looks like."""
        done = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(done["data"]))

    def call(self, method, **facts):
        """One call of the protocol for the page."""
        return self._call(method, self._session, **facts)

    def _call(self, method, session=None, **facts):
        self._count += 1
        number = self._count
        asked = {"id": number, "method": method, "params": facts}
        if session:
            asked["sessionId"] = session
        os.write(self._out, json.dumps(asked).encode() + b"\0")
        answer = self._wait(lambda said: said.get("id") == number)
        assert "error" not in answer, answer
        return answer["result"]

    def _wait(self, wanted):
        while True:
            for said in self._waiting:
                if wanted(said):
                    self._waiting.remove(said)
                    return said
            self._hear()

    def _hear(self):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], PATIENCE)
            assert ready, "the browser says nothing"
            data = os.read(self._in, 1 << 16)
            assert data, "the browser is gone"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        said = json.loads(line)
        match said.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(said["params"]["exceptionDetails"])
            case "Log.entryAdded" if said["params"]["entry"]["level"] == "error":
                self.errors.append(said["params"]["entry"])
        self._waiting.append(said)
        del self._waiting[:-200]
