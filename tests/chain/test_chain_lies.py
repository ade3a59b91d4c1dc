"""One endpoint of three lies, hangs or floods, in virtual time: nothing is gone that is there, and exits go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.chain.addresses import LANDMARK
from bot.chain.blockhashes import GAP_BLOCKS, LIFE_BLOCKS
from bot.chain.endpoint import DISTRUST_S, GENESIS_EVERY_S
from bot.chain.endpoints import MAX_LAG_SLOTS, Endpoints
from bot.chain.pump_chain import PumpChain
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.execution.alerts import Alert, Turn
from bot.execution.endpoint_watch import EndpointWatch
from bot.execution.lanes import exit_lane
from bot.localnet.inprocess import InProcessChain
from bot.trading.recovery import Absence
from tests.chain.chain_doubles import NEVER_SENT, InProcessSubscriptions, InProcessTransport
from tests.chain.chain_scenario import EPOCH_MS, SOL, World, endpoints, launch_stream

LIAR = "rpc-1"  # the one that is asked first


@dataclass(frozen=True)
class Liars:
    """A running cluster with several endpoints, of which tests let the first one lie."""

    net: InProcessChain
    world: World
    pool: Endpoints

    @property
    def chain(self) -> PumpChain:
        return self.world.chain

    def lie(self, fault: str, endpoint: str = LIAR, for_s: float = 3600.0, **values: int) -> None:
        self.net.set_fault(fault, for_s=for_s, endpoint=endpoint, **values)

    def states(self) -> list[str]:
        return [health.state for health in self.chain.health()]

    async def probe(self, times: int = 1) -> None:
        for _ in range(times):
            await self.pool.probe()
            await trio.sleep(1)


class Misstating(InProcessTransport):
    """An endpoint that says of each blockhash that it is good to another block than it is."""

    by_blocks = 0

    async def post(self, body: bytes) -> bytes:
        answer = await super().post(body)
        if b"getLatestBlockhash" in body:
            told = msgspec.json.decode(answer)
            told["result"]["value"]["lastValidBlockHeight"] += self.by_blocks
            answer = msgspec.json.encode(told)
        return answer


@asynccontextmanager
async def liars(
    count: int = 3, landmark: str = "", *, first: type[InProcessTransport] = InProcessTransport
) -> AsyncIterator[Liars]:
    net = InProcessChain(seed=7, endpoints=count)
    net.step(40)
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    transports = [
        (InProcessTransport if number else first)(net, f"rpc-{number + 1}", number) for number in range(count)
    ]
    pool = endpoints(transports, clock, landmark)
    chain = PumpChain(pool)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        await pool.admit(None)
        yield Liars(net, World(chain, launch_stream(InProcessSubscriptions(net), chain, clock), transports[-1]), pool)
        nursery.cancel_scope.cancel()


async def bought(liars: Liars) -> tuple[Keypair, str, int]:
    """A wallet that holds a coin."""
    trader = await liars.world.funded()
    mint = await liars.world.launched(await liars.world.funded())
    landed = await liars.world.landed(trader, await liars.world.buy_order(trader, mint, SOL))
    return trader, mint, landed.token_delta_raw


async def sold(liars: Liars, trader: Keypair, mint: str, token_raw: int) -> None:
    with exit_lane(), trio.fail_after(30):
        landed = await liars.world.landed(trader, await liars.world.sell_order(trader, mint, token_raw))
    assert (landed.error, landed.token_delta_raw) == (None, -token_raw)


@pytest.mark.parametrize("fault", ["empty", "stale", "genesis", "flood", "rpc-slow", "rate-limit", "drop-tx"])
async def test_with_one_of_three_endpoints_at_fault_nothing_is_falsely_gone_and_an_exit_lands(
    autojump_clock: MockClock, fault: str
) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        scene.lie(fault, **({"delay_ms": 60_000} if fault == "rpc-slow" else {}))
        for _ in range(30):
            assert await scene.world.held(trader, mint) == held
            assert await scene.chain.venue(mint)
            assert mint in await scene.chain.venues([mint])
            await scene.probe()
        await sold(scene, trader, mint, held)
        assert await scene.world.held(trader, mint) == 0


async def test_what_no_endpoint_knows_yet_does_not_make_other_orders_wait_for_a_slow_one(
    autojump_clock: MockClock,
) -> None:
    async with liars(2) as scene:
        await scene.probe(2)
        scene.lie("rpc-slow", "rpc-2", delay_ms=60_000)
        never_sent = str(Keypair().sign_message(b"never sent"))
        began_s = trio.current_time()
        assert await scene.chain.statuses([never_sent]) == [None]
        assert trio.current_time() - began_s < 1.0


async def test_a_program_that_starts_beside_an_empty_endpoint_believes_the_others(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        scene.lie("empty")
        clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=2)
        doors = [InProcessTransport(scene.net, f"rpc-{number + 1}", number) for number in range(3)]
        started = PumpChain(endpoints(doors, clock))
        assert (await started.balances(str(trader.pubkey()))).token_raw[mint] == held
        assert await started.venue(mint)
        assert started.health()[0].state == "distrusted"


async def test_two_endpoints_that_say_that_nothing_exists_are_no_witnesses(autojump_clock: MockClock) -> None:
    async with liars(2, LANDMARK) as scene:
        trader, mint, held = await bought(scene)
        never_sent = str(Keypair().sign_message(b"never sent"))
        assert len(await scene.chain.sightings([never_sent])) == 1
        for endpoint in ("rpc-1", "rpc-2"):
            scene.lie("empty", endpoint)
        with pytest.raises(ChainUnavailable, match="every cluster has"):
            await scene.world.held(trader, mint)
        with pytest.raises(ChainUnavailable):
            await scene.chain.venue(mint)
        with pytest.raises(ChainUnavailable):
            await scene.chain.search_absences(never_sent, NEVER_SENT)
        with pytest.raises(ChainUnavailable):
            await scene.chain.sightings([never_sent])
        with pytest.raises(ChainUnavailable, match="every cluster has"):
            await scene.pool.probe()
        assert scene.states() == ["blind", "blind"]
        scene.net.cluster.all_faults.clear()
        await scene.probe(3)
        assert scene.states() == ["up", "up"]
        assert await scene.world.held(trader, mint) == held


async def test_an_endpoint_that_shows_nothing_is_told_and_the_other_one_serves(autojump_clock: MockClock) -> None:
    async with liars(2, LANDMARK) as scene:
        told: list[Alert] = []
        watch = EndpointWatch(told.append, NoBudget())
        trader, mint, held = await bought(scene)
        scene.lie("empty", for_s=20)
        for _ in range(30):
            assert await scene.chain.venue(mint)
            await scene.probe()
            watch.look(scene.chain.health())
        assert [alert.turn for alert in told] == [Turn.BEGINS, Turn.ENDS]
        assert "every cluster has" in told[0].text
        await sold(scene, trader, mint, held)


async def test_of_two_endpoints_that_contradict_each_other_neither_makes_a_wallet_flat(
    autojump_clock: MockClock,
) -> None:
    async with liars(2) as scene:
        trader, mint, held = await bought(scene)
        scene.lie("empty")
        assert await scene.world.held(trader, mint) == held
        scene.lie("rpc-down", "rpc-2")
        with pytest.raises(ChainUnavailable, match="shows less"):
            await scene.chain.balances(str(trader.pubkey()))
        with pytest.raises(ChainUnavailable, match="nobody else can say"):
            await scene.chain.venue(mint)


@pytest.mark.parametrize("by_blocks", [-150, 100_000], ids=["too low", "too high"])
async def test_a_misstated_height_of_a_blockhash_is_caught_by_two_others(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, by_blocks: int
) -> None:
    monkeypatch.setattr(Misstating, "by_blocks", by_blocks)
    async with liars(first=Misstating) as scene:
        height = scene.net.call("getBlockHeight", {"commitment": "processed"})
        for _ in range(3):
            blockhash = await scene.chain.latest_blockhash()
            assert abs(blockhash.last_valid_block_height - LIFE_BLOCKS - height) < GAP_BLOCKS
            await trio.sleep(2)
        assert scene.states()[0] == "distrusted"


@pytest.mark.parametrize("count", [2, 3])
async def test_bytes_that_may_still_land_are_not_proven_absent_by_a_height_that_one_endpoint_told(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    async with liars(count, first=Misstating) as scene:
        trader, mint, held = await bought(scene)
        raw, signature = await scene.world.signed(trader, await scene.world.sell_order(trader, mint, held))
        monkeypatch.setattr(Misstating, "by_blocks", -150)
        scene.net.step(60)
        assert await scene.chain.search_absences(signature, raw) == ()
        scene.net.step(LIFE_BLOCKS)
        absences = await scene.chain.search_absences(signature, raw)
        assert isinstance(absences, tuple)
        assert len(absences) == count


async def test_an_order_that_landed_is_never_proved_absent_by_liars(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        raw, signature = await scene.world.signed(trader, await scene.world.sell_order(trader, mint, held // 2))
        await scene.chain.send(raw)
        await scene.world.settled(signature)
        scene.lie("empty")
        scene.lie("rpc-down", "rpc-2")
        scene.net.step(400)
        await scene.probe(3)
        found = await scene.chain.search_absences(signature, NEVER_SENT)
        assert not isinstance(found, tuple)
        scene.lie("rpc-down", "rpc-3")
        with trio.fail_after(60):
            absences = await scene.chain.search_absences(signature, NEVER_SENT)
        assert isinstance(absences, tuple)
        assert [one.endpoint for one in absences if isinstance(one, Absence)] == ["rpc-1"]


async def test_a_landed_order_is_seen_at_once_although_the_endpoint_in_front_knows_nothing(
    autojump_clock: MockClock,
) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        scene.lie("empty")
        order = await scene.world.sell_order(trader, mint, held // 2)
        raw, signature = await scene.world.signed(trader, order)
        started = trio.current_time()
        await scene.chain.send(raw)
        await scene.world.settled(signature)
        assert trio.current_time() - started < 2.0
        assert await scene.world.held(trader, mint) == held - held // 2


async def test_an_endpoint_that_stands_still_is_shown_as_behind_and_asked_no_more(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        await scene.probe(2)
        scene.lie("stale")
        await scene.probe(12)
        health = scene.chain.health()[0]
        assert (health.state, health.healthy) == ("behind", False)
        assert health.lag_slots is not None
        assert health.lag_slots > MAX_LAG_SLOTS
        assert "its slot stands at" in health.detail
        newest = scene.net.call("getSlot", {"commitment": "confirmed"})
        for _ in range(10):
            wallet = await scene.world.funded()
            assert (await scene.chain.balances(str(wallet.pubkey()))).slot >= newest
        scene.net.cluster.all_faults.clear()
        await scene.probe(2)
        assert scene.states() == ["up", "up", "up"]


async def test_a_wallet_is_never_looked_at_from_before_its_newest_transaction(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        scene.lie("stale")
        order = await scene.world.sell_order(trader, mint, held // 2)
        landed = await scene.world.landed(trader, order)
        look = await scene.chain.balances(str(trader.pubkey()))
        assert look.slot >= landed.slot
        assert look.token_raw[mint] == held - held // 2


async def test_a_look_from_before_what_became_known_meanwhile_is_no_lie(autojump_clock: MockClock) -> None:
    """The wallet sold between a look and that of its witness: whoever was asked first told the truth of his slot."""
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        address = str(trader.pubkey())
        before = await scene.chain.balances(address)
        await sold(scene, trader, mint, held // 2)
        after = await scene.chain.balances(address)
        assert await scene.chain._reads._settled(address, LIAR, before, "rpc-2", after) == after
        assert scene.states() == ["up", "up", "up"]


async def test_a_wallet_that_was_really_emptied_is_believed_once_two_endpoints_say_so(
    autojump_clock: MockClock,
) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        assert await scene.world.held(trader, mint) == held
        scene.net.cluster.fund(trader.pubkey(), 5)
        assert (await scene.chain.balances(str(trader.pubkey()))).lamports == 5
        assert scene.states() == ["up", "up", "up"]


class NoBudget:
    """A guard that is asked for no pause, because nobody's requests are counted."""

    def pause(self, name: str, *, by: str, why: str) -> None:
        pytest.fail(f"{name} by {by}: {why}")

    def resume(self, name: str) -> None:
        """Nothing is paused."""


