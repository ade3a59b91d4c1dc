"""A thousand tenants, three of them bad neighbours: how much later the exits of all others leave.

One crash-loops: whatever works for him alone raises, and is started again by hand whenever its budget is used up. One sends
five hundred commands a second into his chat. One follows ten thousand wallets. The whole bot on the real clock and a real
PostgreSQL that keeps every commit on the disk, with the real gateway on the in-memory Telegram, everybody on paper. Exits
are sales of a part by the desk, at a steady rate, each by another of the other tenants: from the request to its bytes having
left. Quiet rounds and loud ones take turns, in an order that is drawn for each pair.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, cast

import asyncpg
import trio
from solders.pubkey import Pubkey

from actors.runtime import SupervisorError
from bot.adapters import Adapters
from bot.chain.endpoints import Endpoints
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.chat_door import chat_of
from bot.errors import Unavailable
from bot.execution.message_book import MessageBook
from bot.execution.policy import Policy
from bot.garbage import collect_everything, collect_often
from bot.localnet.inprocess import InProcessChain
from bot.ports import LaunchStream, Store, Submitted, User, Wallet
from bot.runtime_config import RuntimeConfig
from bot.settings import Settings
from bot.status import StatusBoard
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from bot.storage.tracking import INSERT_TRACKED, UPSERT_CURSOR
from bot.telegram.gateway_door import TelegramDoor
from bot.telegram.gateway_memory import MemoryTelegram
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.position import Position
from bot.trading.trading_state import State
from bot.tree import TradingBot
from bot.users import Registrar
from tests.bench.measure import percentile, wall_s
from tests.bench.polled_wallets import DEADLINE_S, EmptyHistories
from tests.bench.positions import PositionsWorld, Updates, insert_all, position_of
from tests.bench.table import Line, duration
from tests.telegram.gateway_world import gateway_running
from tests.whole.virtual import living_bot

TENANTS = 1_000
TRACKED = 10_000
COMMANDS_PER_S = 500
UPDATES_PER_S = 100
ROUNDS = 5
EXITS_PER_S = 15
MEASURED_S = 8.0
SETTLES_S = 1.0
STARTS_WITHIN_S = 60
READY_WITHIN_S = 120
TICK_S = 0.02
CRASHER_ASKS_S = 0.02
PART_RAW = 10_000_000_000
FLOODER = 7_000_001
TIMES_MOST = 2.0
MORE_MOST_S = 0.1

SETTINGS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
POLICY = Policy(ceilings=Ceilings(), audit_interval_s=600.0)
DELETE_TRACKED = "delete from tracked_wallets where user_id = $1"


class PoisonedStore:
    """The store, which raises where somebody works for one tenant alone: a bug that only his rows bring out."""

    def __init__(self, inner: Store, poisoned: set[str]) -> None:
        self._inner, self._poisoned = inner, poisoned

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def settings(self, user_id: str) -> UserSettings:
        self._bite(user_id)
        return await self._inner.settings(user_id)

    async def remembered_settings(self, user_id: str) -> UserSettings:
        self._bite(user_id)
        return await self._inner.remembered_settings(user_id)

    def _bite(self, user_id: str) -> None:
        if user_id in self._poisoned:
            raise ZeroDivisionError("a bug that one tenant's rows bring out")


class TenantsWorld(PositionsWorld):
    """Everybody on paper; `poisoned` are the tenants for whom everything crashes."""

    poisoned: set[str]

    def adapters(self) -> Adapters:
        made = super().adapters()
        # The chain in this process would burn for an endpoint; one that answers at once costs what the bot does with it.
        histories = PumpWallets(Endpoints([RpcClient(EmptyHistories(), DEADLINE_S)], self.clock))
        return replace(
            made,
            store=cast(Store, PoisonedStore(made.store, self.poisoned)),
            stream=cast(LaunchStream, Updates(self.mints, self.draw, self.clock, self._slot, per_s=UPDATES_PER_S)),
            history=histories,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One measurement: the latency of each exit in seconds, how many were refused, and what the neighbours did meanwhile."""

    waits_s: Sequence[float]
    refused: int
    asked: int = 0
    commands: int = 0


