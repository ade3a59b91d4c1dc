"""A real browser without a screen, driven by the DevTools protocol, for tests of pages. Skipped where none is installed.

Its start takes seconds. It reaches this machine alone: no name resolves but those that a test points here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

BROWSERS = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "chrome")
LISTENS = b"DevTools listening on "


def browser() -> str:
    """A browser that can run without a screen, or a skip."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on the PATH")
    return found


@dataclass(slots=True)
class Page:
    """One page of the browser, in which JavaScript is asked. The answer of each request is the one with its number."""

    socket: WebSocketConnection
    session: str = ""
    asked: int = 0

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """The result of one request of the protocol."""
        answer = await self._ask(method, parameters)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def _ask(self, method: str, parameters: dict[str, object]) -> dict[str, Any]:
        self.asked += 1
        request = {"id": self.asked, "method": method, "params": parameters}
        await self.socket.send_message(json.dumps(request | ({"sessionId": self.session} if self.session else {})))
        while True:
            answer: dict[str, Any] = json.loads(await self.socket.get_message())
            if answer.get("id") == self.asked:
                return answer

    async def arrived(self, condition: str = "true") -> None:
        """Wait until a page is there whole, and this holds of it."""
        await self.until(f"document.readyState == 'complete' && ({condition})")

    async def until(self, condition: str) -> None:
        """Ask again until this holds; while one page gives way to another nobody answers, and that is no fault."""
        while True:
            answer = await self._ask("Runtime.evaluate", {"expression": condition, "returnByValue": True})
            if answer.get("result", {}).get("result", {}).get("value") is True:
                return
            await trio.sleep(0.05)

    async def value(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@asynccontextmanager
async def opened(url: str, profile: Path, names: Sequence[str] = ()) -> AsyncIterator[Page]:
    """A page of the browser at this address; `names` are names of hosts that lead to this machine's loopback."""
    here = "".join(f"MAP {name} 127.0.0.1, " for name in names)
    argv = [browser(), "--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}", "--disable-gpu"]
    argv += [f"--host-resolver-rules={here}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-first-run", "about:blank"]
    if os.geteuid() == 0:
        argv.insert(1, "--no-sandbox")
    process = await trio.lowlevel.open_process(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        async with open_websocket_url(await _listening(process)) as socket:
            page = Page(socket)
            target = await page.call("Target.createTarget", url=url)
            attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = attached["sessionId"]
            await page.arrived("location.protocol != 'about:'")
            yield page
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _listening(process: trio.Process) -> str:
    """Where the browser listens, as it says on its standard error."""
    assert process.stderr is not None
    heard = b""
    while b"\n" not in heard.partition(LISTENS)[2]:
        part = await process.stderr.receive_some(4_096)
        assert part, heard.decode(errors="replace")
        heard += part
    return heard.partition(LISTENS)[2].splitlines()[0].decode()
