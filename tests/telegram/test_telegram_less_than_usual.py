"""What is said where less is there than usual: virtual wallets and no key, a token with an aggregator's offers alone."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from bot.localnet import elsewhere
from bot.trading.intent import Mode
from tests.telegram.telegram_bot import bot_on_telegram, make_talk


async def test_a_newcomer_on_paper_hears_of_a_virtual_wallet_and_of_no_key(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(3)
    async with bot_on_telegram(talk, monkeypatch, newcomer=Mode.PAPER, modes=(Mode.PAPER,)):
        told = await talk.asks("/start", "This bot trades on paper")
        assert "There is no key" in told
        assert "private key" not in told
        talk.press("I agree")
        await talk.hears("[paper] Your wallet is")


async def test_a_token_that_only_an_aggregator_trades_is_described_as_what_it_is(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(4)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        told = await talk.asks(f"/info {elsewhere.MINT}", "Who launched it, and when, is not known.")
        assert "the markets where it trades are among them, and its creator is not known" in told
        card = await talk.asks(f"/buy {elsewhere.MINT} 0.1", "the fees of the markets where it trades are in it")
        assert "trading fees 0" not in card
