"""Keys from files, swapped while requests are under way: none is lost, none is shown, and a wrong one is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import h11
import msgspec
import pytest
import trio
from structlog.testing import capture_logs

from bot.chain.batches import open_transport
from bot.chain.endpoints import Endpoints
from bot.chain.engine_client import open_engine
from bot.chain.http_api import open_http_api
from bot.chain.key_file import KeyFile
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import WebSocketSubscriptions
from bot.clock import system_clock
from bot.errors import ChainUnavailable, StartupError
from bot.execution.alerts import Alert
from bot.execution.endpoint_watch import EndpointWatch

pytestmark = pytest.mark.usefixtures("private_files")

OLD, NEW, WRONG = "old-k3y", "new+k3y/2=", "wr0ng-k3y"
IN_PATH = {OLD: "old-k3y", NEW: "new%2Bk3y%2F2%3D", WRONG: "wr0ng-k3y"}
WITHIN_S = 10
DEADLINE_S = 5.0
GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"


@dataclass
class Door:
    """An HTTP service that answers who has a key, once it is let go, and keeps what came with which key."""

    accepted: set[str]
    heard: list[str] = field(default_factory=list)
    go: trio.Event = field(default_factory=trio.Event)
    slot: int = 100
    port: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            async with stream:
                while (request := await _request(connection, stream)) is not None:
                    key, method = request
                    self.heard.append(key)
                    await self.go.wait()
                    status, body = (200, self._answer(method)) if key in self.accepted else (401, b"{}")
                    for part in (
                        h11.Response(status_code=status, headers=[("content-length", str(len(body)))]),
                        h11.Data(data=body),
                        h11.EndOfMessage(),
                    ):
                        await stream.send_all(connection.send(part) or b"")
                    connection.start_next_cycle()
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            return

    def _answer(self, method: str) -> bytes:
        self.slot += 1
        told = {"getGenesisHash": GENESIS, "getTipAccounts": [GENESIS]}.get(method, self.slot)
        return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": told})


async def _request(connection: h11.Connection, stream: trio.SocketStream) -> tuple[str, str] | None:
    """The key of the next request, from its path or a header, and its JSON-RPC method; None at the end."""
    key, body = "", b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(65_536))
        elif isinstance(event, h11.Request):
            headers = {bytes(name): bytes(value) for name, value in event.headers}
            told = headers.get(b"x-api-key", headers.get(b"x-jito-auth"))
            key = event.target.decode().partition("key=")[2] if told is None else told.decode()
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return key, msgspec.json.decode(body)["method"] if body else ""
        else:
            return None


@asynccontextmanager
async def doors(count: int = 1) -> AsyncIterator[list[Door]]:
    """So many services, which accept the old key and answer at once."""
    made = [Door({OLD}) for _ in range(count)]
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            for door in made:
                door.go.set()
                listeners = await nursery.start(partial(trio.serve_tcp, door.serve, 0, host="127.0.0.1"))
                door.port = listeners[0].socket.getsockname()[1]
            yield made
            nursery.cancel_scope.cancel()


def key_file(folder: Path, key: str = OLD) -> KeyFile:
    (folder / "key").write_text(f"{key}\n")
    return KeyFile(folder / "key", "key_file of rpc-1")


async def swapped(folder: Path, file: KeyFile, key: str) -> None:
    """The file is replaced by one with another key, and that is found."""
    new = trio.Path(folder / "key.new")
    await new.write_text(f"{key}\n")
    await new.replace(folder / "key")
    await file.look()
    await file.look()


async def test_a_swap_loses_no_request_and_those_on_their_way_end_on_the_old_key(tmp_path: Path) -> None:
    file, slots = key_file(tmp_path), list[int]()
    async with doors() as [door], AsyncExitStack() as opened:
        url = f"http://127.0.0.1:{door.port}/?key={{key}}"
        client = RpcClient(await opened.enter_async_context(open_transport(url, batch=1, key=file.text)), DEADLINE_S)

        async def ask() -> None:
            slots.append(await client.slot())

        door.go = trio.Event()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
            while len(door.heard) < 5:
                await trio.sleep(0.001)
            await swapped(tmp_path, file, NEW)
            for _ in range(5):
                nursery.start_soon(ask)
            while len(door.heard) < 10:
                await trio.sleep(0.001)
            door.accepted = {OLD, IN_PATH[NEW]}
            door.go.set()
        assert len(slots) == 10
        assert door.heard == [OLD] * 5 + [IN_PATH[NEW]] * 5


async def test_a_wrong_key_is_told_by_health_and_an_alert_and_the_old_one_is_used_no_more(tmp_path: Path) -> None:
    file, told, shown = key_file(tmp_path), list[Alert](), list[str]()
    with capture_logs() as logged:
        async with doors(2) as [first, second], AsyncExitStack() as opened:
            urls = (f"http://127.0.0.1:{first.port}/?key={{key}}", f"http://127.0.0.1:{second.port}/?key={OLD}")
            transports = [
                await opened.enter_async_context(open_transport(url, batch=100, key=key))
                for url, key in zip(urls, (file.text, None), strict=True)
            ]
            pool = Endpoints([RpcClient(transport, DEADLINE_S) for transport in transports], system_clock())
            file.tell(partial(pool.new_key, 0))
            watch = EndpointWatch(told.append, Brakes())

            async def look() -> str:
                shown.append(await pool.probe())
                watch.look(pool.health())
                shown.append(repr(pool.health()))
                return pool.health()[0].state

            await pool.admit(None)
            assert await look() == "up"
            await swapped(tmp_path, file, WRONG)
            assert await look() == "unauthorized"
            assert "its key is not accepted" in pool.health()[0].detail
            assert await pool.first(RpcClient.finalized_slot) > 0
            with pytest.raises(ChainUnavailable) as refused:
                await pool._endpoints[0].ask(RpcClient.finalized_slot)
            shown.append(f"{refused.value!r} {refused.value.__cause__!r}")
            assert set(first.heard[first.heard.index(WRONG) :]) == {WRONG}
            await swapped(tmp_path, file, OLD)
            assert await look() == "up"
    assert [alert.key for alert in told] == [f"key 127.0.0.1:{first.port}"] * 2
    assert "does not take its key" in told[0].text
    assert "takes its key again" in told[1].text
    everything = f"{logged} {shown} {told} {file!r}"
    assert [one["event"] for one in logged].count("key_changed") == 2
    assert not [key for key in (OLD, WRONG) if key in everything]


class Brakes:
    """A guard that nobody asks for anything here."""

    def pause(self, name: str, *, by: str, why: str) -> None:
        raise AssertionError(name)

    def resume(self, name: str) -> None:
        assert name == "rpc_budget"


async def test_a_key_that_asked_for_rest_does_not_make_the_next_one_wait(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    async with doors() as [door], AsyncExitStack() as opened:
        url = f"http://127.0.0.1:{door.port}/?key={{key}}"
        transport = await opened.enter_async_context(open_transport(url, batch=1, key=file.text))
        pool = Endpoints([RpcClient(transport, DEADLINE_S)], system_clock())
        file.tell(partial(pool.new_key, 0))
        await pool.probe()
        pool._endpoints[0]._breaker.asked_to_wait(trio.current_time(), 3_600)
        with pytest.raises(ChainUnavailable):
            await pool.probe()
        door.accepted = {IN_PATH[NEW]}
        await swapped(tmp_path, file, NEW)
        await pool.probe()
        assert pool.health()[0].state == "up"


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb", "k" * 2_000, "\x00\x01", "schlüssel"])
async def test_a_file_without_a_key_changes_nothing_and_is_told(tmp_path: Path, content: str) -> None:
    file = key_file(tmp_path)
    with trio.fail_after(WITHIN_S):
        for what in (lambda: (tmp_path / "key").write_text(content), (tmp_path / "key").unlink):
            what()
            await file.look()
            await file.look()
            assert file.text() == OLD
            assert file.trouble.endswith("the key from before is used")
            assert not content.strip() or content not in file.trouble
        await swapped(tmp_path, file, NEW)
    assert (file.text(), file.trouble) == (NEW, "")


async def test_a_key_that_is_being_written_is_not_used_by_half(tmp_path: Path) -> None:
    file, heard = key_file(tmp_path), list[str]()
    file.tell(lambda: heard.append(file.text()))
    with trio.fail_after(WITHIN_S):
        for written in ("new", "new+k3", NEW, NEW, NEW):
            await trio.Path(tmp_path / "key").write_text(written)
            await file.look()
    assert heard == [NEW]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_refused_with_its_cure(tmp_path: Path, mode: int) -> None:
    (tmp_path / "key").write_text(OLD)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(StartupError, match=r"^jupiter.key_file: .*/key can be read by others; run chmod 600 on it$"):
        KeyFile(tmp_path / "key", "jupiter.key_file")


async def test_a_new_key_that_others_may_read_is_not_taken_until_it_is_guarded(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    (tmp_path / "key").write_text(NEW)
    (tmp_path / "key").chmod(0o644)
    with trio.fail_after(WITHIN_S):
        for _ in range(2):
            await file.look()
        assert (file.text(), "run chmod 600 on it" in file.trouble) == (OLD, True)
        (tmp_path / "key").chmod(0o600)
        for _ in range(2):
            await file.look()
    assert (file.text(), file.trouble) == (NEW, "")


def test_a_credential_of_systemd_shows_its_access_list_as_bits_of_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(OLD)
    (tmp_path / "key").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    if (tmp_path / "key").stat().st_uid != 0:
        pytest.skip("only root makes files that belong to root")
    assert KeyFile(tmp_path / "key", "jupiter.key_file").text() == OLD


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_a_start_without_its_key_names_the_file_and_the_cure(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    with pytest.raises(StartupError, match=r"^jupiter.key_file: .*/key .*; put the key there, alone on one line$"):
        KeyFile(tmp_path / "key", "jupiter.key_file")


async def test_the_aggregator_and_the_block_engine_hear_the_new_key(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    async with doors(2) as [router, engine]:
        engine.accepted = {OLD, NEW}
        async with (
            open_http_api(f"http://127.0.0.1:{router.port}", file.text) as api,
            open_engine(f"http://127.0.0.1:{engine.port}", file.text) as client,
        ):
            assert (await api.ask("GET", "/quote"))[0] == 200
            await client.tip_accounts()
            await swapped(tmp_path, file, NEW)
            with pytest.raises(ChainUnavailable, match="its key is not accepted"):
                await api.ask("GET", "/quote")
            await client.tip_accounts()
        assert (router.heard, engine.heard) == ([OLD, NEW], [OLD, NEW])


async def test_a_stream_that_is_opened_again_carries_the_new_key(tmp_path: Path) -> None:
    file = key_file(tmp_path)

    async def hear_nothing(_: object) -> None:
        raise AssertionError("nothing is told here")

    async with doors() as [door]:
        source = WebSocketSubscriptions(f"ws://127.0.0.1:{door.port}/?key={{key}}", key=file.text)
        for key in (OLD, NEW):
            await swapped(tmp_path, file, key)
            with pytest.raises(ChainUnavailable) as refused:
                await source.follow([], hear_nothing, lambda: None)
            assert not [key for key in (OLD, NEW) if key in f"{refused.value!r} {source!r}"]
        assert door.heard == [OLD, IN_PATH[NEW]]
