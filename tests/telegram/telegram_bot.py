"""The whole bot with Telegram as its door: the real handlers, pipeline and actors, on the twins of store and chain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.adapters import absent
from bot.chat_door import cards_of, chat_of, telegram_messenger
from bot.compose import policy as policy_from
from bot.console import ConsoleMessenger
from bot.execution.message_book import MessageBook
from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import Document, Photo
from bot.runtime_config import loaded_config
from bot.settings import Settings
from bot.status import StatusBoard
from bot.telegram.gateway_door import TelegramDoor, TelegramMessenger
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import PacedChat
from bot.trading.intent import Mode
from bot.tree import TradingBot
from bot.users import Admission, Registrar
from tests.leaks.detect import leaks
from tests.telegram.fake_bot_api import FakeBotApi
from tests.telegram.gateway_world import gateway_running
from tests.whole import virtual
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, make_world, open_for_entries, running_bot

MODES = (Mode.LIVE, Mode.DRY_RUN, Mode.PAPER)


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

    async def gets_photo(self, number: int = 1, *, within_s: float = 30) -> Photo:
        """The picture of this number in the chat, from 1 on."""
        with trio.fail_after(within_s):
            while True:
                photos = [shown.photo for shown in self.telegram.messages(self.person) if shown.photo is not None]
                if len(photos) >= number:
                    return photos[number - 1]
                await trio.sleep(0.1)

    async def agrees(self) -> str:
        """Agree to the terms, and hear of the wallet that is made then."""
        return await self.asks("/start agree", "Your wallet is")

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
    api: PacedChat | None = None,
    admission: Admission | None = None,
    policy: Policy | None = None,
    cluster: str = "local",
    newcomer: Mode = Mode.LIVE,
    modes: Sequence[Mode] = MODES,
    with_cards: bool = False,
) -> AsyncIterator[TradingBot]:
    """One life of the bot with its gateway; entries are open when the block begins. Without an API it is the twin.

    Only `with_cards` are those of positions kept current, which edits what a test may look for.
    """
    world = talk.world
    api = api or PacedChat(talk.telegram)
    book = MessageBook(world.store, world.clock)

    def messenger(say) -> TelegramMessenger:
        return telegram_messenger(api, ConsoleMessenger(say), book, world.store)

    monkeypatch.setattr(virtual, "ConsoleMessenger", messenger)
    async with running_bot(world, policy=policy) as bot:
        store, clock = bot.adapters.store, bot.adapters.clock
        fund = world._fund if newcomer is Mode.LIVE else None
        registrar = Registrar(store, bot.adapters.vault, clock, newcomer, fund, admission=admission or Admission())
        await registrar.keep_out_of_live()
        board = StatusBoard(bot, mode=Mode.LIVE, cluster=cluster, foundation=None)
        config = await loaded_config(store, clock, Settings())
        config.apply = lambda chosen: bot.policy.take(policy_from(chosen))
        chat = chat_of(bot, board, registrar, modes, config)
        await open_for_entries(bot)
        door, pictures = TelegramDoor(store, chat, book), bot.market.drawer
        keeper = cards_of(bot, api, book).run if with_cards else absent
        async with (
            gateway_running(talk.telegram, door, clock, api=api, inbox=store, pictures=pictures) as life,
            open_supervisor(
                SupervisorSpec("records", "one_for_one", (ChildSpec("cards", keeper),)), report=life.reports.append
            ),
        ):
            yield bot
        assert life.reports == [], life.reports
    told = [one for chat in list(talk.telegram._chats) for one in talk.telegram.messages(chat) if one.ours]
    files = [one.document.content for one in told if one.document is not None]
    assert leaks(b"\n".join([*(one.text.encode() for one in told), *files])) == []


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
