"""Commands that come twice, late and out of order, and a gateway that is dropped in the middle: each is done once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.telegram_gateway import TelegramGateway
from bot.chat_door import chat_of
from bot.clock import Clock
from bot.errors import StoreUnavailable
from bot.execution.chat_inbox import MAX_TRIES
from bot.execution.chat_words import FAILED, LATE
from bot.execution.health import Health
from bot.execution.message_book import MessageBook
from bot.ports import ChatApi, ChatDoor, ChatUpdate, InboxStore, OtherUpdate, TakenCommand
from bot.runtime_config import RuntimeConfig
from bot.settings import Settings
from bot.status import StatusBoard
from bot.storage.memory import MemoryStore
from bot.storage.rules import ALERTS_SET
from bot.telegram.gateway_door import TelegramDoor
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import PacedChat
from bot.trading.intent import Mode
from bot.tree import TradingBot
from bot.users import Registrar
from tests.simulation.doors import Call, Door, Life
from tests.telegram.gateway_world import PlainDoor, gateway_running, make_clock, until
from tests.telegram.replay import Person, Scrambler, script, told_apart
from tests.telegram.telegram_bot import MODES, Talk, make_talk, token_on_the_market
from tests.whole.virtual import open_for_entries, running_bot

ADA, STRANGER = 7, 8
PEOPLE, EACH = 9, 60
# Where a gateway is dropped: at which call, and whether before or behind it.
DROPS = (
    ("door.answer", False),
    ("door.answer", True),
    ("inbox.take_commands", True),
    ("inbox.finish_commands", False),
    ("chat.updates", False),
    ("chat.send", True),
)
LIVES = len(DROPS) + 1
AN_HOUR_S = 3600


class ScrambledTelegram(MemoryTelegram):
    """Brings updates twice, late and out of order."""

    def __init__(self, clock: Clock, seed: int) -> None:
        super().__init__(clock)
        self.scrambler: Scrambler[ChatUpdate] = Scrambler(
            seed,
            lambda update: update.update_id,
            lambda update: 0 if isinstance(update, OtherUpdate) else update.chat_id,
        )

    async def updates(self, offset: int | None, wait_s: int) -> list[ChatUpdate]:
        pending = await super().updates(offset, 0 if self.scrambler.owes else wait_s)
        return self.scrambler.batch(pending, 100, anew=offset is None)


@dataclass(slots=True)
class Drop:
    """Ends a life at one of its calls, once it is armed."""

    point: str
    is_after: bool
    life: Life
    armed: bool = False

    async def before(self, call: Call) -> None:
        self._look(call, is_after=False)

    async def after(self, call: Call, answer: object) -> None:
        self._look(call, is_after=True)

    def _look(self, call: Call, *, is_after: bool) -> None:
        if self.armed and str(call) == self.point and is_after == self.is_after:
            self.life.die()


def gateway_in(life: Life, api: ChatApi, door: ChatDoor, inbox: InboxStore, clock: Clock) -> TelegramGateway:
    """A gateway that reaches nothing any more once its life is over."""
    return TelegramGateway(
        api=cast(ChatApi, Door("chat", api, life)),
        door=cast(ChatDoor, Door("door", door, life)),
        inbox=cast(InboxStore, Door("inbox", inbox, life)),
        clock=clock,
        health=Health("telegram"),
        down=lambda _: None,
        up=lambda: None,
    )


async def live(life: Life, gateway: TelegramGateway) -> None:
    """Until the life is dropped."""
    spec = SupervisorSpec("ops", "one_for_one", (ChildSpec("telegram_gateway", gateway.run),))
    reports: list[object] = []
    with life.scope:
        async with open_supervisor(spec, report=reports.append):
            await trio.sleep_forever()
    assert reports == []


async def test_each_command_is_done_once_however_it_comes_and_whenever_the_gateway_is_dropped(
    autojump_clock: MockClock,
) -> None:
    talk = make_talk(1)
    telegram = ScrambledTelegram(talk.world.clock, 1)
    talk.telegram = telegram
    people = [Person(100 + place) for place in range(PEOPLE)]
    async with running_bot(talk.world) as bot:
        await open_for_entries(bot)
        mint = await token_on_the_market(talk)
        door = _door_of(bot, talk)
        async with trio.open_nursery() as nursery:
            store, clock, api = bot.adapters.store, bot.adapters.clock, PacedChat(telegram)

            def begin() -> Life:
                life = Life()
                nursery.start_soon(live, life, gateway_in(life, api, door, store, clock))
                return life

            life = begin()
            for person in people:
                await _comes_in(talk, person)
            drops = list(DROPS)
            lines = [script(place, mint) for place in range(PEOPLE)]
            for turn in range(EACH):
                for person, line in zip(people, lines, strict=True):
                    text = next(line)
                    telegram.say(person.telegram_id, text)
                    person.note(telegram._updates, text)
                    await trio.sleep(0.11 + telegram.scrambler._draw.random() / 20)
                if turn and turn % (EACH // LIVES) == 0 and drops:
                    drop = Drop(*drops.pop(0), life, armed=True)
                    life.watches = (drop,)
                    telegram.say(STRANGER, "/help")
                    await until(partial(getattr, life, "dead"))
                    life = begin()
            assert drops == []
            await until(partial(_is_done, telegram, talk.world.store, people), within_s=200)
            nursery.cancel_scope.cancel()
        assert telegram.scrambler.delivered > 2 * PEOPLE * EACH
        for person in people:
            await _check(talk.world.store, person)


def _door_of(bot: TradingBot, talk: Talk) -> TelegramDoor:
    store, clock = bot.adapters.store, bot.adapters.clock
    registrar = Registrar(store, bot.adapters.vault, clock, Mode.LIVE, talk.world._fund)
    chat = chat_of(
        bot,
        StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None),
        registrar,
        MODES,
        RuntimeConfig(store, clock, Settings()),
    )
    return TelegramDoor(store, chat, MessageBook(store, clock))


async def _comes_in(talk: Talk, person: Person) -> None:
    his = Talk(talk.world, talk.telegram, person=person.telegram_id)
    await his.agrees()
    await his.asks("/settings require_confirmation off", "require_confirmation = off")


def _is_done(telegram: ScrambledTelegram, store: MemoryStore, people: Sequence[Person]) -> bool:
    """Everything was brought, and nothing that was taken is undone."""
    numbers = {number for person in people for number in person.sent}
    return not telegram._pending and not telegram.scrambler.owes and numbers <= store._inbox_done.keys()


async def _check(store: MemoryStore, person: Person) -> None:
    user = await store.user_by_telegram_id(person.telegram_id)
    assert user is not None
    audited = [entry for entry in store.audited if entry.by == user.id and entry.action == ALERTS_SET]
    said = [(kind, str(level)) for entry in audited for kind, level in entry.detail.items()]
    assert told_apart(said) == person.alerts
    keys = [row.request.key for row in store._intents.values() if row.request.user_id == user.id]
    assert sorted(person.orders) == sorted(key for key in keys if key.startswith("tg:"))
    assert person.is_paused == any(cause.scope == f"user:{user.id}" for cause in await store.causes())
    if person.stop_loss is not None:
        assert (await store.settings(user.id)).stop_loss_bps == int(person.stop_loss.rstrip("%")) * 100


async def test_what_was_taken_and_not_done_is_done_by_the_next_life(autojump_clock: MockClock) -> None:
    clock, store, telegram = make_clock(), MemoryStore(), MemoryTelegram(make_clock())
    first, second = PlainDoor(), PlainDoor()
    telegram.say(ADA, "/wait 30")
    telegram.say(ADA, "/pause")
    telegram.say(ADA, "hello")
    async with trio.open_nursery() as nursery:
        life = Life()
        nursery.start_soon(live, life, gateway_in(life, telegram, first, store, clock))
        await until(lambda: telegram._pending == [])
        life.die()
        async with gateway_running(telegram, second, clock, inbox=store) as other:
            await until(lambda: other.shown(ADA) == ["did /wait 30", "did /pause"], within_s=40)
    assert first.done == []
    assert [key for _, _, key in second.asked] == ["tg:1", "tg:2"]


async def test_what_was_done_before_a_restart_is_not_done_when_it_comes_again(autojump_clock: MockClock) -> None:
    clock, store, telegram = make_clock(), MemoryStore(), MemoryTelegram(make_clock())
    door = PlainDoor()
    telegram.say(ADA, "/pause")
    [again] = telegram._pending
    async with gateway_running(telegram, door, clock, inbox=store):
        await until(lambda: door.done == ["/pause"])
        await until(lambda: telegram._pending == [])
    telegram._push(again)
    telegram.say(ADA, "/status")
    async with gateway_running(telegram, door, clock, inbox=store):
        await until(lambda: telegram._pending == [])
        await until(lambda: door.done == ["/pause", "/status"])


async def test_what_nobody_has_done_for_long_is_told_and_what_ends_every_life_is_given_up(
    autojump_clock: MockClock,
) -> None:
    clock, store, telegram = make_clock(), MemoryStore(), MemoryTelegram(make_clock())
    door = PlainDoor()
    telegram.say(ADA, "/start")
    await store.take_commands([TakenCommand(50, ADA, "/status", clock.now_ms())], 0)
    for _ in range(MAX_TRIES):
        await store.recall_commands(9)
    await store.take_commands([TakenCommand(51, ADA, "/panic", clock.now_ms() - AN_HOUR_S * 1000)], 0)
    async with gateway_running(telegram, door, clock, inbox=store) as life:
        await until(lambda: life.shown(ADA) == [FAILED, LATE, "did /start"])
        await until(lambda: store._inbox_done.keys() >= {50, 51})


class AwayStore(MemoryStore):
    """A database that is away."""

    async def take_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> set[int]:
        await trio.sleep(10)
        raise StoreUnavailable("away")

    async def recall_commands(self, limit: int) -> tuple[list[int], list[TakenCommand]]:
        raise StoreUnavailable("away")

    async def finish_commands(self, commands: Sequence[TakenCommand], now_ms: int) -> None:
        raise StoreUnavailable("away")


async def test_a_database_that_is_away_keeps_nobody_from_selling(autojump_clock: MockClock) -> None:
    clock, telegram, door = make_clock(), MemoryTelegram(make_clock()), PlainDoor()
    async with gateway_running(telegram, door, clock, inbox=AwayStore()) as life:
        telegram.say(ADA, "/sell A all")
        await until(lambda: door.done == ["/sell A all"], within_s=5)
        telegram.say(ADA, "/panic")
        await until(lambda: door.done == ["/sell A all", "/panic"], within_s=1)
        assert life.reports == []
