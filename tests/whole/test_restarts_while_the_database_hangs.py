"""What is started again, or stopped for a halt, while a write to the database hangs: it is waited for, and nobody ends."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bot.status import StatusBoard
from bot.status_text import tree_text
from bot.trading.intent import Mode
from bot.trading.trading_state import Halt, State
from tests.whole.outages import WRITE_S, HangingStore, state_of
from tests.whole.test_levels import KEEPS
from tests.whole.test_supervision_by_hand import BY, SNIPES, scene
from tests.whole.virtual import open_for_entries, until


@pytest.mark.parametrize("path", ["root/money", "root/money/reconciler", "root/guard/flattener", "root/hunt"])
async def test_a_restart_while_the_database_hangs_waits_for_the_writes_and_ends_nobody_else(
    autojump_clock: MockClock, path: str
) -> None:
    """What is started again stands in the middle of a write, which outlasts its `shutdown_ms` by far."""
    async with scene(SNIPES, database=HangingStore) as here:
        position_id, _ = await here.position()
        here.world.database.hangs = True
        await trio.sleep(WRITE_S)
        began_s = trio.current_time()
        assert "was running and is running now" in await here.restart(path, confirmed=True)
        assert trio.current_time() - began_s < 2 * WRITE_S
        here.world.database.hangs = False
        assert [one.path for one in here.world.reports if one.kind == "unkillable"] == []
        await open_for_entries(here.bot)
        await until(lambda: here.runs("snipers", here.user.id) and position_id in here.bot.looks, within_s=30)


async def test_a_halt_while_the_database_hangs_stops_money_and_not_the_process(autojump_clock: MockClock) -> None:
    async with scene(KEEPS, database=HangingStore) as here:
        await here.position()
        here.world.database.hangs = True
        await trio.sleep(WRITE_S)
        here.bot.guard.latch(Halt("operator", here.bot.adapters.clock.now_ms(), BY, "a test"))
        await until(lambda: state_of(here.bot.root, "money") == "undefined", within_s=30)
        here.world.database.hangs = False
        await until(lambda: here.bot.guard.state is State.HALTED, within_s=60)
        assert await here.world.store.open_positions() == []
        assert [one.path for one in here.world.reports if one.kind == "unkillable"] == []
        assert await here.world.books_equal_chain()


async def test_status_names_who_was_asked_to_end_and_has_not(autojump_clock: MockClock) -> None:
    async with scene(database=HangingStore) as here, trio.open_nursery() as nursery:
        here.world.database.hangs = True
        await trio.sleep(WRITE_S)
        nursery.start_soon(partial(here.restart, "root/money", confirmed=True))
        board = StatusBoard(here.bot, mode=Mode.LIVE, cluster="local", foundation=None)
        answers: list[dict[str, Any]] = []
        with trio.fail_after(WRITE_S):
            while not answers or "was asked to end at" not in answers[-1]["sentence"]:
                await trio.sleep(0.5)
                answers.append(await board.tree("root/money", None))
        assert "  asked to end " in tree_text(answers[-1])
        here.world.database.hangs = False
