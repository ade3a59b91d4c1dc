"""WebSocket endpoints that stay mute, refuse, babble or leave, on real sockets: one typed error, never a silent end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from bot.chain.subscriptions import Notification, Subscribe, WebSocketSubscriptions, Wishes
from bot.errors import ChainUnavailable
from tests.leaks.detect import MARK

SECRET = f"key-{MARK}"
TEST_DEADLINE_S = 10
WANTED = (Subscribe("logsSubscribe", ["all"]), Subscribe("slotSubscribe", []))
NOTE = b'{"jsonrpc":"2.0","method":"slotNotification","params":{"result":{"slot":7},"subscription":2}}'

Script = Callable[[WebSocketConnection], Awaitable[None]]


@asynccontextmanager
async def _server(script: Script) -> AsyncIterator[WebSocketSubscriptions]:
    async def handle(request: WebSocketRequest) -> None:
        try:
            await script(await request.accept())
        except ConnectionClosed:
            return

    with trio.fail_after(TEST_DEADLINE_S):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve_websocket, handle, "127.0.0.1", 0, None)
            yield _source(server.port)
            nursery.cancel_scope.cancel()


def _source(port: int) -> WebSocketSubscriptions:
    return WebSocketSubscriptions(f"ws://user:{SECRET}@127.0.0.1:{port}/?key={SECRET}", connect_timeout_s=0.3)


async def _answer_requests(connection: WebSocketConnection) -> None:
    for number in range(len(WANTED)):
        request = msgspec.json.decode(await connection.get_message())
        assert request["method"] == WANTED[number].method
        await connection.send_message(f'{{"jsonrpc":"2.0","id":{request["id"]},"result":{number + 1}}}')


async def _followed(source: WebSocketSubscriptions) -> tuple[str, list[Notification], bool]:
    """What ended the subscription, what came before, and whether it had stood."""
    seen: list[Notification] = []
    stood = trio.Event()

    async def deliver(notification: Notification) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(notification)

    with pytest.raises(ChainUnavailable) as raised:
        await source.follow(WANTED, deliver, stood.set)
    assert SECRET not in f"{raised.value} {raised.value.__cause__!r} {source!r}"
    return str(raised.value), seen, stood.is_set()


async def test_notifications_come_in_order_until_the_server_leaves() -> None:
    async def script(connection: WebSocketConnection) -> None:
        await _answer_requests(connection)
        for _ in range(3):
            await connection.send_message(NOTE.decode())
        await connection.aclose()

    async with _server(script) as source:
        told, seen, stood = await _followed(source)
    assert "ConnectionClosed" in told
    assert [(one.method, bytes(one.result)) for one in seen] == [("slotNotification", b'{"slot":7}')] * 3
    assert stood


async def test_a_server_that_accepts_and_stays_mute_is_given_up() -> None:
    async def mute(stream: trio.SocketStream) -> None:
        async with stream:
            await trio.sleep_forever()

    with trio.fail_after(TEST_DEADLINE_S):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, mute, 0)
            told, _, stood = await _followed(_source(listeners[0].socket.getsockname()[1]))
            nursery.cancel_scope.cancel()
    assert told.endswith("no subscription within 0.3 s")
    assert not stood


async def test_a_server_that_never_answers_the_requests_is_given_up() -> None:
    async def script(connection: WebSocketConnection) -> None:
        await trio.sleep_forever()

    async with _server(script) as source:
        told, _, stood = await _followed(source)
    assert told.endswith("no subscription within 0.3 s")
    assert not stood


async def test_a_connection_that_is_refused() -> None:
    async with _server(_answer_requests) as source:
        pass
    told, _, stood = await _followed(source)
    assert "the subscription ended" in told
    assert not stood


async def test_a_handshake_that_is_refused() -> None:
    async def forbid(request: WebSocketRequest) -> None:
        await request.reject(403)

    with trio.fail_after(TEST_DEADLINE_S):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve_websocket, forbid, "127.0.0.1", 0, None)
            told, _, _ = await _followed(_source(server.port))
            nursery.cancel_scope.cancel()
    assert "ConnectionRejected" in told


async def test_a_subscription_that_is_refused() -> None:
    async def script(connection: WebSocketConnection) -> None:
        await connection.get_message()
        await connection.send_message('{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"Method not found"}}')
        await trio.sleep_forever()

    async with _server(script) as source:
        told, _, stood = await _followed(source)
    assert "a subscription was refused: Method not found" in told
    assert not stood


@pytest.mark.parametrize("message", ["hello", "[1]", '{"id":"x"}', '{"method":7}'])
async def test_a_message_that_is_no_json_rpc(message: str) -> None:
    async def script(connection: WebSocketConnection) -> None:
        await _answer_requests(connection)
        await connection.send_message(message)
        await trio.sleep_forever()

    async with _server(script) as source:
        told, _, _ = await _followed(source)
    assert "no JSON-RPC" in told


async def test_a_pinging_server_and_a_reader_that_lags_end_in_nothing_worse_than_a_loss() -> None:
    """trio-websocket 0.12.2 can leak a Cancelled of its own here, which would end us without an error."""

    async def script(connection: WebSocketConnection) -> None:
        await _answer_requests(connection)
        for _ in range(700):
            await connection.send_message(NOTE.decode())
        with trio.move_on_after(0.2):
            await connection.ping()
        await connection.aclose()

    async with _server(script) as source:
        seen = 0

        async def deliver(notification: Notification) -> None:
            nonlocal seen
            seen += 1
            if seen == 1:
                await trio.sleep(0.3)

        with pytest.raises(ChainUnavailable):
            await source.follow(WANTED, deliver, lambda: None)
    assert seen


async def test_who_cancels_is_obeyed() -> None:
    async def script(connection: WebSocketConnection) -> None:
        await _answer_requests(connection)
        await trio.sleep_forever()

    async with _server(script) as source:
        with trio.CancelScope() as scope:

            async def deliver(notification: Notification) -> None:
                await trio.lowlevel.checkpoint()

            await source.follow(WANTED, deliver, scope.cancel)
        assert scope.cancelled_caught


async def test_what_is_wanted_by_name_comes_and_goes_on_a_connection_that_stands() -> None:
    asked: list[str] = []

    async def script(connection: WebSocketConnection) -> None:
        while True:
            request = msgspec.json.decode(await connection.get_message())
            asked.append(request["method"])
            await connection.send_message(f'{{"jsonrpc":"2.0","id":{request["id"]},"result":{request["id"] + 50}}}')
            if request["method"] == "signatureSubscribe":
                await connection.send_message(
                    '{"jsonrpc":"2.0","method":"signatureNotification",'
                    f'"params":{{"result":{{}},"subscription":{request["id"] + 50}}}}}'
                )

    wishes = Wishes([Subscribe("slotSubscribe", [])])
    told: list[Notification] = []

    async with _server(script) as source, trio.open_nursery() as nursery:

        async def deliver(notification: Notification) -> None:
            await trio.lowlevel.checkpoint()
            told.append(notification)
            wishes.want({})

        def opened() -> None:
            wishes.want({"s": Subscribe("signatureSubscribe", ["s"]), "a": Subscribe("accountSubscribe", ["a"])})

        nursery.start_soon(source.follow, wishes, deliver, opened)
        while "accountUnsubscribe" not in asked:
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert [(one.method, one.about) for one in told] == [("signatureNotification", "s")]
    assert asked == ["slotSubscribe", "signatureSubscribe", "accountSubscribe", "accountUnsubscribe"]


async def test_a_connection_that_is_lost_while_others_are_wanted_is_a_loss_and_no_more() -> None:
    async def script(connection: WebSocketConnection) -> None:
        await connection.get_message()
        await connection.send_message('{"jsonrpc":"2.0","id":0,"result":7}')
        await connection.get_message()
        await connection.aclose()

    wishes = Wishes([Subscribe("slotSubscribe", [])])

    async def deliver(notification: Notification) -> None:
        await trio.lowlevel.checkpoint()

    async with _server(script) as source:
        with pytest.raises(ChainUnavailable, match="ConnectionClosed"):
            await source.follow(wishes, deliver, lambda: wishes.want({"a": Subscribe("accountSubscribe", ["a"])}))
