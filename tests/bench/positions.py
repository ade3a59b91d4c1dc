"""Ten thousand open positions, each with its monitor, at five hundred curve updates a second: how late the loop is.

The whole bot on the real clock and a real PostgreSQL, its users in mode paper, so that no order comes of it. Updates come by
the launch stream; what nobody trades is polled, and each answer of the endpoint is decoded like a real one. The floor is ten
thousand bare tasks of which the same updates wake as many, each to quote its sale.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import asyncpg
import msgspec
import trio
from solders.pubkey import Pubkey

from bot.adapters import Adapters
from bot.chain.addresses import bonding_curve
from bot.chain.endpoints import Endpoints
from bot.chain.paper import PaperChain
from bot.chain.paper_books import PaperBooks
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.clock import Clock, system_clock
from bot.garbage import collect_often
from bot.localnet.inprocess import InProcessChain
from bot.ports import LaunchStream, SourceHealth, Store, User, Wallet
from bot.storage.embedded import embedded_postgres
from bot.storage.memory import MemoryStore
from bot.storage.positions import insert_position
from bot.storage.store import PostgresStore, open_store
from bot.trading.curve import Curve, Fees
from bot.trading.intent import Context, Mode
from bot.trading.launch import CurveTrade, StreamEvent
from bot.trading.limits import UserSettings
from bot.trading.position import ExitPlan, Position, PositionState
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.venue import quote_sell
from bot.users import Registrar
from bot.vault.unsigned_vault import UnsignedVault
from tests.bench.measure import cpu_s, percentile, wall_s
from tests.bench.table import Line, duration, times
from tests.chain.chain_doubles import InProcessTransport
from tests.whole.crowd import Crowd
from tests.whole.paper_world import START_LAMPORTS
from tests.whole.virtual import SURE, World, living_bot

USERS = 100
TOKENS = 100
POSITIONS = USERS * TOKENS
UPDATES_PER_S = 500
TICK_S = 0.01
LOOK_S = 0.005
SETTLES_S = 5.0
MEASURED_S = 15.0
READY_WITHIN_S = 180
P99_S = 0.02
TOKEN_RAW = 1_000_000_000_000

SETTINGS = UserSettings()
# Far from every price that comes, so that each update is judged and none sells.
PLAN = ExitPlan(take_profit_bps=1_000_000, stop_loss_bps=9_999, max_hold_s=None)


@dataclass(slots=True)
class Lag:
    """How late a task is that wants to run every LOOK_S, in seconds."""

    late_s: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """Until cancelled."""
        due_s = wall_s() + LOOK_S
        while True:
            await trio.sleep(max(0.0, due_s - wall_s()))
            now_s = wall_s()
            self.late_s.append(max(0.0, now_s - due_s))
            due_s = now_s + LOOK_S


@dataclass(frozen=True, slots=True)
class Lagged:
    """One measurement: the lags, and CPU seconds of the process per second."""

    late_s: Sequence[float]
    cpu_share: float


def positions(draw: random.Random) -> list[Line]:
    """The bot, then its floor, for as long each."""
    mints = [str(Pubkey(draw.randbytes(32))) for _ in range(POSITIONS)]
    with tempfile.TemporaryDirectory() as folder:
        ours = trio.run(_measure_bot, Path(folder), draw, mints)
    floor = trio.run(_measure_floor, draw, mints)
    return lag_lines(f"{POSITIONS:,} positions, {UPDATES_PER_S} updates/s", "bare tasks", ours, floor)


def lag_lines(what: str, floor_name: str, ours: Lagged, floor: Lagged) -> list[Line]:
    """The figure, and what stands behind it."""
    p99_s, floor_s = percentile(ours.late_s, 99), percentile(floor.late_s, 99)
    return [
        Line(
            what=f"{what}: the loop's lag, p99",
            measured=duration(p99_s),
            floor=f"{floor_name}: {duration(floor_s)}",
            ratio=times(floor_s / p99_s),
            to_reach=f"{duration(P99_S)} or less",
            reached="yes" if p99_s <= P99_S else "NO",
        ),
        Line(
            what="  the same, p50",
            measured=duration(percentile(ours.late_s, 50)),
            floor=f"{floor_name}: {duration(percentile(floor.late_s, 50))}",
        ),
        Line(
            what="  the longest",
            measured=duration(max(ours.late_s)),
            floor=f"{floor_name}: {duration(max(floor.late_s))}",
        ),
        Line(
            what="  CPU of the process",
            measured=f"{ours.cpu_share:.0%} of a core",
            floor=f"{floor_name}: {floor.cpu_share:.0%} of a core",
        ),
    ]


async def measured(settle_s: float = SETTLES_S, for_s: float = MEASURED_S) -> Lagged:
    """Look for so many seconds, once everything has settled."""
    await trio.sleep(settle_s)
    lag = Lag()
    began_s, cpu_began_s = wall_s(), cpu_s()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.watch)
        await trio.sleep(for_s)
        nursery.cancel_scope.cancel()
    return Lagged(lag.late_s, (cpu_s() - cpu_began_s) / (wall_s() - began_s))


# The bot


@dataclass(slots=True)
class Updates:
    """A launch stream that tells trades of drawn mints at a rate; reserves hardly move."""

    mints: Sequence[str]
    draw: random.Random
    clock: Clock
    slot: Callable[[], int]
    per_s: int = UPDATES_PER_S
    _numbers: count[int] = field(default_factory=count)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        await trio.lowlevel.checkpoint()
        yield self._told()

    async def _told(self) -> AsyncIterator[StreamEvent]:
        due_s = trio.current_time()
        while True:
            due_s += TICK_S
            await trio.sleep_until(due_s)
            for _ in range(round(self.per_s * TICK_S)):
                yield self._trade()

    def _trade(self) -> CurveTrade:
        number, slot = next(self._numbers), self.slot()
        curve = traded_curve(number, slot)
        return CurveTrade(
            mint=self.draw.choice(self.mints),
            trader="Somebody",
            is_buy=True,
            token_raw=1,
            quote_lamports=1,
            curve=curve,
            signature=f"Trade{number}",
            slot=slot,
            seen_at_ms=self.clock.now_ms(),
        )

    def sources(self) -> Sequence[SourceHealth]:
        return [SourceHealth("logs", "up", 0, 0.0, 0, 0)]


def traded_curve(number: int, slot: int) -> Curve:
    """The reserves of a young curve, another for each number."""
    moved = number % 1_000
    return Curve(
        virtual_token_raw=1_000_000_000_000_000 - moved,
        virtual_quote_lamports=32_000_000_000 + moved,
        real_token_raw=720_000_000_000_000 - moved,
        real_quote_lamports=2_000_000_000 + moved,
        complete=False,
        creator="11111111111111111111111111111111",
        slot=slot,
    )


class ManyCurves(InProcessTransport):
    """The chain's door, behind which every address that is asked for together is a young curve, or the mint of one."""

    def __init__(self, chain: InProcessChain, curves: set[str], mints: set[str], samples: tuple[bytes, bytes]) -> None:
        super().__init__(chain)
        self._curves, self._mints, self._samples = curves, mints, samples

    async def post(self, body: bytes) -> bytes:
        request: Any = msgspec.json.decode(body)
        addresses = request["params"][0] if request["method"] == "getMultipleAccounts" else []
        if not addresses or not self._curves.issuperset(addresses[:1]):
            return await super().post(body)
        await trio.lowlevel.checkpoint()
        curve, mint = self._samples
        accounts = b",".join(mint if address in self._mints else curve for address in addresses)
        slot = self._chain.call("getSlot", {"commitment": "confirmed"})
        return b'{"jsonrpc":"2.0","id":%d,"result":{"context":{"slot":%d},"value":[%b]}}' % (
            request["id"],
            slot,
            accounts,
        )


