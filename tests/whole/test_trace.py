"""The ids in the logs lead from one launch to the message that told of its sale."""

from __future__ import annotations

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.virtual import closed, make_world, open_for_entries, running_bot


async def test_logs_follow_one_launch_to_its_message(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", UserSettings(snipe_enabled=True, slippage_buy_bps=1_500, max_hold_s=5))
    crowd = Crowd(world.chain)
    with capture_logs() as logs:
        async with running_bot(world) as bot:
            await open_for_entries(bot)
            mint = crowd.launch()
            await trio.sleep(0.5)
            await crowd.rush(mint, range(2, 14), LAMPORTS_PER_SOL // 2)
            await closed(world, 1)
            await trio.sleep(2)

    def one(event: str, **ids: object) -> dict[str, object]:
        found = [entry for entry in logs if entry["event"] == event and ids.items() <= entry.items()]
        assert len(found) == 1, (event, ids, found)
        return dict(found[0])

    assert one("token_detected", mint=mint)["signature"]
    one("opportunity_found", mint=mint)
    run = one("snipe_signal", mint=mint)["run"]
    intent = one("intent_planned", causation=run)["intent"]
    signature = one("attempt_signed", intent=intent)["signature"]
    bought = one("snipe_filled", intent=intent, signature=signature)
    one("message_sent", trace=intent)
    position = bought["position"]
    exit_intent = one("intent_planned", causation=position)["intent"]
    one("exit_decided", position=position)
    one("sell_filled", intent=exit_intent, position=position)
    one("message_sent", trace=exit_intent)
