"""Copying as a person begins it, looks at it and ends it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.telegram.handlers.copy_terms import terms_of
from bot.telegram.parsing import UsageError
from bot.trading.copying import DUST_LAMPORTS, CopyCaps, CopyFilter, Sizing, fits
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.trader import Trader
from bot.trading.units import LAMPORTS_PER_SOL
from bot.users import Registrar
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd

LEADER = 77
TENTH = LAMPORTS_PER_SOL // 10
MINT = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"


def test_what_is_typed_becomes_terms_with_caps_that_fit() -> None:
    plain = terms_of(["0.1"])
    assert (plain.sizing, plain.amount) == (Sizing.FIXED, TENTH)
    assert plain.caps == CopyCaps(TENTH, 5 * TENTH, 10 * TENTH, TENTH, 10 * TENTH, 10 * TENTH)
    assert plain.filter == CopyFilter(least_lamports=10 * DUST_LAMPORTS)
    half = terms_of(["0.2", "50%", "day=1", "hour=0.3", "token=0.4", "leader=2", "total=3", "min=0.001", "max=9"])
    assert (half.sizing, half.amount) == (Sizing.PERCENT, 5_000)
    assert half.caps == CopyCaps(2 * TENTH, 3 * TENTH, 10 * TENTH, 4 * TENTH, 20 * TENTH, 30 * TENTH)
    assert (half.filter.least_lamports, half.filter.most_lamports) == (TENTH // 100, 90 * TENTH)
    more = terms_of(["1", "EXACT", "hours=22-6", "drawdown=0.5", f"block={MINT},{MINT}", "again=on"])
    assert (more.sizing, more.amount) == (Sizing.EXACT, 0)
    assert more.filter == CopyFilter(10 * DUST_LAMPORTS, None, (MINT,), (22, 6), 5 * TENTH, again=True)
    assert terms_of(["1", "250%"]).amount == 25_000
    for words in (
        ["0.1", "leader=0.05"],
        ["0.1", "total=0.3"],
        ["0.1", "hour=5"],
        ["0.1", "token=7"],
        ["1", "day=0.5"],
    ):
        assert min(vars_of(terms_of(words).caps)) > 0


def vars_of(caps: CopyCaps) -> list[int]:
    return [caps.trade_lamports, caps.hour_lamports, caps.day_lamports, caps.leader_lamports, caps.total_lamports]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("x", "is not an amount"),
        ("-1", "is negative"),
        ("0.1 max", "is none of hour=, day="),
        ("0.1 size=3", "is none of hour=, day="),
        ("0.1 hour=", "is none of hour=, day="),
        ("0.1 hour=1 hour=2", "is given twice"),
        ("0.1 hour=-1", "is negative"),
        ("0.1 hours=8", "write it like hours=8-22"),
        ("0.1 hours=8-99", "write it like hours=8-22"),
        ("0.1 again=maybe", "on or off"),
        ("0.1 block=nothing", "is not a token address"),
        ("0.1 x%", "is not an amount"),
    ],
)
def test_what_makes_no_sense_is_said(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        terms_of(typed.split())


async def leader_of(talk: Talk) -> tuple[Crowd, str]:
    crowd = Crowd(talk.world.chain)
    crowd._trader(LEADER)
    await trio.sleep(2)
    return crowd, crowd.address(LEADER)


async def test_a_leader_is_copied_watched_and_left(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(3)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        crowd, leader = await leader_of(talk)
        await talk.asks("/copies", "You copy nobody")
        card = await talk.asks(f"/copy_trader {leader} 0.1 drawdown=1 hours=0-24", "SOL for each buy of his")
        assert "1 SOL a day" in card
        assert "Nobody promises a result." in card
        talk.press("Cancel")
        await talk.hears("Cancelled; nobody is copied by it.")
        assert await talk.world.store.copy_rules() == []
        await talk.asks(f"/copy_trader {leader} 0.1", "SOL for each buy of his")
        talk.press("Confirm")
        await talk.hears("You copy")
        await talk.asks(f"/untrack {leader}", "you copy")
        await trio.sleep(5)
        crowd.buy(mint, LEADER, 2 * TENTH)
        await talk.hears("Bought")
        told = await talk.asks("/copies", "in half of them")
        assert "for 0.1 SOL: filled" in told
        assert "he bought" in told
        await talk.asks("/close_account yes", "You copy 1 trader")
        await talk.asks(f"/copy_trader {leader} 0.3 exact again=on", "What is open stays his and is sold as he sells")
        talk.press("Cancel")
        await talk.hears("Cancelled; you copy him as before.")
        await talk.asks(f"/copy_trader {leader} 0.2 exact again=on leader=1", "Copy in another way")
        talk.press("Confirm")
        await talk.hears("in this way from now on")
        [rule] = await talk.world.store.copy_rules()
        assert (rule.sizing, rule.caps.trade_lamports, rule.version) == (Sizing.EXACT, 2 * TENTH, 1)
        assert "in this way from now on" in await talk.asks(f"/confirm {rule.code}", "You copy")
        crowd.sell_all(mint, LEADER)
        await talk.hears("Position closed")
        assert "(won" in await talk.asks("/copies", "result of 1 position that sold")
        await talk.asks(f"/stop_copy {leader} twice", "usage: /stop_copy")
        told = await talk.asks(f"/stop_copy {leader} sell", "No copy of his is open")
        assert f"You still follow his wallet; /untrack {leader}" in told
        await talk.asks(f"/stop_copy {leader}", "you copy nobody")
        assert await talk.world.books_equal_chain()
        assert talk.world.reports == []


async def test_whoever_stops_with_sell_is_sold_out(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(4)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        crowd, leader = await leader_of(talk)
        await talk.asks(f"/copy_trader {leader} 0.1 exact", "what he spends, at most 0.1 SOL a trade")
        talk.press("Confirm")
        await talk.hears("You copy")
        await trio.sleep(5)
        crowd.buy(mint, LEADER, 2 * TENTH)
        await talk.hears("Bought")
        [rule] = await talk.world.store.copy_rules()
        await talk.asks(f"/stop_copy {leader} sell", "are being sold now")
        await talk.asks(f"/confirm {rule.code}", "since that card. Nobody is copied by it")
        await talk.hears("Position closed")
        assert await talk.world.store.copy_rules() == []


async def test_whoever_stops_with_sell_while_his_wallet_is_frozen_hears_that_the_sales_wait(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(4)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        mint = await token_on_the_market(talk)
        await talk.agrees()
        crowd, leader = await leader_of(talk)
        await talk.asks(f"/copy_trader {leader} 0.1 exact", "what he spends, at most 0.1 SOL a trade")
        talk.press("Confirm")
        await talk.hears("You copy")
        await trio.sleep(5)
        crowd.buy(mint, LEADER, 2 * TENTH)
        await talk.hears("Bought")
        [wallet] = await talk.world.store.wallets()
        await bot.guard.freeze_wallet(wallet)
        await bot.guard.freeze_user(wallet.user_id, "0.5 SOL left it")
        told = await talk.asks(f"/stop_copy {leader} sell", "You copy")
        assert (
            "Your copies in 1 token are sold as soon as your wallet is not frozen any more, and not before: /ack_outflow, where"
            " it was you who moved what left it, and /unfreeze with a code of your second factor ends that." in told
        )
        await trio.sleep(60)
        assert len(await talk.world.store.open_positions()) == 1
        await bot.guard.acknowledge_outflow(wallet.user_id)
        talk.world.vault._book.thaw(wallet.user_id, wallet.address)
        await bot.guard.unfreeze_wallet(wallet)
        await talk.hears("Position closed")


async def test_whoever_panics_is_bought_nothing_more_by_copies_although_he_resumes(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(6)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        crowd, leader = await leader_of(talk)
        await talk.asks(f"/copy_trader {leader} 0.1", "SOL for each buy of his")
        talk.press("Confirm")
        await talk.hears("You copy")
        assert "nothing is bought with them" in await talk.asks("/mode paper", "From now on orders are decided")
        assert "buys nothing while you are in mode paper" in await talk.asks("/diag", "Copying is paused by nothing")
        await talk.asks("/mode live", "From now on orders are sent")
        await trio.sleep(5)
        assert "0 swaps were heard since this bot began" in await talk.asks("/diag", "Copying is paused by nothing")
        crowd.buy(mint, LEADER, 2 * TENTH)
        await talk.hears("Bought")
        told = await talk.asks("/panic", "1 position to sell")
        assert "Nobody is copied any more. The sniper is off" in told
        await talk.hears("Position closed")
        assert "buys nothing more: you sold everything" in await talk.asks("/diag", "Copying is paused by panic")
        await talk.asks("/resume", "Your pause is over")
        another = await token_on_the_market(talk)
        crowd.buy(another, LEADER, 2 * TENTH)
        await trio.sleep(90)
        assert await talk.world.store.copy_rules() == []
        assert await talk.world.store.open_positions() == []
        assert await talk.world.books_equal_chain()


async def test_nobody_copies_himself_a_circle_or_somebody_who_does_not_let_him(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(5)
    async with bot_on_telegram(talk, monkeypatch):
        told = await talk.agrees()
        own = told.partition("Your wallet is ")[2].split(".")[0]
        registrar = Registrar(talk.world.store, talk.world.vault, talk.world.clock, Mode.LIVE, talk.world._fund)
        bob = await registrar.ensure("bob", UserSettings())
        [wallet] = await talk.world.store.wallets(bob.id)
        await talk.asks(f"/copy_trader {own} 0.1", "nobody copies himself")
        await talk.asks("/copy_trader bob 0.1", "there is no trader bob who shows his results")
        await talk.world.store.change_settings(bob.id, lambda stored: replace(stored, copyable=True), by=bob.id)
        await talk.asks("/copy_trader bob 0.1", "there is no trader bob who shows his results")
        assert await talk.world.store.open_profile(Trader(bob.id, "bob", 0), talk.world.clock.now_ms())
        await talk.asks("/copy_trader bob 5000", "is not between the least of")
        await talk.asks("/copy_trader @bob 0.1", f"Copy bob ({wallet.address})?")
        talk.press("Confirm")
        await talk.hears("You copy bob from now on")
        [rule] = await talk.world.store.copy_rules()
        assert (rule.leader_user_id, rule.by_handle) == (bob.id, True)
        assert fits(rule) == ""
        back = replace(
            rule, id="back", user_id=bob.id, wallet_id=wallet.id, leader=own, leader_user_id=rule.user_id, code="back"
        )
        await talk.asks("/stop_copy @Bob", "You copy bob no more")
        assert await talk.world.store.place_copy_rule(back, most=9)
        await talk.asks("/copy_trader bob 0.1", "a circle of copies")
        await talk.asks("/copy_trader bob", "usage: /copy_trader")
        await talk.asks("/copies now", "usage: /copies")
        assert talk.world.reports == []
