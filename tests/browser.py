"""Headless Chromium, driven through a pipe.

The DevTools protocol (https://chromedevtools.github.io/devtools-protocol) in
its smallest form: one page, commands one after another. The pipe needs
neither a port nor a library.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

__all__ = ["Browser", "find_chromium"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-extensions",
    "--hide-scrollbars",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """The program, if it is on this machine."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """One page in a browser of its own; a context that ends it."""

    def __init__(self, program: str, patience: float = 120.0):
        self.patience = patience
        self.errors: list[str] = []
        self._number, self._rest = 0, b""
        self._profile = tempfile.TemporaryDirectory(
            prefix="chromium-", ignore_cleanup_errors=True
        )
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Chromium reads commands at 3 and writes at 4.
        line = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", line, program, *_OPTIONS]
            + [f"--user-data-dir={self._profile.name}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one for one in targets if one["type"] == "page")
        self._session = self.call(
            "Target.attachToTarget",
            targetId=page["targetId"],
            flatten=True,
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_) -> None:
        os.close(self._out)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        self._profile.cleanup()

    def call(self, method: str, **params) -> dict:
        """A command, and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def run(self, script: str):
        """The value of an expression in the page; promises are awaited."""
        result = self.call(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, script: str):
        """Waits until an expression is true, and gives its value."""
        end = time.monotonic() + self.patience
        while not (value := self.run(script)):
            if time.monotonic() > end:
                shown = self.run("document.body.innerText")
                raise AssertionError(f"never: {script}\n{shown}\n{self.errors}")
            time.sleep(0.05)
        return value

    def open(self, address: str) -> None:
        """Goes to a page, and waits for its scripts."""
        self.call("Page.navigate", url=address)
        self.wait(
            f"document.readyState === 'complete' && "
            f"location.href.startsWith({json.dumps(address)})"
        )

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """Takes a window of a size, in light or in dark colours."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = "dark" if dark else "light"
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def choose_file(self, selector: str, path: Path) -> None:
        """Puts a file into an input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)
        self.call(
            "DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(path)]
        )

    def box(self, selector: str) -> dict:
        """Where an element is in the window, scrolled into view."""
        found = f"document.querySelector({json.dumps(selector)})"
        return self.run(
            f"(() => {{ const e = {found};"
            "e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect();"
            "return {x: b.x, y: b.y, width: b.width, height: b.height}; })()"
        )

    def mouse(self, kind: str, x: float, y: float) -> None:
        """A single event of the mouse."""
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left",
            buttons=0 if kind == "mouseReleased" else 1,
            clickCount=1,
        )

    def click(self, selector: str) -> None:
        """Clicks into the middle of an element."""
        box = self.box(selector)
        self.drag(selector, box["width"] / 2, box["width"] / 2)

    def drag(self, selector: str, start: float, end: float) -> None:
        """Drags within an element, in pixels from its left edge."""
        box = self.box(selector)
        y = box["y"] + box["height"] / 2
        self.mouse("mousePressed", box["x"] + start, y)
        for share in (0.25, 0.5, 1.0) if start != end else ():
            x = box["x"] + start + share * (end - start)
            self.mouse("mouseMoved", x, y)
        self.mouse("mouseReleased", box["x"] + end, y)

    def key(self, key: str, shift: bool = False, text: str = "") -> None:
        """Presses a key at what has the focus."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Tab": 9}
        about = {
            "key": key,
            "modifiers": 8 if shift else 0,
            "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper())),
        }
        text = {"Enter": "\r"}.get(key, text)
        down = (
            {"type": "keyDown", "text": text}
            if text
            else {"type": "rawKeyDown"}
        )
        self.call("Input.dispatchKeyEvent", **about, **down)
        self.call("Input.dispatchKeyEvent", **about, type="keyUp")

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.call(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": size["width"],
                  "height": size["height"], "scale": 1},
        )  # fmt: skip
        path.write_bytes(base64.b64decode(shot["data"]))

    def _read(self) -> dict:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], self.patience)
            part = os.read(self._in, 2**20) if ready else b""
            if not part:
                raise RuntimeError("the browser does not answer")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(message)
        self._note(answer)
        return answer

    def _note(self, answer: dict) -> None:
        """Keeps what the page's console says is wrong."""
        params = answer.get("params", {})
        if answer.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", "")
            self.errors.append(f"{details['text']} {thrown}")
        if answer.get("method") == "Log.entryAdded":
            entry = params["entry"]
            if entry["level"] == "error":
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")
