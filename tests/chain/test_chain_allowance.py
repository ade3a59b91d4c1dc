"""Roles and credits of endpoints: pure rules, and a pool that keeps them with a share for exits."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain.allowance import Allowance, AllowanceRule
from bot.chain.credit_file import CreditFile, Used
from bot.chain.endpoint import SPENT_PROBE_EVERY_S
from bot.chain.endpoints import KEEP_CREDITS_EVERY_S, Endpoints
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.clock import virtual_clock
from bot.errors import BudgetSpent, ChainUnavailable
from bot.execution.lanes import exit_lane, order_lane
from bot.localnet.inprocess import InProcessChain
from tests.chain.chain_doubles import NEVER_SENT, FaultyDoor
from tests.chain.chain_scenario import EPOCH_MS

MONTH = "2026-11"


def pool_with(*rules: AllowanceRule, file: CreditFile | None = None) -> tuple[tuple[FaultyDoor, ...], Endpoints]:
    net = InProcessChain(seed=41)
    net.step(3)
    doors = tuple(FaultyDoor(net, f"{letter}:1") for letter in "abc"[: len(rules)])
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    clients = [RpcClient(door, 3.0) for door in doors]
    return doors, Endpoints(clients, clock, allowances=rules, credit_file=file)


@given(
    per_second=st.integers(1, 50),
    share_bps=st.integers(0, 9_000),
    asked=st.lists(st.tuples(st.floats(0, 0.5), st.booleans()), max_size=200),
)
def test_ordinary_requests_never_exceed_their_rate_and_exits_are_never_refused(
    per_second: int, share_bps: int, asked: list[tuple[float, bool]]
) -> None:
    allowance = Allowance(AllowanceRule(per_second=per_second, exit_share_bps=share_bps))
    now_s, granted = 0.0, 0
    for later_s, for_exit in asked:
        now_s += later_s
        refused = allowance.take(now_s=now_s, month=MONTH, for_exit=for_exit)
        assert not (for_exit and refused)
        granted += refused is None and not for_exit
    assert granted <= per_second * (now_s + 1)


def test_a_share_of_the_month_is_left_for_exits_and_the_next_month_begins_anew() -> None:
    allowance = Allowance(AllowanceRule(per_month=10, exit_share_bps=2_000))
    told = [allowance.take(now_s=0, month=MONTH, for_exit=False) for _ in range(12)]
    assert [reason is None for reason in told] == [True] * 8 + [False] * 4
    assert allowance.left_this_month() == 2
    for _ in range(5):
        assert allowance.take(now_s=0, month=MONTH, for_exit=True) is None
    assert (allowance.left_this_month(), allowance.used_this_month) == (0, 13)
    assert allowance.take(now_s=0, month="2026-12", for_exit=False) is None
    assert allowance.left_this_month() == 9


async def test_an_endpoint_is_asked_for_what_it_is_there_for(autojump_clock: MockClock) -> None:
    doors, pool = pool_with(AllowanceRule(frozenset({"send"})), AllowanceRule(frozenset({"read", "history"})))
    chain = PumpChain(pool)
    await chain.latest_blockhash()
    await chain.recorded("5" * 86 + "1")
    await chain.search_absences("5" * 86 + "1", NEVER_SENT)
    assert "getLatestBlockhash" not in doors[0].asked
    assert "getTransaction" not in doors[0].asked
    assert "getSignatureStatuses" not in doors[0].asked
    assert "getTransaction" in doors[1].asked
    with pytest.raises(ChainUnavailable, match="its role is not to send"):
        await chain.send(b"bytes")
    assert "sendTransaction" not in doors[1].asked
    assert [health.healthy for health in chain.health()] == [True, True]


async def test_exits_go_on_where_scanners_have_used_up_the_second(autojump_clock: MockClock) -> None:
    doors, pool = pool_with(AllowanceRule(per_second=5), AllowanceRule(per_second=5))
    chain = PumpChain(pool)
    refused = 0
    for _ in range(20):
        try:
            await chain.finalized_height()
        except ChainUnavailable:
            refused += 1
    assert refused == 12
    with exit_lane():
        for _ in range(20):
            await chain.finalized_height()
    assert trio.current_time() == 0
    assert all(health.breaker == "closed" for health in chain.health())
    await trio.sleep(1)
    await chain.finalized_height()
    assert sum(len(door.asked) for door in doors) == 8 + 20 + 1


async def test_a_used_month_is_told_and_leaves_only_exits_orders_on_their_way_and_few_probes(
    autojump_clock: MockClock,
) -> None:
    [door], pool = pool_with(AllowanceRule(per_month=20))
    chain = PumpChain(pool)
    with pytest.raises(BudgetSpent, match="the 20 requests of this month are used, but for exits"):
        for _ in range(20):
            await chain.finalized_height()
    [health] = chain.health()
    assert (health.spent, health.healthy, health.state) == (True, True, "up")
    assert health.detail == "the 20 requests of this month are used, but for exits"
    asked = len(door.asked)
    for _ in range(2 * int(SPENT_PROBE_EVERY_S)):
        assert "1 of them for exits alone, their month is used" in await chain.probe()
        await trio.sleep(1)
    assert len(door.asked) - asked <= 4
    with exit_lane():
        await chain.finalized_height()
    with order_lane():
        await chain.statuses(["5" * 86 + "1"])


async def test_an_endpoint_whose_month_is_used_is_probed_as_often_as_any_while_it_is_down(
    autojump_clock: MockClock,
) -> None:
    [door], pool = pool_with(AllowanceRule(per_month=5))
    await pool.admit(None)
    with exit_lane():
        for _ in range(5):
            await PumpChain(pool).latest_blockhash()
        door.refusal = ChainUnavailable("cut off")
        for _ in range(3):
            with pytest.raises(ChainUnavailable):
                await PumpChain(pool).latest_blockhash()
    with pytest.raises(ChainUnavailable):
        await pool.probe()
    door.refusal = None
    door._chain.step(25)
    await trio.sleep(10)
    await pool.probe()
    assert pool.health()[0].healthy


async def test_what_was_asked_this_month_outlives_a_restart(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = CreditFile(tmp_path / "rpc-credits.json")
    rule = AllowanceRule(per_month=1_000)
    _, first = pool_with(rule, file=file)
    for _ in range(5):
        await PumpChain(first).latest_blockhash()
    await trio.sleep(KEEP_CREDITS_EVERY_S)
    await first.probe()
    _, second = pool_with(rule, file=file)
    assert second.health()[0].credit_left == 995
    assert await file_is_readable(file)
    (tmp_path / "rpc-credits.json").write_text("{")
    _, third = pool_with(rule, file=file)
    assert third.health()[0].credit_left == 1_000


async def file_is_readable(file: CreditFile) -> bool:
    await trio.lowlevel.checkpoint()
    return all(isinstance(used, Used) and used.month for used in file.load().values())
