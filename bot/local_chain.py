"""The local chain's process as the bot's child: a session of its own, watched, started again on the same port, stopped last."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from bot.child_process import ended
from bot.errors import StartupError

READY_FILE = "localnet.json"
READY_WITHIN_S = 30.0
READY_POLL_S = 0.02
# Asked, then by force: its store takes a kill at any moment.
STOP_STEPS = ((signal.SIGTERM, 0.7), (signal.SIGKILL, 0.2))


@dataclass(frozen=True, slots=True)
class LocalChainAddress:
    """Where the running chain answers."""

    http_urls: tuple[str, ...]
    ws_urls: tuple[str, ...]
    genesis_hash: str
    engine_url: str
    pumpportal_url: str | None = None
    grpc_url: str | None = None
    jupiter_url: str = ""
    dexscreener_url: str | None = None
    birdeye_url: str | None = None
    dollars_url: str | None = None
    social_url: str | None = None
    ratings_url: str | None = None


def outside_chain(directory: Path) -> LocalChainAddress:
    """Where the chain answers that somebody else runs on a data directory; StartupError where none runs there."""
    for folder in (directory, directory / "localnet"):
        try:
            record = json.loads((folder / READY_FILE).read_text())
            os.kill(record["pid"], 0)
        except (OSError, ValueError):
            continue
        return _address_of(record)
    raise StartupError(
        f"localnet.directory = {directory}: no local chain runs there; start it with bot localnet --data-dir {directory}"
    )


def _address_of(record: Mapping[str, Any]) -> LocalChainAddress:
    doors = record["endpoints"]
    return LocalChainAddress(
        tuple(door["http_url"] for door in doors),
        tuple(door["ws_url"] for door in doors),
        record["genesis_hash"],
        record["engine_url"],
        record.get("pumpportal_url"),
        record.get("grpc_url"),
        record["jupiter_url"],
        record.get("dexscreener_url"),
        record.get("birdeye_url"),
        f"{doors[0]['http_url']}/price/v3",
        record.get("social_url"),
        record.get("ratings_url"),
    )


class LocalChainProcess:
    """Runs `python -m bot.localnet` on a data directory; `arguments` are its other options."""

    def __init__(self, directory: Path, port: int, arguments: list[str]) -> None:
        self._directory, self._port, self._arguments = directory, port, arguments
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> LocalChainAddress:
        """Start the process and return when it answers; raises StartupError with its own last line when it ends first."""
        argv = [sys.executable, "-m", "bot.localnet", "--data-dir", str(self._directory), "--port", str(self._port)]
        argv += [*self._arguments, "--parent-pid", str(os.getpid())]
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self._directory / "log"
        with log.open("ab") as output:
            # In this thread and not by trio: the death signal follows the thread that forks.
            self._process = subprocess.Popen(  # noqa: ASYNC220
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        with trio.move_on_after(READY_WITHIN_S):
            while self._process.poll() is None:
                if address := self._address(self._process.pid):
                    return address
                await trio.sleep(READY_POLL_S)
            lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise StartupError(f"the local chain did not start: {lines[-1]}")
        raise StartupError(f"the local chain was not ready within {READY_WITHIN_S:.0f} s; see {log}")

    def _address(self, pid: int) -> LocalChainAddress | None:
        try:
            record = json.loads((self._directory / READY_FILE).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return _address_of(record) if record.get("pid") == pid else None

    async def died(self) -> int:
        """Wait until the process has ended; its exit code."""
        return await ended(self._running())

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after a while; returns when it is gone, or at once when it never ran."""
        process = self._process
        if process is None:
            return
        for step, patience_s in STOP_STEPS:
            if process.poll() is not None:
                return
            process.send_signal(step)
            with trio.move_on_after(patience_s):
                await self.died()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the local chain was never started")
        return self._process


def refuse_taken_port(port: int, endpoints: int) -> None:
    """Raise StartupError while a configured port, or one behind it, is in use; 0 is none.

    Each endpoint takes two ports in a row, for HTTP and for the WebSocket; the block engine and PumpPortal's stand-in after
    them, then the Geyser stream and the aggregator, DexScreener's and Birdeye's stand-ins, and last those of the services where
    people write and of those that count moods.
    """
    for number in range(port, port + 2 * (endpoints + 4)) if port else ():
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", number))
            except OSError as error:
                raise StartupError(
                    f"localnet.port = {port}: port {number} of 127.0.0.1 cannot be used: {error.strerror};"
                    " end what uses it, or leave localnet.port out and a free one is taken"
                ) from None


async def airdrop(post: Callable[[bytes], Awaitable[bytes]], lamports: int, address: str) -> None:
    """Play money from the local chain's faucet; raises StartupError when it refuses."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "requestAirdrop", "params": [address, lamports]}
    answer = json.loads(await post(json.dumps(request).encode()))
    if "error" in answer:
        raise StartupError(f"the local chain's faucet refused {lamports} lamports: {answer['error'].get('message')}")