@dataclass(slots=True)
class Street:
    """The running bot and who lives there. `tenants` sell in turn."""

    bot: TradingBot
    store: PostgresStore
    world: TenantsWorld
    telegram: MemoryTelegram
    crasher: tuple[User, Wallet, Position]
    follower: User
    tenants: Sequence[tuple[User, Wallet, Position]]
    asked: int = 0
    commands: int = 0
    _next: int = field(default=0)

    async def measured(self) -> Turn:
        """Exits for MEASURED_S, whoever lives beside them."""
        waits_s: list[float] = []
        refused = 0

        async def leave(user: User, wallet: Wallet, position: Position) -> None:
            nonlocal refused
            began_s = wall_s()
            answer = await self.bot.desk.submit(self._sale(user, wallet, position))
            if isinstance(answer, Submitted):
                waits_s.append(wall_s() - began_s)
            else:
                refused += 1

        asked, commands = self.asked, self.commands
        async with trio.open_nursery() as nursery:
            due_s = trio.current_time()
            for _ in range(round(EXITS_PER_S * MEASURED_S)):
                nursery.start_soon(leave, *self.tenants[self._next % len(self.tenants)])
                self._next += 1
                due_s += 1 / EXITS_PER_S
                await trio.sleep_until(due_s)
        return Turn(waits_s, refused, self.asked - asked, self.commands - commands)

    @asynccontextmanager
    async def neighbours(self) -> AsyncIterator[None]:
        """All three at once."""
        addresses = [str(Pubkey.new_unique()) for _ in range(TRACKED)]
        now_ms = self.world.clock.now_ms()
        await self.store._database.write(_follow, self.follower.id, addresses, now_ms)
        with trio.fail_after(STARTS_WITHIN_S):
            await self.bot.hunt.tracking_changed()
        self.world.poisoned.add(self.crasher[0].id)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._crash)
            nursery.start_soon(self._flood)
            yield
            nursery.cancel_scope.cancel()
        self.world.poisoned.clear()
        await self.store._database.write(_unfollow, self.follower.id)
        with trio.fail_after(STARTS_WITHIN_S):
            await self.bot.hunt.tracking_changed()

    async def _crash(self) -> None:
        """Orders that crash whoever takes them; what is quarantined after too many is let out again at once."""
        _, wallet, _ = self.crasher
        while True:
            await self.bot.desk.submit(self._sale(*self.crasher))
            self.asked += 1
            for path in (("money", "executors"), ("guard", "flatten")):
                try:
                    supervisor = self.bot.care.supervisor(*path)
                    if supervisor.state_of(wallet.id) == "quarantined":
                        await supervisor.terminate_child(wallet.id)
                except (SupervisorError, Unavailable):
                    continue
            await trio.sleep(CRASHER_ASKS_S)

    async def _flood(self) -> None:
        texts = ("/positions", "/status", "/orders", "/settings max_trade 1", "/price x")
        due_s = trio.current_time()
        while True:
            due_s += TICK_S
            for number in range(round(COMMANDS_PER_S * TICK_S)):
                self.telegram.say(FLOODER, texts[number % len(texts)])
                self.commands += 1
            await trio.sleep_until(due_s)

    def _sale(self, user: User, wallet: Wallet, position: Position) -> TradeRequest:
        key = self.world.clock.new_id()
        return TradeRequest(
            key=key,
            user_id=user.id,
            wallet_id=wallet.id,
            mode=Mode.PAPER,
            side=Side.SELL,
            mint=position.mint,
            context=Context.MANUAL_COMMAND,
            slippage_bps=2_500,
            protection=Protection.OPEN,
            causation_id=key,
            reason="benchmark",
            token_raw=PART_RAW,
            position_id=position.id,
        )


def tenants(draw: random.Random) -> list[Line]:
    """Five pairs of rounds."""
    mints = [str(Pubkey(draw.randbytes(32))) for _ in range(TENANTS)]
    with tempfile.TemporaryDirectory() as folder:
        quiet, loud = trio.run(_measure, Path(folder), draw, mints)
    return _lines(quiet, loud)


