"""Whole conversations in virtual time: every command as a person would use it, and what goes wrong in between."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from importlib.metadata import version

import pytest
import trio
from trio.testing import MockClock

from bot.clock import SpanUnit
from bot.commands import COMMANDS
from bot.ports import ChatApi
from bot.telegram.gateway_pacing import PacedChat
from bot.telegram.handlers.books import SHOWN
from bot.telegram.history_text import COLUMN_OF
from bot.telegram.words import short
from bot.trading.alerting import ALERT_KINDS
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL, format_sol
from tests.telegram.bot_api_schema import Schema
from tests.telegram.fake_bot_api import FakeBotApi
from tests.telegram.gateway_world import until
from tests.telegram.guarded_commands import types_what_takes_a_code
from tests.telegram.talk_about_wallets import follows_wallets
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.telegram.test_telegram_paper import trades_on_paper
from tests.telegram.wire_in_memory import client_in_memory
from tests.whole.virtual import bought, closed


async def _agree(talk: Talk) -> None:
    talk.say("/start")
    await talk.hears("Before you start, in plain words")
    talk.press("I agree")
    await talk.hears("Your wallet is")


@pytest.fixture(params=["memory", "wire"])
async def either(
    request: pytest.FixtureRequest,
    schema: Schema | None,
) -> AsyncIterator[tuple[Talk, ChatApi]]:
    """Somebody on the twin of Telegram, and somebody behind the real client and the strict fake of the Bot API."""
    talk = make_talk(1)
    if request.param == "memory":
        yield talk, PacedChat(talk.telegram)
        return
    talk.telegram = fake = FakeBotApi(schema, lambda: talk.world.clock.now_ms() / 1000)
    async with client_in_memory(fake) as client:
        yield talk, PacedChat(client)
    assert fake.complaints == []
    assert not any("parse_mode" in call for _, call in fake.calls)  # every text is plain: nobody's words are markup


async def test_every_command_from_consent_to_panic(
    autojump_clock: MockClock, either: tuple[Talk, ChatApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, api = either
    async with bot_on_telegram(talk, monkeypatch, api=api):
        mint = await token_on_the_market(talk)
        await talk.asks("/wallet", "You have no wallet here yet")
        await _agree(talk)
        await talk.asks("/start", "You are set up as tg-7")
        everything = await talk.asks("/help", "/start - consent")
        assert all((f"/{one.name} - {one.brief}" in everything) is not one.is_privileged for one in COMMANDS)
        await talk.asks("/help /limit", "/limit buy MINT 0.1 mc=40 12h")
        await talk.asks("/help analize", "there is no such command; did you mean /help analyze?")
        await talk.asks("/help broadcast", "there is no such command; see /help")
        await talk.asks("/wallet", "balance 10 SOL")
        await talk.asks("/status", "today: 0 buys, 0 sells")

        await talk.orders(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
        await talk.hears("Bought")
        await talk.asks("/positions", f"/sell {mint} all")
        await talk.asks(f"/card {mint}", "[live] Your position in ")
        await talk.orders(f"/sell {mint} 50%", "Sent: selling")
        await talk.hears("Sold")
        talk.press(f"Sell all of {short(mint)}")
        await talk.confirms("Sent: selling")
        await talk.hears("Position closed")
        await talk.asks("/status", "today: 1 buys, 2 sells, 0 failed")
        await talk.asks(f"/why {mint}", "SOL account rent back")

        await talk.asks("/balance", "SOL in ")
        await talk.asks(
            f"/sell {mint} all", "you hold no position in this token, and what came from elsewhere is not sold"
        )
        await talk.asks(f"/price {mint}", "Nobody can freeze, tax, take back or mint more of it")
        told = await talk.asks(f"/info {mint}", "calls itself Token 1 (T1)")
        assert all(words in told for words in ("You hold no position in it.", "Launched"))
        await hears_his_books(talk)
        await hears_of_wallets_and_the_bot(talk)
        await hears_how_loudly_he_is_told(talk)
        await talk.asks("/leaderboard", "nobody yet")
        await talk.asks("/trader", "You are not shown to anybody")
        await talk.asks(f"/rate_token {mint} 5", "You gave it 5 of 10")
        await talk.asks(f"/community {mint}", "1 rating")
        await talk.asks("/rewards", "100 for having begun")
        await changes_settings(talk)
        await talk.asks("/mode", "[live] Your mode is live")
        await follows_wallets(talk)
        await talk.asks("/pause", "Your entries are paused")
        await talk.asks(f"/buy {mint} 0.1", "Not done: entries are paused (paused)")
        await talk.asks("/resume", "Your pause is over")
        await talk.asks("/resume", "You have not paused")
        await talk.asks("/ack_outflow", "Nothing has left your wallet without this bot")

        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        talk.press("Cancel")
        await talk.hears("Cancelled; nothing was sent")
        await talk.asks(card.splitlines()[-2].strip(), "There is no such offer for you")
        await talk.asks(card.splitlines()[-1].strip(), "There is no such offer for you")
        await trades_on_paper(talk, mint)
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await talk.asks("/snipe", "The sniper is off")
        await talk.asks("/snipe_enable", "The sniper is on")
        await talk.asks("/snipe_disable", "The sniper is off")
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        await talk.asks("/panic", "1 position to sell, at any price")
        await talk.hears("Position closed")
        assert await talk.world.books_equal_chain()
    assert set(talk.said) == {command.name for command in COMMANDS if not command.is_privileged}


async def changes_settings(talk: Talk) -> None:
    await talk.asks("/settings", "stop_loss = 10 %")
    await talk.asks("/settings stop_loss 25%", "stop_loss = 25 %; it holds for positions opened from now on")
    await talk.asks("/settings on_critical hold", "on_critical = hold; it holds from now on, for open positions too")
    await talk.asks("/settings stop_lost 25%", "did you mean stop_loss?")
    await talk.asks("/settings stop_loss 900%", "stop_loss goes from")
    await talk.asks("/settings max_trade 5000", "Effective 1 SOL, by the operator's limit; yours is 5000 SOL")
    await talk.asks("/settings max_trade", "(0.001 SOL to 10000 SOL). Effective 1 SOL, by the operator's limit")
    await talk.asks("/settings use_stop_loss off", "stop_loss = off")


async def hears_his_books(talk: Talk) -> None:
    """After one buy and two sales, the last of which closed the position."""
    await hears_his_history(talk)
    result = (await talk.world.store.day(0)).realized_lamports
    told = format_sol(result, signed=True)
    profit = await talk.asks("/profit", "[live] Your result, in days of UTC:")
    assert profit.count(f"{told} SOL; 1 buy, 2 sales; fees") == 4, profit  # today, this week, this month, ever
    assert "yesterday: nothing" in profit
    for unit, day in (("day", "2026"), ("week", "week from "), ("month", "2026-")):
        listed = await talk.asks(f"/profit {unit}", f"Your result of the last {SHOWN[SpanUnit(unit)]} {unit}s")
        assert f"{day}" in listed
        assert listed.count(f"{told} SOL; 1 buy, 2 sales") == 1, listed
    stats = await talk.asks("/stats", "by what ended the trades, since the beginning")
    assert all(line in stats for line in (f"by hand: 2 sales, 0 with a gain, {told} SOL", f"in all {told} SOL"))
    await talk.asks("/stats week", "this week, since ")
    mine = await talk.asks("/my_stats", "1 closed position: 0 with a gain (0 %)")
    assert f"worst {told} SOL" in mine
    await talk.asks("/share", f"closed, result {told} SOL. Its picture follows")
    performance = await talk.asks("/performance", "You hold no position")
    assert f"result {told} SOL" in performance
    assert "Between the two" not in performance, performance
    for wrong in ("/profit year", "/profit day week", "/stats " + "9" * 25, "/my_stats \u202e*_`", "/performance <b>"):
        await talk.asks(wrong, f"usage: {wrong.split(maxsplit=1)[0]}")
    await talk.asks("/profit paper", "you have no books of mode paper; yours are of: live")
    await talk.asks("/profit live dry_run", "one mode at a time")


async def hears_of_wallets_and_the_bot(talk: Talk) -> None:
    [user] = await talk.world.store.users()
    [wallet] = await talk.world.store.wallets(user.id)
    told = await talk.asks("/wallets", f"[live] {wallet.address} (main: what you buy by hand, ")
    assert "0 open positions at a cost of 0 SOL" in told
    told = await talk.asks("/deposit", "on this bot's own local chain, where SOL is play money")
    assert wallet.address in told.splitlines()
    await talk.asks("/deposit paper", "you have no books of mode paper")
    await talk.asks("/orders", "No order of yours is on its way")
    told = await talk.asks("/health", "Trading is OPEN, level 1")
    assert "the books: up; the chain: up; news of launches: up" in told, told
    assert "For you: OPEN, level 1: entries are open for you" in told
    await talk.asks("/version", f"trading-bot {version('trading-bot')}, on a local chain of its own.")
    told = await talk.asks("/diag", "[live] Your sniper is off; paused by nothing. /snipe_enable switches it on.")
    assert "For a token that you do not hold, in this order:" in told
    await talk.asks("/close_account", "To close it: /close_account yes")
    await types_what_takes_a_code(talk)
    await has_a_wallet_for_his_sniper(talk)
    wrong_ones = (
        "/ai,/blacklist add,/limit,/dca,/top 9,/close_account no,/wallets all,/deposit 1,/orders *,/health x,/version 9"
    )
    for wrong in (*wrong_ones.split(","), "/diag \u202e"):
        await talk.asks(wrong, f"usage: {wrong.split(maxsplit=1)[0]}")


async def has_a_wallet_for_his_sniper(talk: Talk) -> None:
    told = await talk.asks("/wallets add snipes", "[live] Your wallet snipes is ")
    assert "Nothing buys from it yet: /wallets use snipes sniper" in told
    await talk.asks("/wallets add snipes", "a wallet of yours is called snipes already")
    await talk.asks("/wallets add Main!", "a wallet's name has 1 to 16 small letters")
    await talk.asks("/wallets use snipes sniper", "From now on what your sniper buys is paid by snipes (")
    await talk.asks("/wallets use snipes luck", "there is no such strategy; it is one of: manual, sniper, auto, copy")
    await talk.asks("/wallets use none sniper", "you have no wallet 'none' in this mode; yours are: main, snipes")
    await talk.asks("/wallets rename snipes risky", "snipes is called risky from now on")
    told = await talk.asks("/wallets", "(main: what you buy by hand, what /limit and /dca buy, what you copy), in use")
    assert "(risky: what your sniper buys), in use" in told
    assert "risky, what your sniper buys:" in await talk.asks("/deposit", "on this bot's own local chain")
    await talk.asks("/balance", "(risky)")


async def hears_how_loudly_he_is_told(talk: Talk) -> None:
    told = await talk.asks("/alerts", "What you are told of, and how loudly:")
    assert all(f"{kind.name} = {kind.unset} - " in told for kind in ALERT_KINDS)
    await talk.asks("/alerts expired off", "expired = off: it does not come")
    await talk.asks(
        "/alerts fills off", "fills is about money, which is never off; /alerts fills silent takes its sound"
    )
    await talk.asks("/alerts FILLS silent", "fills = silent: it comes without a sound, from now on.")
    told = await talk.asks("/alerts", "fills = silent")
    assert "expired = off" in told
    for wrong in ("/alerts fills", "/alerts a b c"):
        await talk.asks(wrong, "usage: /alerts [KIND|all on|silent|off]")
    await talk.asks("/alerts \u202e*_` off", "there is no such kind; it is one of: fills, failures")
    await talk.asks("/alerts fills 99999999999", "there is no such level; it is one of: on, silent, off")
    await talk.asks("/alerts all off", "Not changed, because they are about money and never off: fills, failures")
    await talk.asks(
        "/alerts all on", "waiting, standing, exits, books, signals, brakes, halts, news, reports, cards, pictures = on"
    )


async def hears_his_history(talk: Talk) -> None:
    """The same entries to read, and as a file whose columns sum to what the ledger says."""
    told = await talk.asks("/history", "[live] The latest of your ledger, in the time of UTC:")
    assert told.count("sold ") == 2, told
    assert told.count("bought ") == 1, told
    assert (await talk.asks("/history 1", "The latest of your ledger")).count("sold ") == 1
    for wrong in ("0", "51", "999999999", "-1", "\u0661", "csv csv", "=1+1", "*_`["):
        await talk.asks(f"/history {wrong}", "usage: /history [COUNT|csv] [MODE] (how many entries, 1 to 50")
    await talk.asks("/history csv", "The column wallet_sol sums to")
    document = await talk.gets_file()
    assert document.name.startswith("history-live-2")
    rows = list(csv.DictReader(io.StringIO(document.content.decode())))
    assert {row["side"] for row in rows} >= {"buy", "sell"}
    [user] = await talk.world.store.users()
    ledger = await talk.world.store.ledger_sums(user.id, user.mode)
    for account, column in COLUMN_OF.items():
        in_file = sum(Decimal(row[column] or "0") for row in rows)
        assert in_file * LAMPORTS_PER_SOL == ledger.get(account, 0), column


async def test_wrong_commands_are_answered_with_what_is_right(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(2)
    async with bot_on_telegram(talk, monkeypatch):
        await _agree(talk)
        await talk.asks("hello", "commands begin with a slash")
        await talk.asks("/postions", "did you mean /positions?")
        await talk.asks("/buy", "usage: /buy MINT SOL")
        await talk.asks("/buy nonsense 1", "is not a token address")
        await talk.asks("/sell@memory_bot 1", "usage: /sell")
        await talk.asks("x" * 600, "longer than 512 characters")


async def test_an_update_that_comes_again_after_a_restart_trades_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(3)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await _agree(talk)
        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        confirm = next(line.strip() for line in card.splitlines() if "/confirm" in line)
        # The poll that brings the confirmation is the last one that is answered, so nothing confirms the update.
        for _ in range(7):
            talk.telegram.lose("updates")
        talk.say(confirm)
        await bought(talk.world, 1)
    assert [update.text for update in talk.telegram._pending] == [confirm]
    talk.telegram._faults.clear()
    async with bot_on_telegram(talk, monkeypatch):
        await until(lambda: talk.telegram._pending == [])
        await talk.asks(confirm, "You confirmed that before")
        await trio.sleep(30)
        assert (await talk.world.store.day(0)).buys == 1
        assert len(await talk.world.store.open_positions()) == 1
        assert talk.telegram._pending == []
        assert await talk.world.books_equal_chain()


async def test_a_restart_in_the_middle_of_an_order_tells_its_result_afterwards(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(4)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await _agree(talk)
        talk.world.chain.set_fault("drop-tx", for_s=4)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        told = await talk.asks("/orders", "1 order on the way")
        assert f"[live] buy of {short(mint)} for 0.1 SOL (by hand)" in told, told
        assert "sent, not yet proven; signed once" in told, told
        assert "Next: the same bytes go out again" in told, told
    async with bot_on_telegram(talk, monkeypatch):
        await talk.hears("Bought", within_s=60)
        await talk.orders(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        assert await talk.world.books_equal_chain()


async def test_nobody_sees_anything_of_another_user(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(8)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await _agree(talk)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        talk.world.chain.set_fault("drop-tx", for_s=20)
        await talk.orders(f"/sell {mint} 50%", "Sent: selling")
        other = Talk(talk.world, talk.telegram, person=8)
        await other.asks("/orders", "You have no wallet here yet; send /start first.")
        await other.asks("/health", "Trading is OPEN")
        await _agree(other)
        await other.asks("/orders", "No order of yours is on its way")
        await other.asks("/history", "Nothing is in your books yet")
        await other.asks("/history csv", "so there is nothing to send")
        await other.asks("/profit", "since the beginning: nothing")
        await other.asks("/profit day", "nothing was traded in any of them")
        await other.asks("/stats", "nothing was sold or paid for")
        await other.asks("/my_stats", "No position of yours has closed yet")
        await other.asks("/performance", "You hold no position")
        told = await other.asks("/wallets", ", in use")
        [mine] = await talk.world.store.wallets((await talk.world.store.users())[0].id)
        assert mine.address not in told
        told = await talk.asks("/performance", "At risk: ")
        assert f"100 % of it in {short(mint)}" in told, told
        assert "Between the two" not in told, told
        shown = [shown for shown in talk.telegram.messages(other.person) if shown.ours]
        assert all(short(mint) not in one.text and one.document is None for one in shown)


async def test_orders_go_on_for_somebody_who_blocked_the_bot(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(5)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await _agree(talk)
        await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        talk.press("Confirm")
        talk.telegram.block(talk.person)
        await bought(talk.world, 1)
        await trio.sleep(10)
        assert await talk.world.store.due(9) == []
        talk.telegram.unblock(talk.person)
        await talk.asks("/positions", f"/sell {mint} all")


async def test_a_flood_limit_and_a_broken_network_lose_no_message(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(6)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await _agree(talk)
        talk.telegram.ask_to_wait("send", 15)
        talk.telegram.lose("send")
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        talk.telegram.go_away()
        await trio.sleep(200)
        talk.telegram.go_away(away=False)
        await trio.sleep(60)
        await talk.asks("/panic", "The sniper is off")
        await talk.hears("Position closed")


async def test_a_pressed_sell_button_sells_once_however_often_it_is_pressed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(7)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await _agree(talk)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        talk.press(f"Sell all of {short(mint)}")
        await talk.hears("Nothing is sent yet")
        for _ in range(4):
            talk.press("Confirm")
        await closed(talk.world, 1)
        await trio.sleep(10)
        sales = [trade for trade in talk.world.store._trades.values() if trade.fill.side is Side.SELL]
        assert len(sales) == 1
        assert await talk.world.books_equal_chain()
