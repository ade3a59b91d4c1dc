"""The page with a key in it, opened from the disk in a real browser without a network: it shows the key for its code alone.

The browser is driven by the DevTools protocol. Real process, real clock; its start takes seconds. Skipped where there is none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from solders.keypair import Keypair
from trio_websocket import WebSocketConnection, open_websocket_url

from bot.vault.export_page import make_code, make_page

BROWSERS = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "chrome")
WITHIN_S = 60
LISTENS = b"DevTools listening on "
PAIR = Keypair.from_seed(bytes([0, 0, *range(30)]))
ADDRESS = str(PAIR.pubkey())
SAID = "document.getElementById('said').textContent"
SHOWN = "[...document.querySelectorAll('#shown:not([hidden]) code')].map((one) => one.textContent)"


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
        self.asked += 1
        request = {"id": self.asked, "method": method, "params": parameters}
        await self.socket.send_message(json.dumps(request | ({"sessionId": self.session} if self.session else {})))
        while True:
            answer = json.loads(await self.socket.get_message())
            if answer.get("id") == self.asked:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def value(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def types(self, code: str) -> str:
        """Type a code and press the button as a person does; what the page says then."""
        await self.value(f"document.getElementById('code').value = {json.dumps(code)}")
        await self.value("document.getElementById('open').click()")
        while (said := str(await self.value(SAID))) == "Opening":
            await trio.sleep(0.05)
        return said


@asynccontextmanager
async def opened(path: Path, profile: Path) -> AsyncIterator[Page]:
    """A page of the browser with a file of this disk in it, and no network."""
    argv = [browser(), "--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}", "--disable-gpu"]
    argv += ["--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run", "about:blank"]
    if os.geteuid() == 0:
        argv.insert(1, "--no-sandbox")
    process = await trio.lowlevel.open_process(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        url = await _listening(process)
        async with open_websocket_url(url) as socket:
            page = Page(socket)
            target = await page.call("Target.createTarget", url=path.as_uri())
            attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
            page.session = attached["sessionId"]
            while not await page.value("document.readyState == 'complete' && location.protocol == 'file:'"):
                await trio.sleep(0.05)
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


async def test_a_browser_without_a_network_shows_the_key_for_its_code_and_for_no_other(tmp_path: Path) -> None:
    code = make_code()
    file = tmp_path / "key.html"
    file.write_bytes(make_page(ADDRESS, bytearray(bytes(PAIR)), code))
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    with trio.fail_after(WITHIN_S):
        async with opened(file, tmp_path / "profile") as page:
            for other in (wrong, "", "x" * 1_000, code[:-1]):
                assert await page.types(other) == "That code does not open this file."
                assert await page.value(SHOWN) == []
            for typed in (code, code.lower().replace("-", " "), code.replace("1", "l").replace("0", "o")):
                assert (await page.types(typed)).startswith("This is the key.")
                base58, numbers = await page.value(SHOWN)
                assert Keypair.from_base58_string(base58) == PAIR
                assert Keypair.from_json(numbers) == PAIR
            assert await page.types(wrong) == "That code does not open this file."
            assert await page.value(SHOWN) == [], "what was shown before is hidden again"


async def test_its_own_policy_keeps_the_page_from_asking_anybody_and_from_running_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "key.html"
    page = make_page(ADDRESS, bytearray(bytes(PAIR)), make_code())
    file.write_bytes(page.replace(b"</main>", b"</main><script>globalThis.strange = 1</script>"))
    with trio.fail_after(WITHIN_S):
        async with opened(file, tmp_path / "profile") as shown:
            assert await shown.value("globalThis.strange === undefined")
            tried = "fetch('data:text/plain,x').then(() => 'asked', () => 'refused')"
            assert await shown.value(tried) == "refused"
            assert await shown.value("document.querySelector('h1 code').textContent") == ADDRESS