def _lines(quiet: Sequence[Turn], loud: Sequence[Turn]) -> list[Line]:
    def at(percent: int, turns: Sequence[Turn]) -> list[float]:
        return [percentile(turn.waits_s, percent) for turn in turns]

    calm_s, busy_s = median(at(99, quiet)), median(at(99, loud))
    reached = busy_s <= TIMES_MOST * calm_s and busy_s <= calm_s + MORE_MOST_S
    refused = sum(turn.refused for turn in (*quiet, *loud))
    every = sum(len(turn.waits_s) for turn in (*quiet, *loud))
    return [
        Line(
            what=f"exits of {TENANTS - 3:,} tenants beside 3 bad ones: p99",
            measured=f"{duration(busy_s)} ({duration(min(at(99, loud)))} to {duration(max(at(99, loud)))})",
            floor=f"quiet: {duration(calm_s)} ({duration(min(at(99, quiet)))} to {duration(max(at(99, quiet)))})",
            ratio=f"{busy_s / calm_s:.3g} times",
            to_reach=f"{TIMES_MOST:g} times, {duration(MORE_MOST_S)} more",
            reached="yes" if reached else "NO",
        ),
        Line(
            what="  the same, p50",
            measured=duration(median(at(50, loud))),
            floor=f"quiet: {duration(median(at(50, quiet)))}",
        ),
        Line(what="  exits, and of them refused", measured=f"{every + refused:,}, {refused:,}"),
        Line(
            what="  orders into the crash loop, and commands, in a round",
            measured=f"{median([turn.asked for turn in loud]):,.0f}, {median([turn.commands for turn in loud]):,.0f}",
        ),
    ]


async def _measure(root: Path, draw: random.Random, mints: Sequence[str]) -> tuple[list[Turn], list[Turn]]:
    quiet: list[Turn] = []
    loud: list[Turn] = []
    async with AsyncExitStack() as opened:
        street = await opened.enter_async_context(_lived_in(root, draw, mints))
        for _ in range(ROUNDS):
            for is_loud in draw.sample([False, True], 2):
                collect_everything()
                async with AsyncExitStack() as beside:
                    if is_loud:
                        await beside.enter_async_context(street.neighbours())
                    await trio.sleep(SETTLES_S)
                    turn = await street.measured()
                (loud if is_loud else quiet).append(turn)
    return quiet, loud


@asynccontextmanager
async def _lived_in(root: Path, draw: random.Random, mints: Sequence[str]) -> AsyncIterator[Street]:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        trio.open_nursery() as nursery,
    ):
        chain = InProcessChain(seed=1)
        world = TenantsWorld(chain, store, mints, draw)
        world.poisoned = set()
        people = await _people(world, store, mints)
        nursery.start_soon(chain.run)
        nursery.start_soon(collect_often)
        async with living_bot(world, policy=POLICY) as bot:
            with trio.fail_after(READY_WITHIN_S):
                # Exits wait for no comparison of books, and a thousand of those take a minute.
                while not (bot.guard.state is State.OPEN and len(bot.looks) == TENANTS):
                    await trio.sleep(0.1)
            registrar = Registrar(bot.adapters.store, bot.adapters.vault, bot.adapters.clock, Mode.PAPER, None)
            board = StatusBoard(bot, mode=Mode.PAPER, cluster="local", foundation=None)
            book = MessageBook(bot.adapters.store, bot.adapters.clock)
            config = RuntimeConfig(bot.adapters.store, bot.adapters.clock, Settings())
            door = TelegramDoor(bot.adapters.store, chat_of(bot, board, registrar, (Mode.PAPER,), config), book)
            telegram = MemoryTelegram(world.clock)
            async with gateway_running(telegram, door, world.clock, inbox=bot.adapters.store):
                crasher, (_flooder, _, _), (follower, _, _), *others = people
                yield Street(bot, store, world, telegram, crasher, follower, others)
        nursery.cancel_scope.cancel()


async def _people(
    world: TenantsWorld, store: PostgresStore, mints: Sequence[str]
) -> list[tuple[User, Wallet, Position]]:
    """Tenants with a virtual wallet and one position each; the second of them is the one who floods."""
    registrar = Registrar(cast(Store, store), world.vault, world.clock, Mode.PAPER, None, SETTINGS)
    people = []
    for number, mint in enumerate(mints):
        is_flooder = number == 1
        user = await (registrar.register(FLOODER) if is_flooder else registrar.ensure(f"user-{number}", SETTINGS))
        [wallet] = await store.wallets(user.id)
        people.append((user, wallet, position_of(user, wallet, mint, world.clock)))
    await store._database.write(insert_all, [position for _, _, position in people])
    return people


async def _follow(connection: asyncpg.Connection, user_id: str, addresses: Sequence[str], now_ms: int) -> None:
    await connection.executemany(INSERT_TRACKED, [(user_id, address, "", now_ms) for address in addresses])
    await connection.executemany(UPSERT_CURSOR, [(address, None, 0) for address in addresses])


async def _unfollow(connection: asyncpg.Connection, user_id: str) -> None:
    await connection.execute(DELETE_TRACKED, user_id)
