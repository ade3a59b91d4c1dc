"""A stream that tells no new slot: dead where the chain went on without it, and not where a leader is away."""

from __future__ import annotations

from collections.abc import Collection

import pytest
import trio
from trio.testing import MockClock

from bot.chain.geyser_stream import GeyserLaunches
from bot.chain.launch_stream import SILENCE_S, PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.silence import SLOT_S, SLOTS_WAITED_FOR, Silence
from bot.chain.wallet_hints import EnhancedHints
from bot.chain.wallet_stream import CONFIRMED_BEHIND_SLOTS, GeyserWallets
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.ports import LaunchSource, WalletNews, WalletTold
from tests.chain.chain_doubles import InProcessSubscriptions, in_process_geyser, in_process_slot
from tests.chain.chain_scenario import EPOCH_MS, virtual_world

LONGEST_S = SILENCE_S + SLOTS_WAITED_FOR * SLOT_S
SLOT_MS = 450  # slots of a real cluster are a little longer than they should be


async def _ends_after_s(newest: list[int], *, told: int, at_s: tuple[float, ...] = (), behind: int = 0) -> float:
    """When a connection ends that told the slot `told` before, and the next one at each of these moments."""
    began_s = trio.current_time()
    silence = Silence(SILENCE_S, lambda: newest[0], told, behind_slots=behind)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(silence.end, nursery.cancel_scope)
        for moment_s in at_s:
            await trio.sleep_until(began_s + moment_s)
            told += 1
            silence.heard(told)
        await trio.sleep_forever()
    return trio.current_time() - began_s


async def test_a_connection_that_the_chain_went_on_without_is_dead_at_once(autojump_clock: MockClock) -> None:
    assert await _ends_after_s([11], told=10) == pytest.approx(SILENCE_S)


async def test_so_is_one_where_nobody_knows_of_the_chain(autojump_clock: MockClock) -> None:
    assert await _ends_after_s([0], told=10) == pytest.approx(SILENCE_S)


async def test_while_the_chain_stands_another_leader_is_waited_for_and_no_longer(autojump_clock: MockClock) -> None:
    assert await _ends_after_s([10], told=10) == pytest.approx(LONGEST_S)


async def test_a_slot_in_time_begins_the_patience_anew(autojump_clock: MockClock) -> None:
    assert await _ends_after_s([10], told=10, at_s=(LONGEST_S - 0.1,)) == pytest.approx(2 * LONGEST_S - 0.1)


async def test_the_patience_ends_when_the_chain_goes_on_without_it(autojump_clock: MockClock) -> None:
    newest = [10]

    async def go_on() -> None:
        await trio.sleep(SILENCE_S + SLOT_S / 2)
        newest[0] = 11

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        assert await _ends_after_s(newest, told=10) == pytest.approx(SILENCE_S + SLOT_S)


async def test_who_tells_later_is_dead_as_soon_where_the_chain_went_on_before(autojump_clock: MockClock) -> None:
    assert await _ends_after_s([13], told=10, behind=2) == pytest.approx(SILENCE_S)
    assert await _ends_after_s([12], told=10, behind=2) == pytest.approx(LONGEST_S + 2 * SLOT_S)


async def test_who_tells_later_has_time_to_tell_what_only_just_happened(autojump_clock: MockClock) -> None:
    newest = [12]

    async def go_on() -> None:
        await trio.sleep(SILENCE_S - 0.1)
        newest[0] = 17

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        in_time_s = SILENCE_S + SLOT_S
        assert await _ends_after_s(newest, told=10, behind=2, at_s=(in_time_s,)) == pytest.approx(in_time_s + SILENCE_S)


@pytest.mark.parametrize("told_at_s", [0.5, 1.1, 1.2, 1.3, 1.9])
@pytest.mark.parametrize("behind", [0, 2])
async def test_a_slot_at_any_moment_begins_the_patience_anew(
    autojump_clock: MockClock, told_at_s: float, behind: int
) -> None:
    ended_s = await _ends_after_s([100], told=10, behind=behind, at_s=(told_at_s,))
    assert ended_s == pytest.approx(told_at_s + SILENCE_S)


async def test_slots_that_come_late_again_and_again_end_nothing_while_the_chain_is_as_late(
    autojump_clock: MockClock,
) -> None:
    moments_s = [2.7 * (number + 1) for number in range(20)]
    newest = [10]

    async def go_on() -> None:
        for moment_s in moments_s:
            await trio.sleep_until(began_s + moment_s - 0.35)
            newest[0] += 5

    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        silence = Silence(SILENCE_S, lambda: newest[0], 10, behind_slots=2)
        nursery.start_soon(silence.end, nursery.cancel_scope)
        for number, moment_s in enumerate(moments_s, start=1):
            await trio.sleep_until(began_s + moment_s)
            silence.heard(10 + 5 * number)
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began_s == pytest.approx(moments_s[-1])


