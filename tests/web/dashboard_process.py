"""`bot web` as a process of its own, for tests with a real bot: started, entered with its token, followed, stopped."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.whole.real import ROOT, clean_environment

STOP_WITHIN_S = 10.0
HEARD_WITHIN_S = 30.0


@dataclass(slots=True)
class Dashboard:
    """A running `bot web`; `client` has shown its token."""

    process: subprocess.Popen[str]
    url: str
    client: httpx.Client

    @contextmanager
    def following(self) -> Iterator[Following]:
        """An open stream of what changes."""
        host = self.url.removeprefix("http://").rstrip("/")
        cookies = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), HEARD_WITHIN_S) as stream:
            stream.sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n".encode())
            yield Following(stream)


@dataclass(slots=True)
class Following:
    """What a stream has brought that was not waited for yet."""

    stream: socket.socket
    heard: str = ""

    def until(self, words: str) -> str:
        """Wait until these words have come; what came up to there."""
        while words not in self.heard:
            part = self.stream.recv(65_536)
            assert part, f"the stream has ended before {words!r}: {self.heard[-500:]}"
            self.heard += part.decode(errors="replace")
        before, _, self.heard = self.heard.partition(words)
        return before


@contextmanager
def dashboard(directory: Path) -> Iterator[Dashboard]:
    """The dashboard of the bot on a data directory, on a free port, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "web", "--data-dir", str(directory), "--port", "0"],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = said.split()[1]
        token = (directory / "web.token").read_text().strip()
        with httpx.Client(base_url=url, headers={"origin": url.rstrip("/")}, trust_env=False, timeout=30) as client:
            assert client.post("/login", data={"token": token}).status_code == 303
            yield Dashboard(process, url, client)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_WITHIN_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(STOP_WITHIN_S)
        if process.stdout is not None:
            process.stdout.close()
