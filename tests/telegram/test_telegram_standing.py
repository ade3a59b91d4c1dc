"""Orders that wait for their price, as a person keeps them, looks at them and takes them back."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.localnet import elsewhere
from bot.telegram.handlers.standing import SPAN_MAX_MS, span_ms_of
from bot.telegram.parsing import UsageError
from bot.trading.standing import OPEN_MAX
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd


def code_in(told: str) -> str:
    """The code of the order that an answer is about."""
    return told.partition("/cancel ")[2].split()[0]


async def test_a_limit_buy_is_kept_fires_and_a_limit_sale_sells_it_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(3)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        await talk.asks("/orders", "none waits for a price or a time")
        kept = await talk.asks(f"/limit buy {mint} 0.1 0.001 12h", "once that costs at most 0.001 SOL")
        assert "it waits until" in kept
        listed = await talk.asks("/orders", "1 order waiting for a price or a time")
        assert f"/cancel {code_in(kept)}" in listed
        await talk.asks(f"/cancel {code_in(kept)}", "Cancelled, it waits no more")
        await talk.asks(f"/cancel {code_in(kept)}", "There is no such offer for you")

        await talk.asks(f"/limit buy {mint} 0.1 mc=1000", "once that costs at most 1 SOL")
        sent = await talk.hears("is sent: its price is there")
        assert (await talk.hears("Bought")).startswith(f"{sent}\n[live] Bought ")
        await talk.hears("is done: its order is filled")
        await talk.asks("/orders", "none waits for a price or a time")

        part = await talk.asks(f"/limit sell {mint} 50% 500", "once that brings at least 500 SOL")
        await talk.asks(f"/limit sell {mint} all 0.000001", "sell all of")
        await talk.hears("Position closed")
        await talk.asks(f"/cancel {code_in(part)}", "Cancelled, it waits no more")
        await talk.asks("/stats", "limit order: 1 sale")
        assert await talk.world.books_equal_chain()


async def test_a_breakout_waits_below_its_level_and_buys_once_the_price_has_risen_to_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(9)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        for typed, level in (
            (f"/limit buy {mint} 0.1 above 0.2 12h", "0.2"),
            (f"/limit buy {mint} 0.1 > 0.2", "0.2"),
            (f"/limit buy {mint} 0.1 mc>200", "0.2"),
            (f"/limit buy {mint} 0.1 >mc=200", "0.2"),
        ):
            kept = await talk.asks(typed, f"for 0.1 SOL once that costs at least {level} SOL for a million tokens")
            await talk.asks(f"/cancel {code_in(kept)}", "Cancelled, it waits no more")
        now = (await talk.asks(f"/limit buy {mint} 0.1 >0.06", "Now it would be ")).partition("Now it would be ")[2]
        assert float(now.split()[0]) < 0.06
        await trio.sleep(30)
        assert await talk.world.store.open_positions() == []
        await talk.asks("/orders", "once that costs at least 0.06 SOL")
        crowd = Crowd(talk.world.chain)
        crowd._trader(3)
        crowd.buy(mint, 3, 20_000_000_000)
        await talk.hears("breakout buy of")
        await talk.hears("is done: its order is filled")
        [held] = await talk.world.store.open_positions()
        assert held.cost_lamports * 10**12 // held.token_raw > 60_000_000, "bought at the price of its moment"
        await talk.asks(f"/why {mint}", "breakout")
        placed = len(talk.world.store._standings)
        for level in ("0.06", "0.000000001", "mc=1"):
            await talk.asks(f"/limit buy {mint} 0.1 >{level}", "so it would be bought at once; /buy does that")
        assert len(talk.world.store._standings) == placed
        await talk.asks(f"/limit sell {mint} all >0.1", "a sale waits for its price or a better one; leave out '>'")
        assert await talk.world.books_equal_chain()


async def test_what_cannot_be_kept_is_said_to_be_so(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(4)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        for arguments, words in (
            ("", "usage: /limit"),
            (f"hold {mint} 1 1", "usage: /limit"),
            (f"buy {mint} 0.1", "usage: /limit"),
            ("buy nothing 0.1 1", "is not a token address"),
            (f"buy {talk.world.chain.call('getGenesisHash')} 0.1 1", "is no token of the launchpad"),
            (f"buy {mint} 50% 1", "is not an amount"),
            (f"buy {mint} 5000 1", "is not between the least of"),
            (f"buy {mint} 0.1 -1", "is negative"),
            (f"buy {mint} 0.1 mc=x", "is not an amount"),
            (f"buy {mint} 0.1 9000000", "is no price that can be kept"),
            (f"buy {mint} 0.1 mc=0.000000001", "is no price that can be kept"),
            (f"buy {mint} 0.1 1 soon", "is no length of time"),
            (f"sell {mint} 50% 1", "so there is nothing to sell"),
        ):
            await talk.asks(f"/limit {arguments}", words)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        await talk.asks(f"/limit sell {mint} 999999999999 1", "give 50%, a number, or all")
        for _ in range(OPEN_MAX):
            await talk.asks(f"/limit sell {mint} 1% 900", "Kept: sell")
        await talk.asks(f"/limit sell {mint} 1% 900", f"you have {OPEN_MAX} standing orders")
        assert talk.world.reports == []


async def test_a_repeated_buy_is_kept_listed_and_taken_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(7)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        for arguments, words in (
            ("", "usage: /dca"),
            (f"{mint} 0.05 5m", "usage: /dca"),
            (f"{mint} 0.05 often 3", "is no length of time"),
            (f"{mint} 0.05 5m 0", "is no number of buys"),
            (f"{mint} 0.05 5m 1001", "is no number of buys"),
            (f"{mint} 5000 5m 3", "is not between the least of"),
            ("nothing 0.05 5m 3", "is not a token address"),
            (f"{elsewhere.MINT} 0.05 5m 3", "is bought by hand only"),
        ):
            await talk.asks(f"/dca {arguments}", words)
        kept = await talk.asks(f"/dca {mint} 0.05 5m 3", "for 0.05 SOL every 5 min, 3 times, 0.15 SOL in all")
        await talk.hears("buy 1 of 3 is sent")
        await talk.hears("Bought")
        await trio.sleep(5)
        await talk.asks("/orders", "1 of 3 done; the next from")
        await talk.hears("buy 2 of 3 is sent", within_s=330)
        await trio.sleep(5)
        await talk.asks(f"/cancel {code_in(kept)}", "Cancelled, it waits no more")
        await trio.sleep(700)
        assert (await talk.world.store.day(0)).buys == 2
        assert await talk.world.books_equal_chain()


async def test_a_refused_order_waits_and_nobody_else_can_take_it_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(5)
    other = Talk(talk.world, talk.telegram, person=8)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        await other.agrees()
        await talk.asks("/pause", "Your entries are paused")
        kept = await talk.asks(f"/limit buy {mint} 0.1 900", "Kept: buy")
        await talk.hears("could not be sent: entries are paused")
        await talk.asks("/orders", "tried last: entries are paused")
        await other.asks(f"/cancel {code_in(kept)}", "There is no such offer for you")
        await other.asks("/orders", "none waits for a price or a time")
        await talk.asks("/resume", "Your pause is over")
        await talk.hears("is done: its order is filled", within_s=120)


async def test_a_token_without_a_market_of_its_own_is_not_bought_by_itself(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(6)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        await talk.asks(f"/limit buy {elsewhere.MINT} 0.1 1", "is bought by hand only")
        await talk.asks(f"/limit buy {elsewhere.MINT} 0.1 mc=5", "market cap of this token is not known")
        await trio.sleep(1)


@pytest.mark.parametrize(("text", "span_ms"), [("30m", 1_800_000), ("12H", 43_200_000), ("365d", SPAN_MAX_MS)])
def test_lengths_of_time_are_read_as_they_are_typed(text: str, span_ms: int) -> None:
    assert span_ms_of(text) == span_ms


@pytest.mark.parametrize("text", ["", "5", "0m", "-5m", "1.5h", "366d", "12 h", "9999999m", "٣m", "d"])
def test_anything_else_is_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no length of time"):
        span_ms_of(text)
