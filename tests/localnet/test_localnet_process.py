"""The chain as a real process: it starts, is broken and mended, dies, comes back, and ends with its parent."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from bot.localnet import main

DEADLINE_S = 20
SLOT_MS = 20


def post(url: str, method: str, params: tuple[Any, ...]) -> Any:
    """One JSON-RPC request on a connection of its own, blocking."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)) as connection:
        connection.request("POST", "/", body)
        return json.loads(connection.getresponse().read())


class Chain:
    """A chain's process on a data directory, and a client of it."""

    def __init__(self, directory: Path, *more: str) -> None:
        self.directory = directory
        self.argv = [
            sys.executable,
            "-m",
            "bot.localnet",
            "--data-dir",
            str(directory),
            "--slot-ms",
            str(SLOT_MS),
            *more,
        ]
        self.process: trio.Process | None = None
        self.ready: dict[str, Any] = {}

    async def start(self) -> None:
        self.process = await trio.lowlevel.open_process(self.argv, stdout=subprocess.PIPE)
        line = b""
        while not line.endswith(b"\n"):
            line += await self.process.stdout.receive_some()
        assert line.startswith(b"localnet: http://")
        self.ready = json.loads((self.directory / "localnet.json").read_text())
        assert self.ready["pid"] == self.process.pid

    async def end(self, sent: signal.Signals) -> int:
        self.process.send_signal(sent)
        code = await self.process.wait()
        await self.process.stdout.aclose()
        return code

    async def call(self, method: str, *params: Any) -> Any:
        answer = await trio.to_thread.run_sync(post, self.ready["http_url"], method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def slot(self) -> int:
        return await self.call("getSlot", {"commitment": "processed"})

    async def after(self, slot: int) -> None:
        """Wait until the chain has gone on beyond a slot."""
        async with open_websocket_url(self.ready["ws_url"]) as stream:
            await stream.send_message(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "slotSubscribe"}))
            while True:
                message = json.loads(await stream.get_message())
                if message.get("method") == "slotNotification" and message["params"]["result"]["slot"] > slot:
                    return


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(tmp_path / "c", "--no-market", "--seed", "4")
    yield chain
    if chain.process is not None and chain.process.poll() is None:
        chain.process.kill()


def verb(chain: Chain, *arguments: str) -> int:
    return main([*arguments, "--data-dir", str(chain.directory)])


async def test_a_chain_survives_kill_and_keeps_what_had_landed(chain: Chain) -> None:
    with trio.fail_after(DEADLINE_S):
        await chain.start()
        signature = await chain.call("requestAirdrop", "So11111111111111111111111111111111111111112", 5_000_000)
        await chain.after(await chain.slot() + 2)
        assert await chain.end(signal.SIGKILL) == -signal.SIGKILL
        before = chain.ready
        await chain.start()
        assert chain.ready["genesis_hash"] == before["genesis_hash"]
        (status,) = (await chain.call("getSignatureStatuses", [signature], {"searchTransactionHistory": True}))["value"]
        assert status["err"] is None
        assert await chain.slot() >= status["slot"]
        await chain.after(await chain.slot() + 2)
        assert await chain.end(signal.SIGTERM) == 0
        assert not (chain.directory / "localnet.json").exists()


async def test_a_second_chain_on_the_same_directory_is_refused_in_one_line(chain: Chain) -> None:
    with trio.fail_after(DEADLINE_S):
        await chain.start()
        second = await trio.run_process(chain.argv, capture_stderr=True, check=False)
        assert second.returncode == 1
        assert second.stderr.decode().count("\n") == 1
        assert b"another local chain runs" in second.stderr
        await chain.end(signal.SIGINT)


