"""One order's life is told from its rows alone: to the operator with its times, to its user with every lamport."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.execution.story import steps_of
from bot.localnet.inprocess import InProcessChain
from bot.refusal import CannotError
from bot.telegram.story_text import story_text
from bot.trace import Tracer
from bot.trace_text import diag_text, trace_text
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL, format_sol
from tests.whole.crowd import Crowd
from tests.whole.virtual import closed, make_world, open_for_entries, running_bot, until

ROAD = ["seen", "signal", "admitted", "signed", "sent", "landed", "settled", "message", "told"]


async def test_a_snipe_is_traced_from_its_first_frame_to_its_last_message(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    settings = UserSettings(snipe_enabled=True, slippage_buy_bps=1_500, max_hold_s=5)
    user, _ = await world.user("demo-1", settings)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        ignored, mint = crowd.launch(), crowd.launch()
        await trio.sleep(0.5)
        await crowd.rush(mint, range(2, 14), LAMPORTS_PER_SOL // 2)
        await closed(world, 1)
        await trio.sleep(5)
        [position] = await world.store.recent_positions(user.id, 9)
        answer = await Tracer(bot).trace(position.id)
        bought, sold = answer["orders"]
        assert [step["what"] for step in bought["steps"]] == ROAD
        assert [step["what"] for step in sold["steps"]] == ROAD[2:]
        assert [step["after_ms"] for step in bought["steps"][:5]] == sorted(
            step["after_ms"] for step in bought["steps"][:5]
        )
        assert bought["steps"][0]["after_ms"] == 0
        signature = next(step["detail"] for step in bought["steps"] if step["what"] == "signed").split(", ")[1]
        assert (await Tracer(bot).trace(signature))["orders"] == [bought]
        assert f"intent {bought['intent']} of user {user.handle}: filled" in trace_text(answer)
        with pytest.raises(CannotError, match="no order is named by 'nothing'"):
            await Tracer(bot).trace("nothing")

        diag = await Tracer(bot).diag(user)
        assert diag["gates"]["bought_today"] == 1
        assert {look["mint"]: look["status"] for look in diag["looks"]} == {mint: "COMPLETED", ignored: "SKIPPED"}
        assert all(look["reason"] for look in diag["looks"])
        text = diag_text(diag)
        assert "paused by              nothing" in text
        assert "  snipes today           1 at a limit of " in text
        assert [check["gate"] for check in diag["checks"] if check["refused"]] == []

        assert not any(line.count("confidence") > 1 for line in text.splitlines())

        story = await world.store.order_story(bought["intent"])
        assert story is not None and story.landed is not None
        for wrong_ms in (-5_000, 60_000):  # the block's clock behind ours, and ahead of it
            landed = replace(story.landed, block_time_ms=story.landed.block_time_ms + wrong_ms)
            steps = steps_of(replace(story, landed=landed))
            assert [step.what for step in steps] == ROAD
            sent, landed_step, settled = steps[4:7]
            assert sent.at_ms <= landed_step.at_ms <= settled.at_ms
            assert min(step.at_ms for step in steps) == steps[0].at_ms

        stories = [await world.store.order_story(intent) for intent in await world.store.orders_of(position.id)]
        told = story_text(position, [story for story in stories if story is not None])
        assert f"Closed; result {format_sol(position.realized_lamports, signed=True)} SOL" in told
        assert "SOL priority fee" in told
        assert "The sniper's reason: " in told
        assert "  What was measured of it then, by rules-3:" in told
        assert "    momentum " in told
        assert "    scam " in told
        assert "SOL account rent back" in told


async def test_the_operator_sees_each_gate_with_its_number(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    settings = UserSettings(snipe_enabled=True, snipe_max_lamports=20 * LAMPORTS_PER_SOL)
    user, _ = await world.user("demo-1", settings)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        diag = await Tracer(bot).diag(user)
        refused = {check["gate"] for check in diag["checks"] if check["refused"]}
        assert refused == {"most of a trade", "most of a position", "funds that are free"}
        assert "most of a trade        20.0000 SOL at a limit of 1.0000 SOL: REFUSES: " in diag_text(diag)
        assert await world.store.in_flight() == []
        world.chain.set_fault("rpc-down", for_s=300)
        await until(lambda: bot.guard.level == 2, within_s=20)
        with trio.fail_after(60):  # what the wallet held lately is known for a while
            while "cannot be looked at: no route" not in diag_text(await Tracer(bot).diag(user)):
                await trio.sleep(1)
