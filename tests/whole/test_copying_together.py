"""The followers of one buy ask the chain together: what each order would ask is asked once, before the first of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from bot.execution.copy_rehearsal import WITHIN_S
from bot.localnet.inprocess import InProcessChain
from bot.trading.copying import CopyState
from bot.trading.intent import IntentState
from tests.chain.chain_doubles import InProcessTransport
from tests.whole.copy_scene import LEADER, TENTH, CopyScene, copy_scene

FOLLOWERS = 5
SIMULATED = "simulateTransaction"


@dataclass(slots=True)
class Listening:
    """What goes to the chain, by method; a method that is `slow` is answered after so many seconds."""

    asked: Counter[str] = field(default_factory=Counter)
    slow: dict[str, float] = field(default_factory=dict)

    def door(self, chain: InProcessChain, name: str, number: int) -> InProcessTransport:
        return _Heard(chain, name, number, self)


class _Heard(InProcessTransport):
    def __init__(self, chain: InProcessChain, name: str, number: int, listening: Listening) -> None:
        super().__init__(chain, name, number)
        self._listening = listening

    async def post(self, body: bytes) -> bytes:
        asked = json.loads(body)
        methods = [one["method"] for one in (asked if isinstance(asked, list) else [asked])]
        self._listening.asked.update(methods)
        await trio.sleep(max(self._listening.slow.get(method, 0.0) for method in methods))
        return await super().post(body)


async def _all_copy(here: CopyScene, mint: str, count: int) -> None:
    """The leader buys, and each follower has ordered his copy."""
    here.crowd.buy(mint, LEADER, TENTH)
    for handle in here.rules:
        *_, told = await here.copies(handle, count)
        assert told.copy.state is CopyState.ORDERED
    await here.settled(list(here.rules))
    for handle in here.rules:
        assert (await here.copies(handle, count))[-1].order is IntentState.FILLED


async def test_a_buy_is_simulated_once_with_its_sale_however_many_copy_it(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with copy_scene(11, listening.door) as here:
        for number in range(FOLLOWERS):
            await here.follower(f"follower-{number}")
        mint = await here.token()
        listening.asked.clear()
        await _all_copy(here, mint, 1)
        assert listening.asked[SIMULATED] == 2  # the buy with its sale, and the buy alone


async def test_without_an_answer_in_time_each_copy_asks_for_itself(autojump_clock: MockClock) -> None:
    listening = Listening()
    async with copy_scene(12, listening.door) as here:
        for number in range(FOLLOWERS):
            await here.follower(f"follower-{number}")
        mint = await here.token()
        listening.asked.clear()
        listening.slow[SIMULATED] = 0.6 * WITHIN_S  # of which a rehearsal needs two
        await _all_copy(here, mint, 1)
        assert listening.asked[SIMULATED] > FOLLOWERS
