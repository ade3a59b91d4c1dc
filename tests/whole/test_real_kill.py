"""The real bot is ended by SIGKILL in the middle of its work, again and again, and goes on from what it had written."""

from __future__ import annotations

import random
import time

import pytest

from tests.whole.audit import audit
from tests.whole.real import real_bot
from tests.whole.real_market import write_busy_market

SEED = 3
KILLS = 3
LAUNCHES = 300
# What the log says between two commits, or just after one; a kill comes at one of them or up to a few slots later.
MOMENTS = ("intent_planned", "attempt_signed", "attempt_sent", "snipe_filled", "exit_decided", "sell_filled")
MOST_EVENTS = 5
LATEST_S = 0.15


@pytest.mark.slow
def test_killed_at_drawn_moments_the_bot_loses_doubles_and_invents_nothing() -> None:
    """Slow because it is four lives of the bot, with orders on their way at each death."""
    draw = random.Random(SEED)
    print(f"seed {SEED}")
    with real_bot() as bot:
        market = str(write_busy_market(bot.directory / "busy.csv", LAUNCHES))
        for _ in range(KILLS):
            bot.start("--market", market)
            moment, count = draw.choice(MOMENTS), draw.randint(1, MOST_EVENTS)
            bot.until_logged(moment, count)
            time.sleep(draw.uniform(0, LATEST_S))
            bot.kill()
            print(f"killed after {count} times {moment}, on their way: {sorted(bot.unresolved_intents().values())}")
        bot.start("--market", market)
        status = bot.until_open()
        assert status["trades_today"]["buys"] > 0
        bot.snipers_off()
        status = bot.until_flat()
        assert status["trades_today"]["sells"] >= status["trades_today"]["buys"]
        bot.stop()
        assert audit(bot.directory) == []
