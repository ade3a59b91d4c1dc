"""Withdrawals that would lose money or tell something false: wrong addresses, dust, a second wallet, an order done twice."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from actors.runtime import Supervisor
from bot.commands import BY_NAME
from bot.errors import StoreUnavailable, Unavailable
from bot.ports import User
from bot.telegram.chat import Answer, Incoming
from bot.telegram.handlers.withdraw import Withdraw, WithdrawHandlers
from bot.trading.intent import Mode, TradeRequest
from bot.trading.risk_gate import Refused
from bot.tree import TradingBot
from tests.telegram.telegram_bot import Talk, bot_on_telegram, token_on_the_market
from tests.telegram.test_telegram_security import secured
from tests.telegram.test_telegram_withdraw import DELAY_S, HOME, allowed, lamports_at, rich_talk
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order

DERIVED = (
    "HvNVbpYCEyjgL2YToW7fmyqFabxhWzBzcaKmgLsFY1Yz"  # an address that nobody can have the key of, and that holds nothing
)


async def test_no_address_is_allowed_at_which_sol_would_be_lost(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(51)
    async with bot_on_telegram(talk, monkeypatch, modes=(Mode.LIVE, Mode.DRY_RUN)):
        device = await secured(talk)
        mint = await token_on_the_market(talk)
        await talk.asks("/mode dry_run", "From now on")
        await talk.asks("/mode live", "From now on")
        virtual = next(one for one in await talk.world.store.wallets() if one.mode is Mode.DRY_RUN)
        code = await device.next_code()
        for address, told in (
            (mint, f"{mint} is no wallet but a token"),
            (DERIVED, f"{DERIVED} is no wallet"),
            (virtual.address, "is a wallet of play money"),
        ):
            await talk.asks(f"/withdraw add {address} {code}", told)
        await talk.asks(f"/withdraw add {HOME} {code}", f"{HOME} is allowed for main")


async def test_what_is_too_little_for_a_new_account_is_not_sent(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(52)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await allowed(talk, device)
        code = await device.next_code()
        await talk.asks(f"/withdraw 0.0005 {HOME} {code}", "send at least 0.00089088 SOL there")
        await talk.asks(f"/withdraw 0.00089088 {HOME} {code}", "Sent: 0.00089088 SOL")
        await talk.hears("0.00089088 SOL were sent")
        await talk.asks(f"/withdraw 0.0005 {HOME} {await device.next_code()}", "Sent: 0.0005 SOL")
        await talk.hears("0.0005 SOL were sent")
        assert lamports_at(talk, HOME) == 1_390_880


async def test_the_way_back_that_an_alert_names_is_that_of_its_wallet(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(53)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await talk.asks("/wallets add savings", "Your wallet savings is")
        await talk.asks(f"/withdraw add {HOME} {await device.next_code()} savings", "is allowed for savings")
        told = await talk.hears("With a code of your authenticator")
        way_back = told.partition("send ")[2].partition(" now,")[0]
        await talk.asks(way_back, f"{HOME} is not allowed for savings any more")
        await talk.asks("/withdraw", "You have allowed no address yet")


async def test_what_a_user_sends_from_one_wallet_to_another_is_in_the_books_of_both(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(56)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await talk.asks("/wallets add savings", "Your wallet savings is")
        savings = next(one for one in await talk.world.store.wallets() if one.name == "savings")
        await talk.asks(f"/withdraw add {savings.address} {await device.next_code()}", "is allowed for main")
        await trio.sleep(DELAY_S)
        await talk.asks(f"/withdraw 1 {savings.address} {await device.next_code()}", "Sent: 1 SOL")
        await talk.hears("1 SOL were sent")
        await exact(bot, talk.world)
        assert (await talk.world.store.wallet_ledger(savings.id)).booked_lamports == 11_000_000_000


async def _done(bot: TradingBot, talk: Talk, user: User, text: str, key: str, withdraw: Withdraw | None = None) -> str:
    """What a command answers that Telegram, or the inbox after a kill, brings under this key."""
    world = talk.world
    store, chain, vault = bot.adapters.store, bot.adapters.chain, bot.adapters.vault
    handlers = WithdrawHandlers(store, chain, vault, world.clock, withdraw or bot.desk.withdraw)
    arguments = tuple(text.split()[1:])
    told = await handlers.withdraw(Incoming(user, talk.person, text, key), arguments, BY_NAME["withdraw"])
    return told.text if isinstance(told, Answer) else told


async def test_a_withdrawal_that_is_done_again_after_a_kill_says_what_became_of_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(54)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await allowed(talk, device)
        [user] = await talk.world.store.users()
        refused = f"/withdraw 1 {HOME} 000000"
        assert "that code is wrong" in await _done(bot, talk, user, refused, "tg:900")
        assert "It was given up before anything was sent" in await _done(bot, talk, user, refused, "tg:900")
        sent = f"/withdraw 1 {HOME} {await device.next_code()}"
        assert "Sent: 1 SOL" in await _done(bot, talk, user, sent, "tg:901")
        await talk.hears("1 SOL were sent")
        assert "It has left" in await _done(bot, talk, user, sent, "tg:901")
        assert lamports_at(talk, HOME) == 1_000_000_000


async def test_an_order_that_is_done_again_while_the_bot_starts_is_not_told_to_be_nothing(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(58)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await allowed(talk, device)
        [user] = await talk.world.store.users()
        sent = f"/withdraw 1 {HOME} {await device.next_code()}"
        assert "Sent: 1 SOL" in await _done(bot, talk, user, sent, "tg:903")

        def starting() -> Supervisor:
            raise Unavailable("the bot is still starting")

        monkeypatch.setattr(bot.desk, "executors", starting)
        assert "Sent: this order exists already" in await _done(bot, talk, user, sent, "tg:903")
        await talk.hears("1 SOL were sent")
        assert "1 SOL to" in (told := await _done(bot, talk, user, sent, "tg:903"))
        assert "It has left" in told
        other = f"/withdraw 1 {HOME} {await device.next_code()}"
        assert "nothing was done" in await _done(bot, talk, user, other, "tg:904")

        async def away(_key: str) -> None:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable("the database did not answer")

        mint = await token_on_the_market(talk)
        monkeypatch.setattr(talk.world.store, "intent_of", away)
        told = await bot.desk.submit(
            order(user, (await talk.world.store.wallets(user.id))[0], mint, spend_lamports=10**8)
        )
        assert isinstance(told, Refused)
        assert "whether it was done before, if you sent it before, is not known" in told.reason


async def test_a_withdrawal_that_was_planned_before_a_kill_is_sent_when_it_is_done_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(55)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await allowed(talk, device)
        [user] = await talk.world.store.users()
        store, clock = talk.world.store, talk.world.clock

        async def killed_once_planned(request: TradeRequest, _code: str) -> Refused:
            await store.plan_withdrawal(request, intent_id="planned", now_ms=clock.now_ms(), wallet_lamports=10**10)
            return Refused("unknown", "killed")

        text = f"/withdraw 1 {HOME} {await device.next_code()}"
        assert "killed" in await _done(bot, talk, user, text, "tg:902", killed_once_planned)
        assert "Sent: 1 SOL" in await _done(bot, talk, user, text, "tg:902")
        await talk.hears("1 SOL were sent")
        assert lamports_at(talk, HOME) == 1_000_000_000


async def test_all_that_may_leave_while_a_purchase_is_on_its_way_leaves_and_its_exit_is_paid_for(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(57)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await talk.asks("/settings max_hold off", "max_hold = off")
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await allowed(talk, device)
        mint = await token_on_the_market(talk)
        code = await device.next_code()
        talk.world.chain.set_fault("drop-tx", for_s=6)
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying")
        await talk.asks(f"/withdraw all {HOME} {code}", "Sent: 9.8")
        await talk.hears("SOL were sent")
        await talk.asks(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        await exact(bot, talk.world)
