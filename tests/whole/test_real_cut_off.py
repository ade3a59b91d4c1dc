"""The real bot is killed between an order's admission and its answer: the command is done again, the order is there once, and
what its user reads is so."""

from __future__ import annotations

import signal

import pytest

from tests.crash.doomed import AFTER, POINT
from tests.crash.real_points import DOOMED
from tests.telegram.fake_bot_api import TOKEN
from tests.whole.audit import audit
from tests.whole.real import FAST, RealBot, real_bot
from tests.whole.real_evidence import Row, rows_of_running
from tests.whole.real_telegram import TelegramOutside, telegram_outside

ADA = 7001
DIES_WITHIN_S = 60.0
ORDERS = """
select intents.state, intents.failure from intents
inner join users on users.id = intents.user_id where telegram_id = {chat_id} and side = 'buy' order by intents.seq
"""
TRADES = """
select trades.side from trades inner join positions on positions.id = position_id inner join users on users.id = positions.user_id
where telegram_id = {chat_id}
"""


def start(bot: RealBot, **doom: str) -> None:
    environment = {"TELEGRAM_BOT_TOKEN": TOKEN, **doom}
    if doom:
        bot.start(environment=environment, program=DOOMED)
    else:
        bot.start(environment=environment)


def orders(bot: RealBot) -> list[Row]:
    return list(rows_of_running(bot.directory, ORDERS.format(chat_id=ADA)))


def comes_in(bot: RealBot, telegram: TelegramOutside) -> str:
    """A person with a wallet and no further questions, while nobody else trades; a token that is on the market."""
    telegram.asks(ADA, "/start", "in plain words")
    bot.say(str(ADA), "/start agree", "/settings require_confirmation off", "/settings slippage_buy 50%")
    bot.snipers_off()
    bot.until_flat()
    bot.until_logged("token_detected", 3)
    return str([event["mint"] for event in bot.log() if event["event"] == "token_detected"][-1])


@pytest.mark.slow
@pytest.mark.parametrize("point", ["Pipeline.judged_by: store.admit", "Pipeline._sign: store.record_attempt"])
def test_an_order_that_was_cut_off_before_its_answer_is_there_once_and_told_as_it_is(point: str) -> None:
    """Slow: three lives of the real bot, of which one is killed."""
    with telegram_outside() as telegram, real_bot(f'{FAST}[telegram]\nbase_url = "{telegram.url}"\n') as bot:
        start(bot)
        bot.until_open()
        mint = comes_in(bot, telegram)
        bot.stop()
        start(bot, **{POINT: point, AFTER: "1"})
        bot.until_open()
        telegram.do(lambda fake: fake.say(ADA, f"/buy {mint} 0.1"))
        assert bot.ended_by_itself(within_s=DIES_WITHIN_S) == -signal.SIGKILL
        heard = len(telegram.texts(ADA))

        start(bot)
        bot.until_open()
        telegram.until("an answer", lambda: len(telegram.texts(ADA)) > heard)
        bot.until("an end", lambda _: all(row["state"] in {"filled", "failed", "cancelled"} for row in orders(bot)))
        [order] = orders(bot)
        trades = rows_of_running(bot.directory, TRADES.format(chat_id=ADA))
        told = "\n".join(telegram.texts(ADA)[heard:])
        if order["state"] == "filled":
            assert [row["side"] for row in trades] == ["buy"]
            telegram.until("the result", lambda: any("Bought" in text for text in telegram.texts(ADA)[heard:]))
            assert "nothing was done" not in told
        else:
            assert list(trades) == []
            assert "Sent: buying" not in told
        bot.say(str(ADA), "/panic")
        bot.until_flat()
        bot.stop()
        assert audit(bot.directory) == []