class PositionsWorld(World):
    """Everybody on paper, over that door."""

    def __init__(self, chain: InProcessChain, store: PostgresStore, mints: Sequence[str], draw: random.Random) -> None:
        # The tree takes any store; the field of the world names its twin.
        super().__init__(chain, system_clock(), store=cast(MemoryStore, store))
        self.mints, self.draw = mints, draw
        self.samples = _samples(chain)

    def adapters(self) -> Adapters:
        curves = {str(bonding_curve(Pubkey.from_string(mint))) for mint in self.mints}
        door = ManyCurves(self.chain, curves, set(self.mints), self.samples)
        endpoints = Endpoints([RpcClient(door, 2.5)], self.clock)
        made = super().adapters()
        paper = PaperChain(PumpChain(endpoints), PaperBooks(made.store, START_LAMPORTS), SURE, self.clock)
        updates = Updates(self.mints, self.draw, self.clock, self._slot)
        return replace(
            made,
            chain=paper,
            vault=UnsignedVault(self.vault),
            stream=cast(LaunchStream, updates),
            engines=None,
            pools=None,
            recording=None,  # its twin in memory goes over all that was recorded; the real one works in threads
            router=None,
        )

    def _slot(self) -> int:
        return int(self.chain.call("getSlot", {"commitment": "processed"}))


