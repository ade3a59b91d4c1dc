"""A virtual wallet that its user sets back: its books stay, and explain what was added."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.telegram.telegram_bot import bot_on_telegram, make_talk, token_on_the_market
from tests.telegram.test_telegram_confirmations import agreed
from tests.telegram.test_telegram_paper import trades_on_paper, wallets_of
from tests.whole.ledgers import exact
from tests.whole.virtual import VIRTUAL_LAMPORTS


async def test_a_virtual_wallet_is_set_back_by_a_yes_once_nothing_of_it_is_held_and_its_history_stays(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(71)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await agreed(talk)
        await talk.asks("/wallets reset main", "main holds money, and only virtual wallets are set back")
        await talk.asks("/wallets reset", "usage: /wallets")
        await talk.asks("/wallets reset main maybe", "usage: /wallets")
        mint = await token_on_the_market(talk)
        await trades_on_paper(talk, mint)
        _, paper = await wallets_of(talk)
        await trio.sleep(60)
        before = (await talk.world.store.wallet_ledger(paper.id)).booked_lamports
        assert before != VIRTUAL_LAMPORTS

        await talk.orders(f"/open {mint} 0.1", "[paper] Sent: buying for 0.1 SOL")
        await talk.hears("[paper] Bought")
        await talk.asks("/wallets reset main yes", "main holds 1 open position; sell what it holds first")
        await talk.orders(f"/close {mint}", "[paper] Sent: selling")
        await talk.hears("Position closed")
        await trio.sleep(60)

        await talk.asks("/wallets reset main", "/wallets reset main yes sets it back to 5 SOL")
        assert (await talk.world.store.wallet_ledger(paper.id)).booked_lamports < VIRTUAL_LAMPORTS
        await talk.asks("/wallets reset main yes", "[paper] main holds 5 SOL of play money again")
        await talk.asks("/wallets reset main yes", "main holds the 5 SOL of play money that it began with")
        assert (await talk.world.store.wallet_ledger(paper.id)).booked_lamports == VIRTUAL_LAMPORTS
        await exact(bot, talk.world)
        told = await talk.asks("/history 20 paper", "sold")
        assert "came in from outside" in told
        await trades_on_paper(talk, mint)
