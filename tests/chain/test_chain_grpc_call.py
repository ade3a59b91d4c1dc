"""A gRPC call over real sockets: the local chain's Geyser stream, refusals, and peers that speak something else."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import pytest
import trio
from solders.pubkey import Pubkey

from bot.chain.geyser import SUBSCRIBE
from bot.chain.geyser_stream import GeyserLaunches
from bot.chain.grpc_call import CallEnded, Target, open_call, target_of
from bot.chain.launch_sources import LaunchSources
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import system_clock
from bot.errors import ChainUnavailable, StartupError
from bot.ports import WalletTold
from tests.chain.chain_scenario import SOL, real_world


async def test_the_stream_is_heard_over_its_socket(localnet: dict[str, Any]) -> None:
    target = target_of(localnet["grpc_url"])
    with trio.fail_after(20):
        async with real_world(localnet["http_url"], localnet["ws_url"]) as world:
            subscribe = partial(open_call, target, SUBSCRIBE, [("x-token", "any")])
            source = GeyserLaunches(subscribe, lambda: 0, system_clock(), silence_s=10)
            async with LaunchSources([source], system_clock()).events() as events:
                mint = await world.launched(await world.funded())
                while (await anext(events)).mint != mint:
                    pass
        with pytest.raises(CallEnded, match="status 12: unknown method"):
            async with open_call(target, "/geyser.Geyser/Sing") as call:
                await call.receive()
        with pytest.raises(CallEnded, match="status 3"):
            async with open_call(target, SUBSCRIBE) as call:
                await call.send(b"\xff")
                await call.receive()


async def test_ten_thousand_wallets_are_followed_over_one_call(localnet: dict[str, Any]) -> None:
    crowd = [str(Pubkey.new_unique()) for _ in range(9_999)]
    covered, told = trio.Event(), trio.Event()
    lost: list[str] = []

    class Ear:
        def hinted(self, address: str, signature: str) -> None:
            raise AssertionError(f"{address} hinted by {signature}")

        def covers(self, addresses: Collection[str], slot: int) -> None:
            assert len(addresses) in {1, 9_999}
            assert slot > 0
            if len(addresses) == 1:
                covered.set()

        def lost(self, addresses: Collection[str], slot: int) -> None:
            lost.extend(addresses)

        def told(self, told_one: WalletTold) -> None:
            if told_one.swaps:
                assert told_one.address == trader
                told.set()

    subscribe = partial(open_call, target_of(localnet["grpc_url"]), SUBSCRIBE)
    news = GeyserWallets(subscribe, lambda: 0, silence_s=10, per_call=10_000)
    with trio.fail_after(30):
        async with real_world(localnet["http_url"], localnet["ws_url"]) as world, trio.open_nursery() as nursery:
            wallet = await world.funded()
            trader = str(wallet.pubkey())
            news.want(crowd)
            nursery.start_soon(news.follow, Ear())
            mint = await world.launched(await world.funded())
            news.want([*crowd, trader])
            await covered.wait()
            await world.landed(wallet, await world.buy_order(wallet, mint, SOL // 10))
            await told.wait()
            health = news.health()
            assert (health.wallets, health.calls, health.calls_up, health.lost) == (10_000, 1, 1, 0)
            assert lost == []
            nursery.cancel_scope.cancel()
    assert len(lost) == 10_000


async def test_peers_that_speak_no_http2_or_hang_up_are_told_as_trouble() -> None:
    async def garbage(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.receive_some()

    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some(10)
        await stream.aclose()

    for handler in (garbage, hang_up):
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
                nursery.start_soon(trio.serve_listeners, handler, [listener])
                port = listener.socket.getsockname()[1]
                with pytest.raises(ChainUnavailable, match=f"127.0.0.1:{port}: the connection"):
                    async with open_call(Target("127.0.0.1", port, is_tls=False), SUBSCRIBE) as call:
                        await call.receive()
                nursery.cancel_scope.cancel()
    with trio.fail_after(10), pytest.raises(ChainUnavailable, match="the connection failed"):
        async with open_call(Target("127.0.0.1", port, is_tls=False), SUBSCRIBE):
            raise AssertionError("nobody listens there any more")


@pytest.mark.parametrize("url", ["", "ws://a.test", "http://", "https://a.test:x"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(StartupError, match="grpc_url"):
        target_of(url)
