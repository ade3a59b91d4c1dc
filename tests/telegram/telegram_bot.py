"""The whole bot with Telegram as its door: the real handlers, pipeline and actors, on the twins of store and chain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

from bot.chat_door import chat_of
from bot.console import ConsoleMessenger
from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import ChatApi, Document
from bot.status import StatusBoard
from bot.telegram.gateway_door import TelegramDoor, TelegramMessenger
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import PacedChat
from bot.trading.intent import Mode
from bot.tree import TradingBot
from bot.users import Admission, Registrar
from tests.telegram.fake_bot_api import FakeBotApi
from tests.telegram.gateway_world import gateway_running
from tests.whole import virtual
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, make_world, open_for_entries, running_bot

MODES = (Mode.LIVE, Mode.DRY_RUN)


@dataclass(slots=True)
class Talk:
    """One person and the bot. `heard` is how much of the chat he has read."""

    world: World
    telegram: MemoryTelegram | FakeBotApi
    person: int = 7
    said: list[str] = field(default_factory=list)
    heard: set[tuple[int, str]] = field(default_factory=set)

    def say(self, text: str) -> None:
        self.said.append(text.split(maxsplit=1)[0].removeprefix("/"))
        self.telegram.say(self.person, text)

    def press(self, label: str) -> None:
        self.telegram.press(self.person, label)

    async def hears(self, words: str, *, within_s: float = 30) -> str:
        """The next unread message with these words in it, an edited one included; it and all before it are read then."""
        with trio.fail_after(within_s):
            while True:
                for shown in self.telegram.messages(self.person):
                    mark = (shown.message_id, shown.text)
                    if shown.ours and mark not in self.heard:
                        self.heard.add(mark)
                        if words in shown.text:
                            return shown.text
                await trio.sleep(0.1)

    async def asks(self, text: str, words: str, *, within_s: float = 30) -> str:
        """Say something and hear an answer with these words in it."""
        self.say(text)
        return await self.hears(words, within_s=within_s)

    async def gets_file(self, *, within_s: float = 30) -> Document:
        """The latest file in the chat."""
        with trio.fail_after(within_s):
            while True:
                files = [shown.document for shown in self.telegram.messages(self.person) if shown.document is not None]
                if files:
                    return files[-1]
                await trio.sleep(0.1)

    async def confirms(self, words: str, *, within_s: float = 30) -> str:
        """Wait for a card, confirm it, and hear an answer with these words in it."""
        await self.hears("Nothing is sent yet", within_s=within_s)
        self.press("Confirm")
        return await self.hears(words, within_s=within_s)

    async def orders(self, text: str, words: str, *, within_s: float = 30) -> str:
        """Give an order, confirm its card, and hear an answer with these words in it."""
        self.say(text)
        return await self.confirms(words, within_s=within_s)


def make_talk(seed: int) -> Talk:
    world = make_world(InProcessChain(seed=seed))
    return Talk(world, MemoryTelegram(world.clock))


@asynccontextmanager
async def bot_on_telegram(
    talk: Talk,
    monkeypatch: pytest.MonkeyPatch,
    *,
    api: ChatApi | None = None,
    admission: Admission | None = None,
    policy: Policy | None = None,
    cluster: str = "local",
) -> AsyncIterator[TradingBot]:
    """One life of the bot with its gateway; entries are open when the block begins. Without an API it is the twin."""
    world = talk.world
    api = api or PacedChat(talk.telegram)

    def messenger(say) -> TelegramMessenger:
        return TelegramMessenger(api, ConsoleMessenger(say))

    monkeypatch.setattr(virtual, "ConsoleMessenger", messenger)
    async with running_bot(world, policy=policy) as bot:
        store, clock = bot.adapters.store, bot.adapters.clock
        registrar = Registrar(
            store, bot.adapters.vault, clock, Mode.LIVE, world._fund, admission=admission or Admission()
        )
        board = StatusBoard(bot, mode=Mode.LIVE, cluster=cluster, foundation=None)
        chat = chat_of(bot, board, registrar, MODES)
        await open_for_entries(bot)
        async with gateway_running(talk.telegram, TelegramDoor(store, chat), clock, api=api, inbox=store) as life:
            yield bot
        assert life.reports == [], life.reports


async def token_on_the_market(talk: Talk, *, buyers: int = 6) -> str:
    """A launched token that some have bought; its mint."""
    crowd = Crowd(talk.world.chain)
    for trader in range(1, buyers + 2):
        crowd._trader(trader)
    mint = crowd.launch()
    await trio.sleep(1)
    for trader in range(2, buyers + 2):
        crowd.buy(mint, trader, 200_000_000)
    await trio.sleep(2)
    return mint