async def test_a_taken_port_is_refused_in_one_line(chain: Chain) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        chain.argv += ["--port", str(taken.getsockname()[1])]
        with trio.fail_after(DEADLINE_S):
            refused = await trio.run_process(chain.argv, capture_stderr=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.decode().count("\n") == 1
    assert b"cannot be used" in refused.stderr


async def test_an_outage_drops_connections_refuses_new_ones_and_ends(chain: Chain) -> None:
    with trio.fail_after(DEADLINE_S):
        await chain.start()
        async with open_websocket_url(chain.ready["ws_url"]) as stream:
            assert await trio.to_thread.run_sync(verb, chain, "fault", "rpc-down", "--for", "10m") == 0
            with pytest.raises(ConnectionClosed):
                await stream.get_message()
            with pytest.raises(ConnectionError):
                await chain.slot()
            assert await trio.to_thread.run_sync(verb, chain, "clear") == 0
        first = await chain.slot()
        assert await trio.to_thread.run_sync(verb, chain, "fault", "rpc-down", "--for", "50ms") == 0
        while True:
            try:
                assert await chain.slot() > first
                break
            except ConnectionError:
                await trio.sleep(0.01)
        await chain.end(signal.SIGTERM)


async def test_status_and_faults_speak_to_the_running_chain(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    with trio.fail_after(DEADLINE_S):
        await chain.start()
        assert await trio.to_thread.run_sync(verb, chain, "status", "--json") == 0
        status = json.loads(capsys.readouterr().out)["status"]
        assert status["genesis_hash"] == chain.ready["genesis_hash"]
        assert await trio.to_thread.run_sync(verb, chain, "fault", "rpc-slow", "--for", "1m", "--delay-ms", "1") == 0
        assert "rpc-slow" in capsys.readouterr().out
        assert await trio.to_thread.run_sync(verb, chain, "fault", "meteor", "--for", "1m") == 1
        assert "known: birdeye-down, birdeye-lies, bundle-drop, cut-logs, " in capsys.readouterr().err
        fork = ("fault", "fork", "--slots", "1", "--lost-percent", "0", "--json")
        while await trio.to_thread.run_sync(verb, chain, *fork):
            await trio.sleep(0.01)  # the first block is not made yet
        assert len(json.loads(capsys.readouterr().out)["fork"]["skipped_slots"]) == 1
        while await trio.to_thread.run_sync(verb, chain, *fork[:-1]):
            await trio.sleep(0.01)  # the next block is not made yet
        assert "lost" in (told := capsys.readouterr().out)
        assert len(told.splitlines()) == 3
        assert await trio.to_thread.run_sync(verb, chain, "fault", "fork", "--slots", "99") == 1
        assert "are not finalized" in capsys.readouterr().err
        wrong = ("fault", "rpc-down", "--for", "1m", "--endpoint", "rpc-9")
        assert await trio.to_thread.run_sync(verb, chain, *wrong) == 1
        assert "unknown endpoint rpc-9, perhaps rpc-1; known: rpc-1, engine, " in capsys.readouterr().err
        silent = ("fault", "stream-silent", "--source", "grpc", "--for", "1m", "--json")
        assert await trio.to_thread.run_sync(verb, chain, *silent) == 0
        assert [one["endpoint"] for one in json.loads(capsys.readouterr().out)["faults"]] == ["rpc-1", "grpc"]
        assert await trio.to_thread.run_sync(verb, chain, "fault", "drop-tx", "--source", "logs", "--for", "1m") == 2
        assert "--source is for faults of streams" in capsys.readouterr().err
        await chain.end(signal.SIGTERM)
    assert verb(chain, "status") == 3
    assert "no local chain answers" in capsys.readouterr().err


async def test_a_chain_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    directory = tmp_path / "c"
    script = (
        "import os, subprocess, sys\n"
        f"argv = [sys.executable, '-m', 'bot.localnet', '--data-dir', {str(directory)!r}, '--no-market']\n"
        "argv += ['--slot-ms', '20', '--parent-pid', str(os.getpid())]\n"
        "chain = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)\n"
        "print(chain.pid, chain.stdout.readline().decode(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    with trio.fail_after(DEADLINE_S):
        parent = await trio.run_process([sys.executable, "-c", script], capture_stdout=True, check=False)
        assert parent.returncode == -signal.SIGKILL
        pid = int(parent.stdout.split()[0])
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            await trio.lowlevel.wait_readable(handle)
        finally:
            os.close(handle)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--port", "99999"], "no port"),
        (["--slot-ms", "0"], "no slot length"),
        (["--endpoints", "0"], "no number of endpoints"),
        (["--speed", "-1"], "no speed"),
        (["--seed", "9" * 20], "no seed"),
        (["--genesis-hash", "mainnet"], "no hash in base58"),
        (["fault", "rpc-down"], "--for"),
        (["fault", "rpc-down", "--for", "soon"], "no duration"),
        (["--no-market", "--market", "x.csv"], "contradict"),
    ],
)
def test_wrong_usage_says_what_is_wrong(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data-dir", str(tmp_path), *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(tmp_path / ("d" * 120)), "--no-market"]) == 1
    assert "too long for a unix socket" in capsys.readouterr().err


def test_help_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--market" in capsys.readouterr().out


async def test_endpoints_take_ports_in_a_run_that_is_the_same_after_a_restart(tmp_path: Path) -> None:
    options = ("--no-market", "--endpoints", "3", "--parent-pid", str(os.getpid()))
    chain = Chain(tmp_path / "c", *options)
    with trio.fail_after(DEADLINE_S):
        await chain.start()
        first = chain.ready
        await chain.end(signal.SIGTERM)
        port = int(first["http_url"].rpartition(":")[2])
        again = Chain(chain.directory, *options, "--port", str(port))
        await again.start()
        assert again.ready["endpoints"] == first["endpoints"]
        assert [one["name"] for one in first["endpoints"]] == ["rpc-1", "rpc-2", "rpc-3"]
        for number, one in enumerate(first["endpoints"]):
            assert one["http_url"] == f"http://127.0.0.1:{port + 2 * number}"
            assert one["ws_url"] == f"ws://127.0.0.1:{port + 2 * number + 1}"
            answer = await trio.to_thread.run_sync(post, one["http_url"], "getGenesisHash", ())
            assert answer["result"] == first["genesis_hash"]
        await again.end(signal.SIGTERM)
