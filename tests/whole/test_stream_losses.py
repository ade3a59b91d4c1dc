"""What a stream did not tell reaches an operator: as numbers of monitoring, in the record and in the lines of status."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.status import StatusBoard
from bot.status_text import status_text
from bot.trading.intent import Mode
from tests.web.exposition_reader import value
from tests.web.test_metrics import measured, read
from tests.whole.test_sources import launching_world


async def test_a_stream_that_is_dropped_says_how_often_and_that_it_was_made_up_for(autojump_clock: MockClock) -> None:
    async with launching_world("logs") as (world, _), measured(world) as (bot, book):
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        await trio.sleep(20)
        before = await read(book)
        assert value(before, "launch_source_up", source="logs") == 1
        assert value(before, "launch_source_launches_total", source="logs") > 0
        for name in ("lost", "passed_over", "gaps", "gaps_unrepaired", "repaired"):
            assert value(before, f"launch_source_{name}_total", source="logs") == 0, name
        assert "gap" not in status_text(await board.status()), "who lost nothing says nothing of it"
        world.chain.set_fault("stream-drop", for_s=6)
        await trio.sleep(30)
        now = await read(book)
        assert value(now, "launch_source_gaps_total", source="logs") == 1
        assert value(now, "launch_source_gaps_unrepaired_total", source="logs") == 0
        assert value(now, "launch_source_repaired_total", source="logs") > 0
        assert value(now, "news_connections_lost_total") > value(before, "news_connections_lost_total")
        status = await board.status()
        assert status["services"]["stream"]["sources"][0]["gaps"] == 1
        [line] = [one for one in status_text(status).splitlines() if one.startswith("    logs up")]
        assert line.endswith(", 1 gap"), line
        world.chain.set_fault("stream-drop", for_s=30)
        await trio.sleep(60)
        assert value(await read(book), "launch_source_gaps_unrepaired_total", source="logs") == 1
        text = status_text(await board.status())
        assert ", 2 gaps, 1 of them not made up for" in text
        assert "; lost since the start: " in text
