"""A headless Chromium for tests, spoken to in its own protocol over a socket of ours.

https://chromedevtools.github.io/devtools-protocol/: what is sent and what comes back are JSON
objects, each ended by a zero byte. A window cannot be narrower than 500 pixels; what is emulated
here can.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, PROGRAMS)), None)
SECONDS = 300.0  # that an answer may take on a busy machine
HEIGHT = 900


class Chromium:
    """One page after another in one browser, which has no way to a network.

    ``asked_for`` are the addresses that the page asked for since it was opened, itself the first,
    and ``said`` is what its scripts complained of.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` is for the browser's own files."""
        assert BROWSER is not None
        ours, its = socket.socketpair()
        command = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}", "about:blank",
        ]  # fmt: skip
        quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (1, 2)]
        pipes = [(os.POSIX_SPAWN_DUP2, its.fileno(), fd) for fd in (3, 4)]
        self._process = os.posix_spawn(
            BROWSER, command, os.environ, file_actions=[*quiet, *pipes], setpgroup=0
        )
        its.close()
        ours.settimeout(SECONDS)
        self._socket, self._read, self._sent = ours, b"", 0
        self.requested: list[str] = []
        self.said: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Do something with the page; what came back."""
        return self._call(method, self._session, **params)

    def open(self, page: Path, width: int, dark: bool = False) -> None:
        """Load a file in a window of that width, and wait until all of it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=HEIGHT, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.requested, self.said = [], []
        self.call("Page.navigate", url=page.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    @property
    def asked_for(self) -> list[str]:
        """Without what is in the page itself."""
        return [url for url in self.requested if not url.startswith("data:")]

    def evaluate(self, script: str) -> Any:
        """The value of an expression, or of the promise that it is, as JSON can hold it."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def _call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        self._sent += 1
        asked: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        asked |= {"sessionId": session} if session else {}
        self._socket.sendall(json.dumps(asked).encode() + b"\0")
        while (told := self._next()).get("id") != self._sent:
            pass
        assert "error" not in told, told["error"]
        return dict(told["result"])

    def _next(self) -> dict[str, Any]:
        """What the browser says next, an answer or an event."""
        while b"\0" not in self._read:
            more = self._socket.recv(1 << 16)
            assert more, "Chromium has ended"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        params = told.get("params", {})
        if told.get("method") == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        if told.get("method") == "Runtime.exceptionThrown":
            self.said.append(params["exceptionDetails"]["exception"]["description"])
        if told.get("method") == "Log.entryAdded":
            self.said.append(params["entry"]["text"])
        return told