def _samples(chain: InProcessChain) -> tuple[bytes, bytes]:
    """The accounts of a token in which there is money enough for a sale, as the node tells them: its curve and its mint."""
    crowd = Crowd(chain)
    mint = crowd.launch()
    chain.step(2)
    crowd.buy(mint, 2, 2 * LAMPORTS_PER_SOL)
    chain.step(2)
    asked = [str(bonding_curve(Pubkey.from_string(mint))), mint]
    config = {"encoding": "base64", "commitment": "processed"}
    curve, of_mint = chain.call("getMultipleAccounts", asked, config)["value"]
    assert curve is not None, "an answer without the curve would cost nothing to decode"
    assert of_mint is not None, "whose mint is not known is asked for it again and again"
    return msgspec.json.encode(curve), msgspec.json.encode(of_mint)


async def _measure_bot(root: Path, draw: random.Random, mints: Sequence[str]) -> Lagged:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        trio.open_nursery() as nursery,
    ):
        chain = InProcessChain(seed=1)
        world = PositionsWorld(chain, store, mints, draw)
        await _fill(world, store, mints)
        nursery.start_soon(chain.run)
        nursery.start_soon(collect_often)
        async with living_bot(world) as bot:
            with trio.fail_after(READY_WITHIN_S):
                while not (bot.guard.state is State.OPEN and bot.reconciler.reconciled and len(bot.looks) == POSITIONS):
                    await trio.sleep(0.1)
            lagged = await measured()
            assert len(bot.looks) == POSITIONS, "a position was sold, which the measurement does not want"
        nursery.cancel_scope.cancel()
    return lagged


async def _fill(world: PositionsWorld, store: PostgresStore, mints: Sequence[str]) -> None:
    """Users with a virtual wallet each, who hold as many tokens each."""
    registrar = Registrar(cast(Store, store), world.vault, world.clock, Mode.PAPER, None)
    for number in range(USERS):
        user = await registrar.ensure(f"user-{number}", SETTINGS)
        [wallet] = await store.wallets(user.id)
        held = [position_of(user, wallet, mint, world.clock) for mint in mints[number * TOKENS : (number + 1) * TOKENS]]
        await store._database.write(insert_all, held)


async def insert_all(connection: asyncpg.Connection, held: Sequence[Position]) -> None:
    """Positions as rows, with nothing that led to them."""
    for position in held:
        await insert_position(connection, position)


def position_of(user: User, wallet: Wallet, mint: str, clock: Clock) -> Position:
    """An open position on paper whose plan never sells."""
    return Position(
        id=clock.new_id(),
        user_id=user.id,
        wallet_id=wallet.id,
        mint=mint,
        mode=Mode.PAPER,
        context=Context.SNIPER,
        state=PositionState.OPEN,
        token_raw=TOKEN_RAW,
        cost_lamports=LAMPORTS_PER_SOL // 30,
        basis_lamports=LAMPORTS_PER_SOL // 30,
        realized_lamports=0,
        plan=PLAN,
        opened_at_ms=clock.now_ms(),
    )


# The floor


async def _measure_floor(draw: random.Random, mints: Sequence[str]) -> Lagged:
    """As many tasks that wait for their own event, and a source that sets them."""
    newest: dict[str, Curve] = {}
    events = {mint: trio.Event() for mint in mints}
    fees = Fees()

    async def monitor(mint: str) -> None:
        while True:
            await events[mint].wait()
            quote_sell(newest[mint], TOKEN_RAW, fees)

    async def update(told: Callable[[], Awaitable[None]]) -> None:
        due_s = trio.current_time()
        while True:
            due_s += TICK_S
            await trio.sleep_until(due_s)
            await told()

    numbers = count()

    async def told() -> None:
        await trio.lowlevel.checkpoint()
        for _ in range(round(UPDATES_PER_S * TICK_S)):
            mint = draw.choice(mints)
            newest[mint] = traded_curve(next(numbers), 1)
            events[mint].set()
            events[mint] = trio.Event()

    async with trio.open_nursery() as nursery:
        for mint in mints:
            nursery.start_soon(monitor, mint)
        nursery.start_soon(update, told)
        lagged = await measured(settle_s=1.0)
        nursery.cancel_scope.cancel()
    return lagged
