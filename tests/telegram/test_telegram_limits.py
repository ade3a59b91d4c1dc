"""The limits of strategies in the chat: what is set, what counts, and whose word it is."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.telegram.telegram_bot import bot_on_telegram, make_talk


async def test_a_limit_of_a_strategy_is_set_and_the_value_that_counts_is_named(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(seed=1)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.asks("/start", "Send /start agree")
        await talk.agrees()
        await talk.asks("/settings manual_trade", "Effective 1 SOL, by your max_trade; yours is off")
        await talk.asks("/settings manual_trade 2", "Effective 1 SOL, by your max_trade; yours is 2 SOL")
        await talk.asks("/settings max_trade 5000", "Effective 1 SOL, by the operator's limit; yours is 5000 SOL")
        await talk.asks("/settings manual_trade", "Effective 1 SOL, by the operator's limit; yours is 2 SOL")
        await talk.asks("/settings max_positions 7", "max_positions = 7; it holds from now on.")
        await talk.asks("/settings sniper_positions", "Effective 7, by your max_positions; yours is off")
        await talk.asks("/settings anti_rug on", "it holds for positions opened from now on")