async def test_an_endpoint_of_another_chain_is_refused_told_and_accepted_again(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        told: list[Alert] = []
        watch = EndpointWatch(told.append, NoBudget())
        scene.lie("genesis", for_s=100)
        for _ in range(int(GENESIS_EVERY_S) + 2):
            await scene.probe()
            watch.look(scene.chain.health())
        assert scene.states()[0] == "refused"
        assert [(alert.key, alert.turn) for alert in told] == [("endpoint rpc-1", Turn.BEGINS)]
        assert "it serves the chain" in told[0].text
        assert "2 other endpoints can be asked" in told[0].text
        for _ in range(100 + int(GENESIS_EVERY_S)):
            await scene.probe()
            watch.look(scene.chain.health())
        assert scene.states()[0] == "up"
        assert [alert.turn for alert in told] == [Turn.BEGINS, Turn.ENDS]


async def test_an_endpoint_that_was_away_is_asked_for_its_chain_before_it_counts_again(
    autojump_clock: MockClock,
) -> None:
    async with liars() as scene:
        scene.lie("rpc-down", for_s=3)
        await scene.probe(3)
        scene.lie("genesis")
        await scene.probe(2)
        assert scene.states()[0] == "refused"


async def test_a_liar_is_believed_again_after_a_minute_without_a_lie(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        scene.lie("empty", for_s=1)
        assert await scene.world.held(trader, mint) == held
        assert scene.states()[0] == "distrusted"
        assert "did not show" in scene.chain.health()[0].detail or "showed less" in scene.chain.health()[0].detail
        await scene.probe(int(DISTRUST_S) + 1)
        assert scene.states()[0] == "up"


@pytest.mark.parametrize("fault", ["empty", "stale", "rpc-slow", "rate-limit"])
async def test_the_look_before_a_sale_shows_what_is_there_whoever_lies(autojump_clock: MockClock, fault: str) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        address = str(trader.pubkey())
        await scene.chain.balances(address)
        newest = (await scene.chain.balances(address)).slot
        scene.lie(fault, **({"delay_ms": 60_000} if fault == "rpc-slow" else {}))
        for _ in range(10):
            with exit_lane():
                look = await scene.chain.holding(address, mint)
            assert (look.token_raw[mint], look.slot >= newest) == (held, True)
            await scene.probe()


async def test_the_look_before_a_sale_does_not_show_what_was_sold_already(autojump_clock: MockClock) -> None:
    async with liars() as scene:
        trader, mint, held = await bought(scene)
        await scene.chain.balances(str(trader.pubkey()))
        scene.lie("stale")
        await sold(scene, trader, mint, held)
        with exit_lane():
            assert (await scene.chain.holding(str(trader.pubkey()), mint)).token_raw.get(mint, 0) == 0
