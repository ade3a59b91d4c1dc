"""An operator flattens one user: who did it and why stands in the cause, in the sales and in what the user reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.operator import Operator
from bot.panels import Panels
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.supervision_operator import SupervisionOperator
from bot.trading.intent import Mode
from bot.tree import TradingBot
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
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