async def test_time_in_a_slow_listener_is_no_silence(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    silence = Silence(SILENCE_S, lambda: 0, 10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(silence.end, nursery.cancel_scope)
        await trio.sleep(1)
        with silence.held_up():
            await trio.sleep(60)
        await trio.sleep_forever()
    assert trio.current_time() - began_s == pytest.approx(60 + SILENCE_S)


class Heard:
    """Who listens to a source, and until when there was something to listen to."""

    def __init__(self) -> None:
        self.mints: list[str] = []
        self.ended_at_s: float | None = None

    async def tell(self, event: object) -> None:
        await trio.lowlevel.checkpoint()
        self.mints.append(str(getattr(event, "mint", "")))

    def alive(self) -> None:
        pass

    async def follow(self, source: LaunchSource) -> None:
        with pytest.raises(ChainUnavailable, match="not even a new slot"):
            await source.follow(self)
        self.ended_at_s = trio.current_time()


def _source(name: str, net: InProcessChain, chain: PumpChain) -> LaunchSource:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    if name == "grpc":
        return GeyserLaunches(in_process_geyser(net), chain.newest_slot, clock, silence_s=SILENCE_S)
    subscriptions = InProcessSubscriptions(net)
    return PumpLaunchStream(subscriptions, chain.recorded, chain.signatures_since, clock, newest_slot=chain.newest_slot)


@pytest.mark.parametrize("name", ["logs", "grpc"])
async def test_leaders_who_are_away_end_no_stream_and_a_silent_one_ends_beside_them(
    autojump_clock: MockClock, name: str
) -> None:
    net = InProcessChain(seed=33, slot_ms=SLOT_MS)
    heard = Heard()
    async with virtual_world(net) as world:

        async def probe() -> None:
            while True:
                await trio.sleep(1)
                await world.chain.probe()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(probe)
            creator = await world.funded()
            nursery.start_soon(heard.follow, _source(name, net, world.chain))
            await trio.sleep(2)
            net.set_fault("skip-slots", for_s=3_600)
            await trio.sleep(60)
            mint = await world.launched(creator)
            await trio.sleep(10)
            assert mint in heard.mints
            assert heard.ended_at_s is None
            net.set_fault("stream-silent", for_s=3_600)
            silent_at_s = trio.current_time()
            await trio.sleep(LONGEST_S + 1)
            assert heard.ended_at_s is not None
            assert heard.ended_at_s <= silent_at_s + LONGEST_S
            nursery.cancel_scope.cancel()


class Ear:
    """Who listens to news of wallets that do nothing; `gaps` counts what was said to be lost."""

    def __init__(self) -> None:
        self.gaps = 0

    def told(self, told: WalletTold) -> None:
        raise AssertionError(told)

    def hinted(self, address: str, signature: str) -> None:
        raise AssertionError(f"{address} hinted by {signature}")

    def covers(self, addresses: Collection[str], slot: int) -> None:
        pass

    def lost(self, addresses: Collection[str], slot: int) -> None:
        self.gaps += 1


def _news(name: str, net: InProcessChain) -> WalletNews:
    if name == "grpc":
        return GeyserWallets(in_process_geyser(net), in_process_slot(net), silence_s=SILENCE_S, per_call=10)
    return EnhancedHints(InProcessSubscriptions(net), in_process_slot(net), silence_s=SILENCE_S)


@pytest.mark.parametrize("name", ["grpc", "helius"])
async def test_still_wallets_and_leaders_who_are_away_end_no_stream_of_wallets_and_silence_does(
    autojump_clock: MockClock, name: str
) -> None:
    net, ear = InProcessChain(seed=33, slot_ms=SLOT_MS), Ear()
    news, troubles = _news(name, net), set[str]()
    news.want(["4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T"])

    async def look_for(seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            await trio.sleep(0.25)
            troubles.add(news.health().detail)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        nursery.start_soon(news.follow, ear)
        await look_for(5)
        net.set_fault("skip-slots", for_s=3_600)
        await look_for(60)
        assert (troubles, news.health().calls_up, ear.gaps) == ({""}, 1, 0)
        net.set_fault("stream-silent", for_s=3_600)
        await look_for(LONGEST_S + CONFIRMED_BEHIND_SLOTS * SLOT_S)
        assert "nothing heard for 2 s, not even a new slot" in " ".join(troubles)
        assert news.health().calls_up == 0
        nursery.cancel_scope.cancel()
