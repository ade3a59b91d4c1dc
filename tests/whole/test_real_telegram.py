"""Telegram breaks while the real bot trades for people who see it only there: it goes on, and nothing it owed them is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from bot.ports import OutboxMessage
from bot.telegram.replies import message_text
from tests.telegram.fake_bot_api import TOKEN
from tests.whole.audit import audit
from tests.whole.real import FAST, RealBot, Status, real_bot, supervision_file
from tests.whole.real_evidence import Row, rows_of_running
from tests.whole.real_market import write_busy_market
from tests.whole.real_telegram import TelegramOutside, telegram_outside

ADA, BOB = 7001, 8001
BUYS = ("/settings slippage_buy 15%", "/settings snipe_daily 2")
LAUNCHES = 400
PAUSE_AFTER_S = 3
OWED = "select outbox.* from outbox inner join users on users.id = user_id where telegram_id = {chat_id} order by outbox.seq"


def start(bot: RealBot) -> None:
    bot.start("--market", str(bot.directory / "busy.csv"), environment={"TELEGRAM_BOT_TOKEN": TOKEN})


def comes_in(bot: RealBot, telegram: TelegramOutside, chat_id: int) -> None:
    """Somebody opens a chat; what he wants is typed at the console, because Telegram takes one message a second."""
    telegram.asks(chat_id, "/start", "in plain words")
    wants(bot, chat_id, "/start agree", "/settings max_hold 5", *BUYS, "/snipe_enable")


def wants(bot: RealBot, chat_id: int, *lines: str) -> None:
    bot.say(str(chat_id), *lines)


def next_buy(bot: RealBot, telegram: TelegramOutside, chat_id: int) -> None:
    """One more token is bought and told of, and then no more."""
    heard = len(telegram.texts(chat_id))
    wants(bot, chat_id, "/settings snipe_daily 3")
    telegram.until("told of the next buy", lambda: len(telegram.texts(chat_id)) > heard)
    wants(bot, chat_id, "/snipe_disable")


def owed(bot: RealBot, chat_id: int) -> Sequence[Row]:
    """All messages to a user in the order in which he is to hear them."""
    return rows_of_running(bot.directory, OWED.format(chat_id=chat_id))


def is_done(row: Row) -> bool:
    return bool(row["delivered_at"] or row["undeliverable_at"])


def text_of(row: Row) -> str:
    payload = row["payload"]
    facts = json.loads(payload) if isinstance(payload, str) else payload
    return message_text(OutboxMessage(row["id"], row["user_id"], row["kind"], facts, row["urgent"], row["trace_id"], 0))


def health(status: Status) -> str:
    return str(status["services"]["telegram"]["health"])


def causes(status: Status) -> set[str]:
    return {cause["cause"] for cause in status["causes"]}


@pytest.mark.slow
def test_an_outage_of_telegram_with_a_kill_in_it_loses_and_doubles_no_message() -> None:
    """Slow: two users' trades are made, held and told at Telegram's own pace, through an outage and a restart in it."""
    supervision = supervision_file(dwell_s=0.2, telegram={"pauses_after_s": PAUSE_AFTER_S})
    with telegram_outside() as telegram:
        settings = f'{FAST}[telegram]\nbase_url = "{telegram.url}"\n'
        with real_bot(settings, supervision) as bot:
            write_busy_market(bot.directory / "busy.csv", LAUNCHES)
            start(bot)
            bot.until("Telegram up", lambda status: health(status) == "up")
            for chat_id in (ADA, BOB):
                comes_in(bot, telegram, chat_id)
            telegram.until("a buy is told", lambda: any("Bought" in text for text in telegram.texts(ADA)))

            telegram.close()
            status = bot.until("it is seen", lambda status: health(status) == "down")
            assert "telegram" not in causes(status)
            traded = status["trades_today"]
            bot.until("trades go on", lambda status: status["trades_today"]["buys"] > traded["buys"])
            bot.until("automated entries pause", lambda status: "telegram" in causes(status))
            bot.until("exits go on", lambda status: status["positions"]["open"] == 0)
            bot.kill()
            start(bot)
            bot.until("still away", lambda status: status["reconciled"] and health(status) == "down")
            assert [row for row in owed(bot, ADA) if row["delivered_at"] is None]

            telegram.do(lambda fake: fake.block(BOB))
            for _ in range(2):
                telegram.do(lambda fake: fake.ask_to_wait("send", 1))
            telegram.open()
            bot.until("everything told", lambda _: all(row["delivered_at"] for row in owed(bot, ADA)))
            bot.until("given up", lambda _: all(is_done(row) for row in owed(bot, BOB)))
            assert any("blocked" in (row["undeliverable_why"] or "") for row in owed(bot, BOB))
            bot.until_open()

            telegram.do(lambda fake: fake.unblock(BOB))
            for chat_id in (ADA, BOB):
                next_buy(bot, telegram, chat_id)
            bot.snipers_off()
            bot.until_flat()
            bot.until("all told", lambda _: all(is_done(row) for chat_id in (ADA, BOB) for row in owed(bot, chat_id)))
            wanted = [text_of(row) for row in owed(bot, ADA)]
            assert [text for text in telegram.texts(ADA) if text in set(wanted)] == wanted
            bot.stop()
            assert audit(bot.directory) == []
