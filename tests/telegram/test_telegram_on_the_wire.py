"""Conversations over HTTP with the strict fake of the Bot API: the real client, gateway, handlers and pipeline together."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pytest
import trio
from pydantic import SecretStr

from bot.clock import system_clock
from bot.commands import COMMANDS
from bot.errors import ChatUnavailable
from bot.execution import chat_doing
from bot.execution.chat_words import GROUP, KEY_DELETED, WORKING
from bot.localnet.inprocess import InProcessChain
from bot.telegram.client import open_telegram
from bot.telegram.gateway_pacing import Pace, PacedChat
from bot.telegram.words import short
from bot.trading.ledger import Account
from bot.trading.units import format_sol
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi
from tests.telegram.gateway_world import PlainDoor, gateway_running, until
from tests.telegram.telegram_bot import Talk, bot_on_telegram, token_on_the_market
from tests.whole.virtual import World

ADA, GROUP_CHAT = 7, -100
QUICK = Pace(per_s=200, burst=10)


@asynccontextmanager
async def _api(fake: FakeBotApi) -> AsyncIterator[PacedChat]:
    """The real client with a pace that no test waits for."""
    async with open_telegram(SecretStr(TOKEN), base_url=fake.url) as client:
        yield PacedChat(client, chat=QUICK, bot=QUICK)


def _talk(fake: FakeBotApi) -> Talk:
    chain = InProcessChain(seed=1, slot_ms=60, genesis_time_s=int(time.time()))
    return Talk(World(chain, system_clock()), fake)


async def test_consent_a_buy_a_restart_and_a_sale_by_a_button(
    fake: FakeBotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = _talk(fake)
    async with _api(fake) as api, bot_on_telegram(talk, monkeypatch, api=api):
        mint = await token_on_the_market(talk)
        talk.say("/start")
        await talk.hears("in plain words")
        talk.press("I agree")
        await talk.hears("Your wallet is")
        await talk.orders(f"/buy {mint} 0.1", "Bought")
        await talk.asks("/alerts fills silent", "fills = silent")
        assert fake.commands == {command.name: command.brief for command in COMMANDS if not command.is_privileged}
    async with _api(fake) as api, bot_on_telegram(talk, monkeypatch, api=api):
        fake.ask_to_wait("send", 1)
        await talk.asks("/positions", f"/sell {mint} all")
        talk.press(f"Sell all of {short(mint)}")
        await talk.confirms("Position closed")
        assert not any("Nothing is sent yet" in shown.text or "Sent: " in shown.text for shown in fake.messages(ADA))
        assert await talk.world.books_equal_chain()
        await hears_all_of_his_books(talk)


async def hears_all_of_his_books(talk: Talk) -> None:
    """Every command that reads them, over HTTP, and the file as it came."""
    await talk.asks("/orders", "No order of yours is on its way")
    await talk.asks("/history csv", "The column wallet_sol sums to")
    document = await talk.gets_file()
    rows = list(csv.DictReader(io.StringIO(document.content.decode())))
    [user] = await talk.world.store.users()
    ledger = await talk.world.store.ledger_sums(user.id, user.mode)
    assert sum(Decimal(row["wallet_sol"] or "0") for row in rows) * 10**9 == ledger[Account.WALLET]
    result = format_sol((await talk.world.store.day(0)).realized_lamports, signed=True)
    await talk.asks("/profit", f"since the beginning: {result} SOL; 1 buy, 1 sale")
    await talk.asks("/profit week", f"{result} SOL; 1 buy, 1 sale")
    await talk.asks("/stats", f"in all {result} SOL, as /profit has it.")
    await talk.asks("/my_stats", "1 closed position")
    await talk.asks("/performance", f"result {result} SOL")
    await talk.asks("/wallets", ", in use")
    await talk.asks("/deposit", "where SOL is play money")
    await talk.asks("/health", "the chain: up")
    await talk.asks("/version", "on a local chain of its own")
    await talk.asks("/diag", "Your sniper is off")


async def test_a_block_an_edit_a_key_and_a_group(fake: FakeBotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_doing, "SLOW_S", 0.05)
    door = PlainDoor()
    async with _api(fake) as api, gateway_running(fake, door, system_clock(), api=api) as life:
        message_id = fake.say(ADA, "/wait 0.3")
        await until(lambda: life.shown(ADA) == [WORKING])
        await until(lambda: life.shown(ADA) == ["did /wait 0.3"])

        fake.change(ADA, message_id, "/another command now")
        fake.block(ADA)
        fake.say(ADA, "/blocked")
        await until(lambda: "did /blocked" in [call.get("text") for _, call in fake.calls])
        fake.unblock(ADA)
        secret = fake.say(ADA, "my key abc")
        await until(lambda: life.shown(ADA)[-1] == KEY_DELETED)
        assert secret not in {shown.message_id for shown in fake.messages(ADA)}

        fake.say(ADA, "/panic", chat_id=GROUP_CHAT, chat_type="supergroup")
        await until(lambda: life.shown(GROUP_CHAT) == [GROUP])
        assert door.done == ["/wait 0.3", "/blocked"]
        assert life.reports == []


async def test_another_program_with_the_same_token_is_no_crash(fake: FakeBotApi) -> None:
    door = PlainDoor()
    async with _api(fake) as api, _api(fake) as other, gateway_running(fake, door, system_clock(), api=api) as life:
        await fake.polled.wait()
        # Whoever asks last ends the question of the other; either of the two may be the one who hears of it.
        with trio.move_on_after(0.2), suppress(ChatUnavailable):
            await other.updates(None, 10)
        fake.say(ADA, "/status")
        await until(lambda: door.done == ["/status"])
        assert life.reports == []
