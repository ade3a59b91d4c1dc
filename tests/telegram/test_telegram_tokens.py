"""What the chat says of a token: its names cannot act, its past as far as it is known, its dollars while they are fresh."""

from __future__ import annotations

import unicodedata

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from trio.testing import MockClock

from actors import price_historian
from bot.chain import addresses as at
from bot.localnet.inprocess import InProcessChain
from bot.ports import Token
from bot.telegram.foreign import foreign
from bot.telegram.token_text import age, change_line, dollar_line, name_line, origin_line, uri_lines
from bot.trading.units import LAMPORTS_PER_SOL
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd

SLASH, DOT, COLON, AT = "\u2215", "\u2024", "\uff1a", "\uff20"  # what stands for what a chat would act on
HOSTILE = "/panic @you\u202eevil\x00\nhttps://x.io $X"
UNKNOWN = Token("M" * 40, "", "", "", "", None, 0)


@given(st.text(), st.integers(1, 60))
def test_no_foreign_text_breaks_a_line_or_can_be_tapped(text: str, length_max: int) -> None:
    shown = foreign(text, length_max)
    assert len(shown) <= length_max
    assert not any(unicodedata.category(letter)[0] == "C" for letter in shown)
    assert not set(shown) & set("/.@#$:\n\r\u2028")


def test_a_hostile_name_is_shown_as_text() -> None:
    token = Token("M" * 40, HOSTILE, "S\u0336\u0336\u0336\u0336", "javascript:alert(1)", "", None, 0)
    said = name_line(token)
    assert f"calls itself {SLASH}panic {AT}youevil https" in said
    assert "anybody can take any name" in said
    assert said.count("\u0336") == 2
    assert uri_lines(token) == [f"Its maker points to javascript{COLON}alert(1); look there at your own risk."]


def test_what_is_not_known_is_said_to_be_so() -> None:
    assert "what it is called is not known" in name_line(UNKNOWN)
    assert uri_lines(UNKNOWN) == []
    assert origin_line(UNKNOWN, 9) == "Who launched it, and when, is not known."
    assert dollar_line(28 * LAMPORTS_PER_SOL, None) == "What that is in dollars is not known now."
    assert dollar_line(28 * LAMPORTS_PER_SOL, 150_500_000) == "Market cap 4,214 USD, at 150.50 USD for a SOL."
    assert change_line([150, None, -25]) == "Change: 1 m +1.5 %, 5 m not known, 1 h -0.25 %."
    assert change_line([None, None, None]).startswith("What it cost before is not known here")
    assert [age(ms) for ms in (-5, 1_900, 119_999, 120_000, 7_200_000, 172_800_000)] == [
        "0 s",
        "1 s",
        "119 s",
        "2 min",
        "2 h",
        "2 d",
    ]


def _let_withdraw_all(chain: InProcessChain, mint: str) -> None:
    """Let somebody hold nearly all shares in a token's pool, by decree."""
    accounts = chain.cluster.chain.accounts
    key = at.share_mint(at.canonical_pool(at.key_from(mint)))
    account = accounts.get(key)
    assert account is not None
    supply = (4_192_900_000_000).to_bytes(8, "little")
    data = account.data[:36] + supply + account.data[44:]
    accounts.put(key, Account(account.lamports, data, account.owner, False, account.rent_epoch))


async def test_a_token_with_its_past_its_maker_and_what_the_user_has_of_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(11)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        mint = await token_on_the_market(talk)
        crowd = Crowd(talk.world.chain)
        crowd._mints = 1
        hostile = crowd.launch(name="/panic x.io", uri="https://x.io/a")
        await trio.sleep(2)
        said = await talk.asks(f"/info {hostile}", f"calls itself {SLASH}panic x{DOT}io (T2)")
        assert " s ago by" in said, "before it is a row"
        assert f"Its maker points to https{COLON}{SLASH}{SLASH}x{DOT}io{SLASH}a" in said
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
        await talk.hears("Bought")
        await trio.sleep(10)
        assert " s ago by" in await talk.asks(f"/info {hostile}", "calls itself")
        await talk.asks("/settings max_hold off", "max_hold")
        await _trades_by_buttons(talk, mint)
        await trio.sleep(300)
        crowd.buy(mint, 3, LAMPORTS_PER_SOL)
        await trio.sleep(15)
        said = await talk.asks(f"/info {mint}", "calls itself Token 1 (T1)")
        assert "1 m +" in said
        assert "5 m +" in said
        assert "1 h not known" in said
        assert "Launched 5 min ago by" in said
        assert "at 150.00 USD for a SOL" in said
        assert "You hold " in said
        talk.world.sol_price.price = None
        await trio.sleep(100)
        await talk.asks(f"/price {mint}", "at 150.00 USD for a SOL")
        await trio.sleep(60)
        await talk.asks(f"/price {mint}", "What that is in dollars is not known now.")
        crowd.finish(mint, 3)
        await trio.sleep(30)
        said = await talk.asks(f"/info {mint}", "The liquidity of its pool is locked for good")
        assert "SOL in its pool, its curve is complete" in said
        _let_withdraw_all(talk.world.chain, mint)
        await talk.asks(f"/price {mint}", "99.99 % of its pool's liquidity can be withdrawn at any moment")
        await talk.asks("/settings require_confirmation on", "require_confirmation = on")
        card = await talk.asks(f"/buy {mint} 0.1", f"Buy {mint} for 0.1 SOL")
        assert "99.99 % of its pool's liquidity can be withdrawn at any moment" in card
        await talk.asks("/info", "usage: /info MINT")
        await talk.asks(f"/info {'1' * 32}", "is no token of the launchpad")


async def _trades_by_buttons(talk: Talk, mint: str) -> None:
    """The presets of a user who holds something of it, below its card."""
    await talk.asks("/settings presets_buy 0.02 0.05", "presets_buy = 0.02SOL 0.05SOL; it holds from now on.")
    await talk.asks("/settings presets_sell 40% 110%", "presets_sell goes from 1 % to 100 %")
    await talk.asks(mint, f"  /sell {mint} 25%")
    talk.press("Buy 0.05 SOL")
    await talk.hears(f"Buy {mint} for 0.05 SOL")
    talk.press("Cancel")
    talk.press("Sell 25%")
    await talk.confirms("Sent: selling")
    await talk.hears("Sold")


async def test_a_token_that_was_asked_about_is_tracked_again_after_a_restart(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_historian, "ASKED_FOR_MS", 200_000)  # an hour of the chain's slots takes long
    talk = make_talk(12)
    world = talk.world
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        mint = await token_on_the_market(talk)
        await talk.asks(f"/info {mint}", "What it cost before is not known here")
        await trio.sleep(90)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await trio.sleep(1)
        assert bot.market.historian.tracked() == 1
        assert bot.prices.watched() == 0, "nobody asks for its price as for that of a position"
        Crowd(world.chain).buy(mint, 3, LAMPORTS_PER_SOL)
        await trio.sleep(70)
        said = await talk.asks(f"/info {mint}", "calls itself Token 1 (T1)")
        assert "1 m " in said
        assert "1 m not known" not in said
        await trio.sleep(230)
        assert bot.market.historian.tracked() == 0
