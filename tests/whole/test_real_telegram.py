"""Telegram breaks while the real bot trades for people who see it only there: it goes on, and nothing it owed them is lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from decimal import Decimal

import pytest

from bot.ports import Document, OutboxMessage
from bot.telegram.history_text import COLUMN_OF
from bot.telegram.replies import message_text
from tests.telegram.fake_bot_api import TOKEN, FakeBotApi
from tests.telegram.fake_webhook import free_port
from tests.whole.audit import audit
from tests.whole.real import FAST, RealBot, Status, real_bot, supervision_file
from tests.whole.real_evidence import Row, rows_of_running
from tests.whole.real_market import write_busy_market
from tests.whole.real_telegram import TelegramOutside, telegram_outside

ADA, BOB = 7001, 8001
WEBHOOK = "https://bot.example/telegram"
BUYS = ("/settings slippage_buy 15%", "/settings snipe_daily 2")
LAUNCHES = 400
PAUSE_AFTER_S = 3
OWED = "select outbox.* from outbox inner join users on users.id = user_id where telegram_id = {chat_id} order by outbox.seq"

BOOKED = """
select account, sum(lamports) as lamports
from ledger_legs
inner join ledger_entries on ledger_entries.id = entry_id
inner join user_wallets on user_wallets.id = wallet_id
inner join users on users.id = user_id
where telegram_id = {chat_id} and ledger_entries.id <= {until}
group by account
"""


def start(bot: RealBot) -> None:
    bot.start("--market", str(bot.directory / "busy.csv"), environment={"TELEGRAM_BOT_TOKEN": TOKEN})


def by_webhook_from_now_on(bot: RealBot, telegram: TelegramOutside) -> None:
    """The next life is brought updates at a public address, from where a proxy passes them on to it."""
    port = free_port()
    telegram.do(lambda fake: fake.webhook.proxied.update({WEBHOOK: port}))
    (bot.directory / "bot.toml").write_text(f'{bot.settings}webhook_url = "{WEBHOOK}"\nwebhook_port = {port}\n')


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


def files(fake: FakeBotApi, chat_id: int) -> list[Document]:
    return [shown.document for shown in fake.messages(chat_id) if shown.document is not None]


def table_of(telegram: TelegramOutside, chat_id: int) -> list[dict[str, str]]:
    content = telegram.do(lambda fake: files(fake, chat_id)[-1].content).decode()
    return list(csv.DictReader(io.StringIO(content)))


def in_the_table(table: Sequence[dict[str, str]]) -> dict[str, int]:
    """What each column sums to in lamports, by its account; zeros are left out."""
    sums = {
        account.value: sum(int(Decimal(row[column] or "0") * 10**9) for row in table)
        for account, column in COLUMN_OF.items()
    }
    return {account: lamports for account, lamports in sums.items() if lamports}


def in_the_ledger(bot: RealBot, chat_id: int, *, until: int) -> dict[str, int]:
    """The same from the rows themselves, of entries up to the newest of the table."""
    rows = rows_of_running(bot.directory, BOOKED.format(chat_id=chat_id, until=until))
    return {row["account"]: int(row["lamports"]) for row in rows if row["lamports"]}


def is_told_by(text: str, message: str) -> bool:
    """Whether a chat's message says this, alone or above the card that it became."""
    return text == message or text.startswith(f"{message}\n\n")


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
            by_webhook_from_now_on(bot, telegram)
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
            telegram.asks(ADA, "/history csv", "The column wallet_sol sums to")
            telegram.until("the file has come", lambda: bool(telegram.do(lambda fake: files(fake, ADA))))
            table = table_of(telegram, ADA)
            assert in_the_table(table) == in_the_ledger(bot, ADA, until=max(int(row["number"]) for row in table))
            wanted = [text_of(row) for row in owed(bot, ADA)]
            assert [one for text in telegram.texts(ADA) for one in set(wanted) if is_told_by(text, one)] == wanted
            assert telegram.do(lambda fake: (fake.webhook.url, fake.webhook.delivered > 0)) == (WEBHOOK, True)
            bot.stop()
            assert audit(bot.directory) == []
