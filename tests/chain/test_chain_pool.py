"""The RPC pool in virtual time: one endpoint of several dead, hanging, slow, behind, rate-limited or of another chain."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest
import trio
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain.endpoint import HEDGE_S, ORDINARY_CALLS, PATIENCE_S
from bot.chain.endpoints import MAX_LAG_SLOTS, SEND_GRACE_S, Endpoints
from bot.chain.pump_chain import PumpChain
from bot.chain.transport import RateLimited
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable, StartupError
from bot.execution.lanes import exit_lane
from bot.localnet.inprocess import InProcessChain
from bot.trading.recovery import Absence
from tests.chain.chain_doubles import NEVER_SENT, FaultyDoor
from tests.chain.chain_scenario import CALL_DEADLINE_S, EPOCH_MS, SOL, endpoints

DEAD = ChainUnavailable("a:1: ConnectError")
WALLET = str(Keypair().pubkey())
SIGNATURE = "5" * 86 + "1"


@dataclass(frozen=True)
class Pool:
    """A pool over doors of one chain, in order of preference."""

    net: InProcessChain
    doors: tuple[FaultyDoor, ...]
    endpoints: Endpoints
    chain: PumpChain

    def forget(self) -> None:
        for door in self.doors:
            door.asked.clear()
            door.asked_at_s.clear()

    def breakers(self) -> list[str]:
        return [health.breaker for health in self.chain.health()]


def pool_of(count: int = 2) -> Pool:
    net = InProcessChain(seed=41)
    net.step(3)
    net.cluster.fund(Pubkey.from_string(WALLET), SOL)
    doors = tuple(FaultyDoor(net, f"{letter}:1") for letter in "abcd"[:count])
    made = endpoints(doors, virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1))
    return Pool(net, doors, made, PumpChain(made))


async def test_the_order_of_the_settings_decides_between_endpoints_that_fare_alike(autojump_clock: MockClock) -> None:
    pool = pool_of()
    for _ in range(20):
        await pool.chain.finalized_height()
    assert [len(door.asked) for door in pool.doors] == [20, 0]


async def test_a_dead_endpoint_costs_two_refusals_and_is_then_left_alone(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].refusal = DEAD
    for _ in range(10):
        assert await pool.chain.finalized_height() >= 0
    assert trio.current_time() == 0
    assert len(pool.doors[0].asked) <= 2
    assert len(pool.doors[1].asked) == 10


async def test_a_hanging_endpoint_costs_one_patience_once(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].hangs = True
    started = trio.current_time()
    await pool.chain.finalized_height()
    assert trio.current_time() - started == pytest.approx(PATIENCE_S)
    for _ in range(10):
        await pool.chain.finalized_height()
    assert trio.current_time() - started == pytest.approx(PATIENCE_S)
    assert (len(pool.doors[0].asked), pool.doors[0].cut_off) == (1, 1)


async def test_a_slow_endpoint_loses_its_place_to_a_fast_one_and_gets_it_back(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].delay_s = 0.2
    await pool.chain.finalized_height()
    pool.forget()
    await pool.chain.finalized_height()
    assert [len(door.asked) for door in pool.doors] == [0, 1]
    pool.doors[0].delay_s = 0.0
    for _ in range(15):
        await pool.endpoints.probe()
    pool.forget()
    await pool.chain.finalized_height()
    assert [len(door.asked) for door in pool.doors] == [1, 0]


async def test_when_all_are_slower_than_the_patience_the_first_answer_still_counts(autojump_clock: MockClock) -> None:
    pool = pool_of()
    for door in pool.doors:
        door.delay_s = 4 * PATIENCE_S
    assert await pool.chain.finalized_height() >= 0
    assert trio.current_time() == pytest.approx(4 * PATIENCE_S)


async def test_reads_that_exits_wait_for_are_hedged_sooner(autojump_clock: MockClock) -> None:
    for read in ("balances", "blockhash"):
        pool = pool_of()
        pool.doors[0].hangs = True
        started = trio.current_time()
        match read:
            case "balances":
                await pool.chain.balances(WALLET)
            case "blockhash":
                await pool.chain.latest_blockhash()
        assert pool.doors[1].asked_at_s[0] - started == pytest.approx(HEDGE_S)


async def test_retry_after_is_honoured_even_when_nobody_else_is_left(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].refusal = RateLimited("a:1: 429", 7)
    await pool.chain.finalized_height()
    pool.doors[0].refusal = None
    pool.doors[1].refusal = DEAD
    with exit_lane():
        for _ in range(5):
            with pytest.raises(ChainUnavailable):
                await pool.chain.finalized_height()
    assert len(pool.doors[0].asked) == 1
    with pytest.raises(ChainUnavailable):
        await pool.endpoints.probe()
    assert len(pool.doors[0].asked) == 1
    await trio.sleep(7)
    assert await pool.chain.finalized_height() >= 0
    assert len(pool.doors[0].asked) == 2


async def test_an_open_breaker_lets_one_question_find_out(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    (door,) = pool.doors
    door.refusal = DEAD
    for _ in range(2):
        with pytest.raises(ChainUnavailable):
            await pool.chain.finalized_height()
    assert pool.breakers() == ["open"]
    with pytest.raises(ChainUnavailable, match="left alone for"):
        await pool.chain.finalized_height()
    assert len(door.asked) == 2
    await trio.sleep(1)
    assert pool.breakers() == ["half_open"]
    door.refusal, door.delay_s = None, 0.1
    failures = 0

    async def ask() -> None:
        nonlocal failures
        try:
            await pool.chain.finalized_height()
        except ChainUnavailable:
            failures += 1

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert (len(door.asked), failures) == (3, 4)
    assert pool.breakers() == ["closed"]


async def test_a_trial_that_is_cut_off_makes_room_for_the_next(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    (door,) = pool.doors
    door.refusal = DEAD
    for _ in range(2):
        with pytest.raises(ChainUnavailable):
            await pool.chain.finalized_height()
    await trio.sleep(1)
    door.refusal, door.hangs = None, True
    with trio.move_on_after(0.1):
        await pool.chain.finalized_height()
    door.hangs = False
    assert await pool.chain.finalized_height() >= 0


async def test_an_exit_asks_an_endpoint_whose_breaker_is_open_when_there_is_no_other(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    pool.doors[0].refusal = DEAD
    for _ in range(2):
        with pytest.raises(ChainUnavailable):
            await pool.chain.finalized_height()
    pool.doors[0].refusal = None
    with exit_lane():
        assert await pool.chain.finalized_height() >= 0
    assert pool.breakers() == ["closed"]


async def test_a_probe_finds_the_recovery_before_anybody_asks(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].refusal = DEAD
    for _ in range(4):
        await pool.endpoints.probe()
    assert pool.breakers() == ["open", "closed"]
    assert [health.healthy for health in pool.chain.health()] == [False, True]
    pool.doors[0].refusal = None
    assert (await pool.endpoints.probe()).endswith("2 of 2 endpoints")
    assert pool.breakers() == ["closed", "closed"]


async def test_a_hanging_endpoint_delays_a_round_of_probes_by_less_than_a_calls_deadline(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of()
    pool.doors[0].hangs = True
    for _ in range(2):
        assert (await pool.endpoints.probe()).endswith("1 of 2 endpoints")
    assert trio.current_time() < 2 * CALL_DEADLINE_S
    health = pool.chain.health()[0]
    assert (health.healthy, health.breaker) == (False, "open")
    assert health.error_bps > 0
    assert "no answer to a probe" in health.detail


async def test_nothing_is_decided_by_an_endpoint_that_lags_behind_the_newest_slot(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.net.step(200)
    await pool.endpoints.probe()
    pool.doors[0].slots_behind = MAX_LAG_SLOTS + 1
    newest = pool.chain.health()[1].slot
    assert newest is not None
    balances = await pool.chain.balances(WALLET)
    assert balances.slot >= newest - MAX_LAG_SLOTS
    assert pool.doors[0].asked[-1] == "getBalance"
    lagging = pool.chain.health()[0]
    assert (lagging.healthy, lagging.breaker) == (False, "open")
    assert lagging.slot is not None
    assert newest - lagging.slot > MAX_LAG_SLOTS
    pool.forget()
    absences = await pool.chain.search_absences(SIGNATURE, NEVER_SENT)
    assert isinstance(absences, tuple)
    assert [absence.endpoint for absence in absences] == ["b:1"]
    assert pool.doors[0].asked == []


async def test_a_lag_within_reason_is_no_fault(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.net.step(200)
    await pool.endpoints.probe()
    await pool.chain.balances(WALLET)
    pool.forget()
    pool.doors[0].slots_behind = MAX_LAG_SLOTS - 3
    assert await pool.chain.finalized_height()
    assert pool.doors[1].asked == []


async def test_an_endpoint_from_the_future_that_dies_is_forgotten(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[1].slots_behind = -1_000_000
    await pool.endpoints.probe()
    pool.doors[1].refusal = DEAD
    await pool.endpoints.probe()
    await pool.endpoints.probe()
    assert (await pool.endpoints.probe()).endswith("1 of 2 endpoints")
    assert (await pool.chain.balances(WALLET)).slot < pool.net.call("getSlot") + 1_000_000


async def test_one_endpoint_of_three_from_the_future_makes_nobody_look_late(autojump_clock: MockClock) -> None:
    pool = pool_of(3)
    pool.doors[0].slots_behind = -1_000_000
    for _ in range(3):
        await pool.endpoints.probe()
    assert [health.state for health in pool.chain.health()] == ["up", "up", "up"]
    assert [health.lag_slots for health in pool.chain.health()[1:]] == [0, 0]


async def test_bytes_go_to_everybody_and_a_hanging_endpoint_holds_them_up_by_the_grace_only(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of(3)
    result = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": SIGNATURE})

    class Taking(FaultyDoor):
        async def post(self, body: bytes) -> bytes:
            await super().post(body)
            return result

    doors = [Taking(pool.net, name) for name in ("a:1", "b:1", "c:1")]
    doors[0].hangs = True
    doors[2].delay_s = SEND_GRACE_S / 2
    chain = PumpChain(endpoints(doors, virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)))
    await chain.send(b"bytes")
    assert [door.asked for door in doors] == [["sendTransaction"]] * 3
    assert [door.cut_off for door in doors] == [1, 0, 0]
    assert trio.current_time() == pytest.approx(SEND_GRACE_S)


async def test_ordinary_calls_leave_room_for_exits(autojump_clock: MockClock) -> None:
    pool = pool_of(1)
    (door,) = pool.doors
    door.delay_s = 0.5
    async with trio.open_nursery() as nursery:
        for _ in range(ORDINARY_CALLS + 3):
            nursery.start_soon(pool.chain.finalized_height)
        await trio.testing.wait_all_tasks_blocked()
        assert len(door.asked) == ORDINARY_CALLS
        with exit_lane():
            nursery.start_soon(pool.chain.latest_blockhash)
        await trio.testing.wait_all_tasks_blocked()
        assert door.asked[-1] == "getLatestBlockhash"
    assert len(door.asked) == ORDINARY_CALLS + 4


async def test_who_waits_too_long_for_its_turn_goes_to_the_next_endpoint(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].hangs = True
    async with trio.open_nursery() as nursery:
        for _ in range(ORDINARY_CALLS):
            nursery.start_soon(_until_cancelled, pool.endpoints)
        await trio.testing.wait_all_tasks_blocked()
        assert await pool.chain.finalized_height() >= 0
        nursery.cancel_scope.cancel()
    assert all(health.breaker == "closed" for health in pool.chain.health())


async def _until_cancelled(pool: Endpoints) -> None:
    await pool._endpoints[0].ask(lambda client: client.genesis_hash())


async def test_an_endpoint_of_another_chain_is_refused_by_name_and_never_asked(autojump_clock: MockClock) -> None:
    pool = pool_of()
    pool.doors[0].genesis = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
    ours = pool.net.call("getGenesisHash")
    assert await pool.endpoints.admit(ours) == ours
    stranger = pool.chain.health()[0]
    assert (stranger.name, stranger.breaker, stranger.healthy) == ("a:1", "refused", False)
    assert "it serves the chain 4uhc" in stranger.detail
    pool.forget()
    await pool.chain.finalized_height()
    await pool.endpoints.probe()
    with exit_lane():
        await pool.chain.latest_blockhash()
    assert pool.doors[0].asked == []


async def test_without_a_known_chain_the_first_that_answers_names_it(autojump_clock: MockClock) -> None:
    pool = pool_of(3)
    pool.doors[0].refusal = DEAD
    pool.doors[2].genesis = "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"
    assert await pool.endpoints.admit(None) == pool.net.call("getGenesisHash")
    assert pool.breakers()[2] == "refused"


async def test_an_endpoint_that_was_silent_at_the_start_is_asked_once_its_chain_is_known(
    autojump_clock: MockClock,
) -> None:
    pool = pool_of()
    pool.doors[1].refusal = ChainUnavailable("b:1: ConnectError")
    await pool.endpoints.admit(None)
    pool.doors[1].refusal = None
    pool.doors[0].refusal = DEAD
    with pytest.raises(ChainUnavailable):
        await pool.chain.finalized_height()
    assert "getBlockHeight" not in pool.doors[1].asked
    await pool.endpoints.probe()
    assert await pool.chain.finalized_height() >= 0


async def test_no_endpoint_of_our_chain_is_a_start_that_names_them_all(autojump_clock: MockClock) -> None:
    pool = pool_of()
    with pytest.raises(StartupError, match=r"a:1: it serves the chain .* b:1: it serves"):
        await pool.endpoints.admit("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY")


async def test_a_start_at_which_nobody_answers_refuses_nobody(autojump_clock: MockClock) -> None:
    pool = pool_of()
    for door in pool.doors:
        door.refusal = DEAD
    with pytest.raises(ChainUnavailable, match="ConnectError"):
        await pool.endpoints.admit(None)
    for door in pool.doors:
        door.refusal = None
    assert await pool.endpoints.admit(None) == pool.net.call("getGenesisHash")


async def test_a_proof_of_absence_takes_every_endpoint_that_answers(autojump_clock: MockClock) -> None:
    pool = pool_of(3)
    pool.doors[2].refusal = ChainUnavailable("c:1: ConnectError")
    pool.doors[1].delay_s = 1.0
    absences = await pool.chain.search_absences(SIGNATURE, NEVER_SENT)
    assert isinstance(absences, tuple)
    assert [absence.endpoint for absence in absences if isinstance(absence, Absence)] == ["a:1", "b:1"]
