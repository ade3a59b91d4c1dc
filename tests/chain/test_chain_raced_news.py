"""Subscriptions by name to two endpoints at a time: each tells once, and one that is lost, silent or cut off is replaced."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
import trio
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain.addresses import PUMP_PROGRAM, curve_address
from bot.chain.chain_news import EndpointNews
from bot.chain.endpoints import Endpoints
from bot.chain.pump_chain import PumpChain
from bot.chain.raced_news import RacedNews
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import Notification, OwnSubscriptions
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.heard_record import news_record
from bot.localnet.inprocess import InProcessChain
from bot.trading.venue import OwnVenue, same_reserves
from tests.chain.chain_doubles import InProcessSubscriptions, InProcessTransport, in_process_slot
from tests.localnet.localnet_scenario import SOL, pay, send, wallet
from tests.whole.crowd import Crowd


@dataclass(slots=True)
class Heard:
    """Implements `NewsListener`."""

    signatures: list[str] = field(default_factory=list)
    venues: list[tuple[str, OwnVenue]] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)

    def landed(self, signature: str) -> None:
        self.signatures.append(signature)

    def reserves(self, mint: str, venue: OwnVenue) -> None:
        self.venues.append((mint, venue))

    def doubt(self, mint: str) -> None:
        self.doubted.append(mint)


@dataclass(slots=True)
class Scene:
    chain: InProcessChain
    news: EndpointNews
    raced: RacedNews
    heard: Heard

    def pays(self) -> str:
        """Bytes that are on their way; their signature is wanted."""
        signature = send(self.chain, pay(self.chain, wallet(self.chain), Pubkey.new_unique(), SOL))
        self.news.want_signatures([signature])
        return signature

    async def until(self, condition: Callable[[], bool], within_s: float = 10) -> None:
        with trio.fail_after(within_s):
            while not condition():
                await trio.sleep(0.05)


@asynccontextmanager
async def scene(*, endpoints: int = 3, most: int = 90) -> AsyncIterator[Scene]:
    chain = InProcessChain(seed=3, endpoints=endpoints)
    sources = [
        OwnSubscriptions(InProcessSubscriptions(chain, place), lambda: False, teller=f"rpc-{place + 1}")
        for place in range(endpoints)
    ]
    raced = RacedNews(sources, in_process_slot(chain), silence_s=2)
    made = Scene(chain, EndpointNews(raced, most=most, others=endpoints > 1), raced, Heard())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.run)
        nursery.start_soon(made.news.follow, made.heard)
        await made.until(lambda: raced.statistics().stand == min(2, endpoints))
        yield made
        nursery.cancel_scope.cancel()


async def test_a_signature_is_told_by_each_of_two_once_it_is_confirmed(autojump_clock: MockClock) -> None:
    async with scene() as world:
        signature = world.pays()
        await world.until(lambda: len(world.heard.signatures) == 2)
        await trio.sleep(5)
        world.news.want_signatures([signature])
        await trio.sleep(5)
        assert world.heard.signatures == [signature] * 2
        assert world.raced.statistics().lost == 0


async def test_one_endpoint_alone_is_followed_once(autojump_clock: MockClock) -> None:
    async with scene(endpoints=1) as world:
        signature = world.pays()
        await trio.sleep(5)
        assert world.heard.signatures == [signature]


async def test_status_tells_how_many_connections_stand_and_what_ended_the_last(autojump_clock: MockClock) -> None:
    async with scene() as world:
        world.pays()
        record = news_record(world.news)
        assert record["health"] == "up"
        assert re.fullmatch(
            r"2 of 2 connections stand; signatures and accounts asked for: 1; heard 0\.\d s ago", record["detail"]
        )
        world.chain.set_fault("stream-drop", for_s=10)
        await trio.sleep(5)
        record = news_record(world.news)
        assert (record["health"], "0 of 2 connections" in record["detail"]) == ("down", True)
        assert world.news.health().trouble
        assert world.news.health().trouble in record["detail"]
        await world.until(lambda: news_record(world.news)["health"] == "up", within_s=30)
    assert news_record(None)["health"] == "off"


async def test_what_landed_while_nobody_was_followed_is_told_afterwards(autojump_clock: MockClock) -> None:
    async with scene() as world:
        world.chain.set_fault("stream-drop", for_s=4)
        signature = world.pays()
        await trio.sleep(3)
        assert world.heard.signatures == []
        await world.until(lambda: signature in world.heard.signatures)


async def test_silent_streams_and_endpoints_that_are_cut_off_give_way_to_one_that_tells(
    autojump_clock: MockClock,
) -> None:
    for fault in ("stream-silent", "stale"):
        async with scene() as world:
            signature = world.pays()
            for endpoint in ("rpc-1", "rpc-2"):
                world.chain.set_fault(fault, for_s=60, endpoint=endpoint)
            await world.until(lambda told=world.heard.signatures: bool(told), within_s=8)  # type: ignore[misc]
            assert set(world.heard.signatures) == {signature}
            assert world.raced.statistics().lost > 0


async def test_notifications_out_of_order_tell_the_same(autojump_clock: MockClock) -> None:
    async with scene() as world:
        world.chain.set_fault("reorder", for_s=60)
        signature = world.pays()
        await world.until(lambda: world.heard.signatures == [signature] * 2)
        assert world.raced.statistics().lost == 0


async def test_more_than_a_connection_takes_is_left_out_and_what_has_gone_makes_room(
    autojump_clock: MockClock,
) -> None:
    async with scene(most=2) as world:
        payer = wallet(world.chain)
        sent = [send(world.chain, pay(world.chain, payer, Pubkey.new_unique(), SOL + one)) for one in range(3)]
        world.news.want_signatures(sent)
        await world.until(lambda: len(world.heard.signatures) == 4)
        assert set(world.heard.signatures) == set(sent[:2])
        world.news.want_signatures(sent[2:])
        await world.until(lambda: sent[2] in world.heard.signatures)


async def test_a_curve_tells_the_reserves_that_its_trades_tell_as_its_endpoints_word(autojump_clock: MockClock) -> None:
    async with scene() as world:
        chain = PumpChain(
            Endpoints(
                [RpcClient(InProcessTransport(world.chain), 2.5)], virtual_clock(trio.current_time, epoch_ms=0, seed=1)
            )
        )
        crowd = Crowd(world.chain)
        mint, other = crowd.launch(), crowd.launch()
        await trio.sleep(1)
        world.news.want_reserves([mint], [])
        await trio.sleep(1)
        crowd.buy(mint, 7, SOL)
        crowd.buy(other, 8, SOL)
        await world.until(lambda: len(world.heard.venues) == 2)
        await trio.sleep(2)
        shown = await chain.venue(mint)
        assert [named for named, _ in world.heard.venues] == [mint, mint]
        assert all(same_reserves(venue, shown) for _, venue in world.heard.venues)
        assert {venue.told_by for _, venue in world.heard.venues} == {"rpc-1", "rpc-2"}
        assert len({venue.slot for _, venue in world.heard.venues}) == 1
        assert world.heard.doubted == []
        world.news.want_reserves([], [])
        await trio.sleep(1)
        crowd.buy(mint, 9, SOL)
        await trio.sleep(3)
        assert len(world.heard.venues) == 2


async def test_a_new_connection_doubts_what_is_wanted_and_a_pool_is_read_and_not_told(
    autojump_clock: MockClock,
) -> None:
    async with scene(endpoints=1) as world:
        crowd = Crowd(world.chain)
        mint = crowd.launch()
        await trio.sleep(1)
        world.news.want_reserves([], [mint])
        await trio.sleep(1)
        crowd.finish(mint, 7)
        await world.until(lambda: world.heard.doubted[:1] == [mint], within_s=60)
        await trio.sleep(2)
        doubts = len(world.heard.doubted)
        crowd.sell_all_in_pool(mint, 7)
        await world.until(lambda: len(world.heard.doubted) > doubts)
        await trio.sleep(2)
        doubts = len(world.heard.doubted)
        world.chain.set_fault("stream-drop", for_s=1)
        await world.until(lambda: len(world.heard.doubted) > doubts)
        assert world.heard.venues == []


async def test_a_curve_that_nobody_can_read_is_doubted_and_one_of_another_shape_ends_the_connection(
    autojump_clock: MockClock,
) -> None:
    async with scene() as world:
        crowd = Crowd(world.chain)
        mint = crowd.launch()
        await trio.sleep(1)
        world.news.want_reserves([mint], [])
        account = curve_address(mint)
        value = {"lamports": 1, "data": ["AAAA", "base64"], "owner": str(PUMP_PROGRAM)}
        for strange in (value, value | {"data": ["AAAA", "base58"]}, value | {"owner": mint}):
            told = msgspec.json.encode({"context": {"slot": 1}, "value": strange})
            world.news.take("rpc-1", Notification("accountNotification", msgspec.Raw(told), account))
        assert world.heard.doubted == [mint] * 3
        with pytest.raises(ChainUnavailable, match="another shape"):
            world.news.take("rpc-1", Notification("accountNotification", msgspec.Raw(b"{}"), account))
        world.news.take("rpc-1", Notification("accountNotification", msgspec.Raw(b"{}"), "nobody's"))


async def test_held_tokens_leave_a_third_of_a_connection_to_signatures(autojump_clock: MockClock) -> None:
    async with scene(most=6) as world:
        crowd = Crowd(world.chain)
        mints = [crowd.launch() for _ in range(6)]
        await trio.sleep(1)
        world.news.want_reserves(mints, [])
        payer = wallet(world.chain)
        sent = [send(world.chain, pay(world.chain, payer, Pubkey.new_unique(), SOL + one)) for one in range(3)]
        world.news.want_signatures(sent)
        await trio.sleep(1)
        for number, mint in enumerate(mints):
            crowd.buy(mint, 20 + number, SOL)
        await trio.sleep(4)
        assert {mint for mint, _ in world.heard.venues} == set(mints[:4])
        assert set(world.heard.signatures) == set(sent[:2])
