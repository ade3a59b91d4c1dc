"""Whatever strangers type, press or forge: it is answered in words, nothing breaks, nothing is bought, and no markup is made."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.commands import COMMANDS
from bot.ports import ButtonPress
from bot.telegram.gateway_memory import MAX_DATA_BYTES, MemoryTelegram
from bot.users import Admission
from tests.telegram.telegram_bot import bot_on_telegram, make_talk
from tests.whole.crowd import Crowd

MINT = "So11111111111111111111111111111111111111112"
HOSTILE = (
    "[click](http://x)",
    "<b>",
    "*_`~|",
    "\u202e",
    "\0",
    "\ud800",
    "9" * 60,
    "-1",
    "1e9",
    "'; drop table users;--",
    "%",
    "{0}",
    MINT,
)
EXAMPLES = 6  # the same ones each time; 300 others were tried when this was written
ANSWER_S = 2.2  # an answer of two messages, at one a second; faster would be a flood, of which nothing is read
BROKEN = {"command_failed", "update_dropped", "reply_lost", "update_not_read"}
ENTERING = ("/panic", "/pause", "/resume", "/snipe_enable", "/start")

words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20), st.sampled_from([f"/{one.name}" for one in COMMANDS]))
typed = st.builds(
    lambda name, arguments: " ".join([f"/{name}", *arguments]),
    st.sampled_from([one.name for one in COMMANDS if f"/{one.name}" not in ENTERING]),
    st.lists(words, max_size=4),
)


def _stays(text: str) -> bool:
    """Not who closes his account: the words for that are in the source, whose constants are drawn from too."""
    return "close_account" not in text


texts = st.one_of(typed, st.text(max_size=600), st.lists(words, max_size=6).map(" ".join)).filter(_stays)
data = texts.map(lambda text: text.encode("utf-8", "replace")[:MAX_DATA_BYTES].decode("utf-8", "ignore"))


@settings(max_examples=EXAMPLES, derandomize=True)
@given(
    typed=st.lists(texts, min_size=20, max_size=40),
    forged=st.lists(data, min_size=5, max_size=10),
    as_operator=st.booleans(),
)
def test_nothing_that_is_typed_or_forged_breaks_or_buys(
    typed: Sequence[str], forged: Sequence[str], as_operator: bool
) -> None:
    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs() as logs:
            await _play(patch, typed, forged, as_operator=as_operator)
        assert [entry for entry in logs if entry["event"] in BROKEN] == []

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def _play(patch: pytest.MonkeyPatch, typed: Sequence[str], forged: Sequence[str], *, as_operator: bool) -> None:
    talk = make_talk(1)
    admission = Admission(frozenset({talk.person}) if as_operator else frozenset())
    telegram = talk.telegram
    assert isinstance(telegram, MemoryTelegram)
    async with bot_on_telegram(talk, patch, admission=admission):
        await talk.agrees()
        for text in typed:
            telegram.say(talk.person, text)
            await trio.sleep(ANSWER_S)
        for text in forged:
            _forge(telegram, talk.person, text)
            await trio.sleep(ANSWER_S)
        await talk.asks("/version", "trading-bot", within_s=120)
        assert talk.world.store._intents == {}
        assert talk.world.reports == []
        [user] = await talk.world.store.users()
        assert user.telegram_id == talk.person


HOSTILE_NAMES = ("[tap](http://x.io) /panic @you", "*b* #tag $SOL\nBought 5\u202e{0}")
# What a chat program would make a link, a command, a mention or another line of.
ACTING = ("http://", "x.io", "/panic @", "@you", "#tag", "$SOL", "\nBought 5", "\u202e")


async def test_a_tokens_name_acts_in_no_message_of_its_whole_life(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(2)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        crowd = Crowd(talk.world.chain)
        for trader in range(1, 4):
            crowd._trader(trader)
        mints = [crowd.launch(name=name, uri="https://x.io/a") for name in HOSTILE_NAMES]
        await trio.sleep(1)
        for mint in mints:
            crowd.buy(mint, 2, 200_000_000)
            crowd.buy(mint, 3, 200_000_000)
        await trio.sleep(2)
        for mint in mints:
            await talk.orders(f"/buy {mint} 0.1", "Bought")
            for text in (
                mint,
                f"/info {mint}",
                f"/price {mint}",
                f"/card {mint}",
                f"/limit sell {mint} all 999",
                "/positions",
            ):
                talk.say(text)
                await trio.sleep(2)
            await talk.orders(f"/sell {mint} all", "Sold")
        for text in ("/orders", "/history", "/stats", "/performance", "/balance", *(f"/why {mint}" for mint in mints)):
            talk.say(text)
            await trio.sleep(2)
        told = [shown.text for shown in talk.telegram.messages(talk.person) if shown.ours]
        assert sum("calls itself" in text for text in told) >= len(mints)
        assert [(acting, text) for text in told for acting in ACTING if acting in text] == []


def _forge(telegram: MemoryTelegram, person: int, text: str) -> None:
    """A press of a button that the bot never showed."""
    number = telegram._next_update()
    telegram._queries[f"q{number}"] = False
    telegram._push(ButtonPress(number, person, "private", person, f"q{number}", text, number))
