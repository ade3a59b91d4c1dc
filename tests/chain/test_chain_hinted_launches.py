"""Launches that a service only names: each is read from the chain, in order, within the budget, and once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, NoReturn

import pytest
import trio
from trio.testing import MockClock

from bot.chain.hinted_launches import HintedLaunches
from bot.chain.launch_sources import LaunchSources
from bot.chain.named_transactions import PAUSE_S, TRIES, Recorded
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable, DecodeError
from bot.localnet.inprocess import InProcessChain
from bot.market.pumpportal import open_portal
from bot.ports import LaunchHint, SourceLosses
from bot.trading.launch import CurveLeft, StreamEvent, TokenLaunch
from tests.chain.chain_doubles import in_process_sources
from tests.chain.chain_scenario import EPOCH_MS, SOL, real_world, virtual_world
from tests.chain.test_chain_events import TRADE
from tests.whole.crowd import Crowd

Records = dict[str, Any]


class Hints:
    """A service that names transactions at once and then says nothing."""

    name = "hints"
    tells_trades = True

    def __init__(self, *hints: LaunchHint) -> None:
        self._hints = hints

    async def follow(self, hinted: Callable[[LaunchHint], Awaitable[None]], alive: Callable[[], None]) -> NoReturn:
        alive()
        for hint in self._hints:
            await hinted(hint)
        await trio.sleep(100)
        raise ChainUnavailable("hints: silent")


def _named(*signatures: str, kind: Any = "trade") -> list[LaunchHint]:
    return [LaunchHint(kind, signature, "m") for signature in signatures]


class Ledger:
    """What the chain shows of each signature: seconds until it answers, and the answer. It keeps what it was asked."""

    def __init__(self, **answers: tuple[float, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def read(self, signature: str) -> Recorded | None:
        self.asked.append(signature)
        delay_s, answer = self.answers.get(signature, (0.0, None))
        await trio.sleep(delay_s)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _source(hints: Hints, ledger: Ledger, per_second: int = 1_000) -> HintedLaunches:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    return HintedLaunches(hints, ledger.read, clock, per_second=per_second)


async def _told(source: HintedLaunches) -> list[StreamEvent]:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    seen: list[StreamEvent] = []
    with pytest.raises(ChainUnavailable):
        async with LaunchSources([source], clock).events() as events:
            while True:
                seen.append(await anext(events))
    return seen


FOUND = Recorded(7, (TRADE,))


async def test_what_is_named_is_read_and_told_in_the_order_of_its_naming(autojump_clock: MockClock) -> None:
    ledger = Ledger(a=(2.0, FOUND), b=(0.0, FOUND), c=(1.0, FOUND))
    source = _source(Hints(*_named("a", "b", "a", "c")), ledger)
    seen = await _told(source)
    assert [event.signature for event in seen] == ["a", "b", "c"]
    assert sorted(ledger.asked) == ["a", "b", "c"]
    assert source.statistics().read == 3


async def test_what_no_endpoint_shows_is_lost_and_said_to_be(autojump_clock: MockClock) -> None:
    ledger = Ledger(b=(0.0, ChainUnavailable("all away")), c=(0.0, DecodeError("cut")), d=(0.0, FOUND))
    source = _source(Hints(*_named("a", "b", "c", "d")), ledger)
    assert [event.signature for event in await _told(source)] == ["d"]
    assert ledger.asked.count("a") == ledger.asked.count("b") == TRIES
    assert (source.statistics().lost, source.statistics().read) == (3, 1)
    assert source.losses() == SourceLosses(lost=3)


async def test_a_migration_is_passed_on_as_word_of_one(autojump_clock: MockClock) -> None:
    ledger = Ledger()
    seen = await _told(_source(Hints(*_named("a", kind="migrate")), ledger))
    assert seen == [CurveLeft("m", "a", EPOCH_MS)]
    assert ledger.asked == []


async def test_no_more_is_asked_than_the_budget_allows(autojump_clock: MockClock) -> None:
    names = [str(number) for number in range(20)]
    ledger = Ledger(**dict.fromkeys(names, (0.0, FOUND)))
    source = _source(Hints(*_named(*names), *_named("launch", kind="create")), ledger, per_second=2)
    began_s = trio.current_time()
    times: list[float] = []

    async def read(signature: str) -> Recorded | None:
        times.append(trio.current_time() - began_s)
        return await ledger.read(signature)

    source._named._read = read
    await _told(source)
    assert source.losses() == SourceLosses(lost=1, passed_over=16)
    assert ledger.asked[-1] == "launch"
    assert times[0] == pytest.approx(PAUSE_S)
    assert all(later - earlier == pytest.approx(0.5) for earlier, later in pairwise(times) if later < 3)


def _reads_of(sources: LaunchSources) -> list[str]:
    """The signatures that the source of hints will have asked the chain for."""
    asked: list[str] = []
    [hinted] = [lane.source for lane in sources._streams if isinstance(lane.source, HintedLaunches)]
    read = hinted._named._read

    async def noted(signature: str) -> Recorded | None:
        asked.append(signature)
        return await read(signature)

    hinted._named._read = noted
    return asked


async def test_what_another_source_told_is_not_read_again(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=31)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        sources = in_process_sources(net, world.chain, clock, ("logs", "pumpportal"))
        asked = _reads_of(sources)
        crowd = Crowd(net)
        async with sources.events() as events:
            await trio.sleep(1)
            mints = [crowd.launch(), crowd.launch()]
            launches = [await anext(events), await anext(events)]
            await trio.sleep(5)
            logs, portal = sources.sources()
    assert [launch.mint for launch in launches] == mints
    assert {launch.source for launch in launches if isinstance(launch, TokenLaunch)} == {"logs"}
    assert (logs.state, portal.state) == ("up", "up")
    assert (logs.first, portal.first, portal.launches) == (2, 0, 2)
    assert set(asked) & {launch.signature for launch in launches} == set()


async def _launch_soon(crowd: Crowd) -> None:
    await trio.sleep(1)
    mint = crowd.launch()
    await trio.sleep(2)
    crowd.buy(mint, 2, SOL)


@pytest.mark.parametrize("names", [("logs",), ("pumpportal",)])
async def test_a_launch_is_the_same_record_whoever_told_it(autojump_clock: MockClock, names: tuple[str, ...]) -> None:
    net = InProcessChain(seed=31)
    async with virtual_world(net) as world:
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
        sources = in_process_sources(net, world.chain, clock, names)
        crowd = Crowd(net)
        crowd.buy(crowd.launch(), 2, SOL)
        await trio.sleep(2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_launch_soon, crowd)
            with trio.fail_after(10):
                async with sources.events() as events:
                    launch, trade = await anext(events), await anext(events)
    assert isinstance(launch, TokenLaunch)
    mint = launch.mint
    assert (launch.symbol, launch.source) == ("T2", names[0])
    assert launch.curve.virtual_token_raw == 1_073_000_000_000_000
    assert launch.slot > 0
    assert (trade.mint, trade.slot > launch.slot) == (mint, True)


async def test_the_service_is_heard_over_its_socket(localnet: dict[str, Any]) -> None:
    heard: list[LaunchHint] = []
    stands, named = trio.Event(), trio.Event()

    async def hinted(hint: LaunchHint) -> None:
        await trio.lowlevel.checkpoint()
        heard.append(hint)
        named.set()

    with trio.fail_after(20):
        async with real_world(localnet["http_url"], localnet["ws_url"]) as world, trio.open_nursery() as nursery:
            portal = open_portal(localnet["pumpportal_url"], lambda: "a key", silence_s=60)
            nursery.start_soon(portal.follow, hinted, stands.set)
            creator, mints = await world.funded(), set()
            while not named.is_set():  # nothing tells when the service has taken the subscription
                mints.add(await world.launched(creator))
            nursery.cancel_scope.cancel()
        assert stands.is_set()
        assert {hint.kind for hint in heard} == {"create"}
        assert {hint.mint for hint in heard} <= mints
        with pytest.raises(ChainUnavailable, match="the connection ended"):
            await open_portal(localnet["http_url"].replace("http", "ws"), None, silence_s=60).follow(hinted, stands.set)
