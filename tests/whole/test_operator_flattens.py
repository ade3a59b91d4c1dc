"""An operator flattens one user or one program: who did it and why stands in cause and sales and in what users read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.operator import Operator
from bot.panels import Panels
from bot.ports import Submitted
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.supervision.operator import SupervisionOperator
from bot.trading.intent import Mode
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_levels import HOLDS, KEEPS, with_position
from tests.whole.test_one_trade import order as buy_order
from tests.whole.virtual import closed, make_world, open_for_entries, pausing, running_bot, until


@dataclass(frozen=True, slots=True)
class NoVerbs:
    """An operator's door without the verbs of supervision."""

    def verbs(self) -> dict[str, Any]:
        return {}


def operator_of(bot: TradingBot) -> Operator:
    board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
    return Operator(bot, board, Panels(bot, Mode.LIVE), None, cast(SupervisionOperator, NoVerbs()))


async def looked_at(operator: Operator) -> dict[str, Any]:
    """The status as the database's keeper lets it be."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(operator.board.facts.keep)
        status = await operator.board.status()
        nursery.cancel_scope.cancel()
    return status


async def test_who_flattened_a_user_and_why_is_said_everywhere_and_resume_ends_it(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd, "demo-1", KEEPS)
        operator = operator_of(bot)
        order = {"verb": "flatten", "user": "demo-1", "why": "he lost his phone"}
        assert "1 position to sell; bot resume ends both" in (await operator.answer(order))["text"]
        assert {(cause.by, cause.why) for cause in bot.guard.causes()} == {("operator", "he lost his phone")}
        await closed(world, 1)
        assert "flatten of user demo-1: 1 position:" in status_text(await looked_at(operator))
        await until(lambda: any("Sold" in line for line in world.told), within_s=10)
        assert any("An operator of this bot sells what you hold (1 position)" in line for line in world.told)
        assert any("he lost his phone" in line for line in world.told)
        [sold] = [line for line in world.told if "Sold" in line]
        assert "(flatten)" in sold
        assert "is being flattened already" in (await operator.answer(order))["error"]
        assert "entries are open" in (await operator.answer({"verb": "resume"}))["text"]
        assert pausing(bot) == set()
        await trio.sleep(1)


async def test_an_id_that_cannot_be_one_is_nobodys(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        for nobody in ("9" * 30, "9" * 5_000, "nobody"):
            answer = await operator_of(bot).answer({"verb": "flatten", "user": nobody})
            assert "there is no user" in answer["error"]


async def test_what_trades_at_one_program_is_sold_and_not_bought_until_bot_resume(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await with_position(world, bot, crowd, "demo-1", KEEPS)
        await with_position(world, bot, crowd, "demo-2", HOLDS)
        user, wallet = await world.user("demo-3", KEEPS)
        unseen = crowd.launch()
        operator = operator_of(bot)
        order = {"verb": "flatten", "program": "pumpfun", "why": "its program is being drained"}
        assert "give pumpfun or pumpswap" in (await operator.answer({"verb": "flatten", "program": "pump"}))["error"]
        both = {"verb": "flatten", "program": "pumpfun", "user": "demo-1"}
        assert "not both" in (await operator.answer(both))["error"]
        other = {"verb": "flatten", "program": "pumpswap"}
        assert "0 positions to sell" in (await operator.answer(other))["text"]
        await trio.sleep(3)
        assert len(await world.store.open_positions()) == 2
        assert "2 positions to sell; bot resume ends both" in (await operator.answer(order))["text"]
        await closed(world, 2)
        assert bot.guard.state is State.OPEN
        await until(lambda: any(bot.care.book.sums(one).sold == 2 for one in bot.guard.flattens()), within_s=10)
        status = status_text(await looked_at(operator))
        assert "flatten of 2 orders: 2 positions: 2 sold" in status
        assert "panic of program pumpfun (its program is being drained)" in status
        told = ("An operator of this bot sells what everybody holds of tokens that trade on pumpfun", "Sold")
        await until(lambda: [sum(one in line for line in world.told) for one in told] == [2, 2], within_s=10)
        refused = await bot.desk.submit(buy_order(user, wallet, unseen, spend_lamports=LAMPORTS_PER_SOL // 100))
        assert isinstance(refused, Refused)
        assert "panic of pumpfun" in refused.reason
        assert "is being flattened already" in (await operator.answer(order))["error"]
        assert "entries are open" in (await operator.answer({"verb": "resume"}))["text"]
        again = buy_order(user, wallet, unseen, key="again", spend_lamports=LAMPORTS_PER_SOL // 100)
        assert isinstance(await bot.desk.submit(again), Submitted)
        await trio.sleep(5)
        assert len(await world.store.open_positions()) == 1
        assert await world.books_equal_chain()
