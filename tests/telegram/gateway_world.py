"""A gateway on the in-memory Telegram in virtual time, and a door whose commands do what their names say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from actors.runtime import Backoff, ChildSpec, Report, SupervisorSpec, open_supervisor
from actors.telegram_gateway import TelegramGateway
from bot.clock import Clock, virtual_clock
from bot.execution.health import Health
from bot.ports import ChatApi, ChatDoor, ChatReply, InboxStore, Pictures, ShownSecret
from bot.storage.memory import MemoryStore
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import PacedChat

EPOCH_MS = 1_790_000_000_000


@dataclass(slots=True)
class PlainDoor:
    """Answers `did TEXT`. `/wait N` takes N seconds first, `/crash` raises, and a text with `key` in it is a secret."""

    asked: list[tuple[int, str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    poison: str = ""
    secrets: list[ShownSecret] = field(default_factory=list)

    def is_secret(self, text: str) -> bool:
        if self.poison and text == self.poison:
            self.poison = ""
            raise RuntimeError("a bug in the gateway's own turn")
        return "key" in text

    async def answer(self, telegram_id: int, text: str, key: str) -> ChatReply:
        self.asked.append((telegram_id, text, key))
        await trio.lowlevel.checkpoint()
        if text.startswith("/wait"):
            await trio.sleep(float(text.split()[1]))
        if text.startswith("/crash"):
            raise ZeroDivisionError(text)
        self.done.append(text)
        return ChatReply((f"did {text}",))

    async def said(self, telegram_id: int, reply: ChatReply, message_id: int | None) -> None:
        await trio.lowlevel.checkpoint()

    async def secret_shown(self, secret: ShownSecret) -> None:
        await trio.lowlevel.checkpoint()
        self.secrets.append(secret)

    async def secrets_shown(self) -> list[ShownSecret]:
        await trio.lowlevel.checkpoint()
        return list(self.secrets)

    async def secret_gone(self, chat_id: int, message_id: int) -> None:
        await trio.lowlevel.checkpoint()
        self.secrets = [one for one in self.secrets if (one.chat_id, one.message_id) != (chat_id, message_id)]


@dataclass(slots=True)
class Life:
    """One running gateway, and what it told the guard and its supervisor."""

    telegram: MemoryTelegram
    health: Health
    reports: list[Report]
    downs: list[str]
    ups: int = 0

    def shown(self, chat_id: int) -> list[str]:
        """What the bot wrote into a chat and what still stands there."""
        return [shown.text for shown in self.telegram.messages(chat_id) if shown.ours]

    def up(self) -> None:
        self.ups += 1


def make_clock() -> Clock:
    return virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)


@asynccontextmanager
async def gateway_running(
    telegram: MemoryTelegram,
    door: ChatDoor,
    clock: Clock,
    *,
    api: ChatApi | None = None,
    inbox: InboxStore | None = None,
    pictures: Pictures | None = None,
) -> AsyncIterator[Life]:
    """A supervised gateway for the time of the block."""
    life = Life(telegram, Health("telegram"), [], [])
    gateway = TelegramGateway(
        api=api or PacedChat(telegram),
        door=door,
        inbox=inbox or MemoryStore(),
        clock=clock,
        health=life.health,
        down=life.downs.append,
        up=life.up,
        pictures=pictures,
    )
    child = ChildSpec("telegram_gateway", gateway.run, backoff=Backoff(min_s=0.1, max_s=1))
    spec = SupervisorSpec("ops", "one_for_one", (child,), intensity=5, period_s=30)
    async with open_supervisor(spec, report=life.reports.append):
        yield life


async def until(condition: Callable[[], bool], *, within_s: float = 30) -> None:
    """Look every 50 ms of virtual time; raises trio.TooSlowError."""
    with trio.fail_after(within_s):
        while True:
            if condition():
                return
            await trio.sleep(0.05)
