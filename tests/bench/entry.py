"""From the last byte of the frame that tips an opinion to the signed buy on the socket, both commits durable, step by step.

The whole bot with one user's sniper on a real PostgreSQL that keeps every commit on the disk, and on the local chain in a
process of its own with two endpoints, on the wall clock: what the chain is asked for on the way is in it. The floor is what
nobody can leave out: the frame's JSON, a signature, two commits of one row each over the same island and server, and a
request on an open socket.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import asyncpg
import msgspec
import trio
from solders.keypair import Keypair

from bot.adapters import Adapters
from bot.execution.funding import FRESH_MAX
from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import Chain, LaunchStream, Store, Vault
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from bot.trading.launch import StreamEvent, ToldTwice
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.bench.market import frames
from tests.bench.measure import percentile, wall_s
from tests.bench.remote import RemoteChain, RemoteWorld, remote_chain
from tests.bench.table import Line, duration, times
from tests.bench.taps import PortTap, SocketTap
from tests.whole.crowd import Crowd
from tests.whole.virtual import living_bot

TRIALS = 50
UNCOUNTED = 5
SLOT_MS = 200
BUYERS = 11  # with the last of them the rules call it a strong buy
BUY_LAMPORTS = 35 * LAMPORTS_PER_SOL // 100
LAST_LAMPORTS = LAMPORTS_PER_SOL
SELLERS = (2, 3)  # the rules believe in a crowd once a part of it has sold
TRIED_AFTER_S = 2.4  # its mint is confirmed and read by then, and what was bought is no recent inflow any more
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 100
READY_WITHIN_S = 60
TRIAL_WITHIN_S = 20
P50_S, P99_S = 0.005, 0.02
SIGNED_BYTES = 700  # about what a buy has

SETTINGS = UserSettings(
    take_profit_bps=None,
    stop_loss_bps=None,
    max_hold_s=None,
    snipe_enabled=True,
    snipe_max_lamports=SPEND_LAMPORTS,
    snipe_max_daily=1_000_000,
    snipe_min_curve_lamports=0,
    protection_buy="open",
    slippage_buy_bps=2_500,
)
POLICY = Policy(ceilings=Ceilings(max_open_positions=10 * TRIALS))

# The stages in their order, each ended by a moment: what was begun or ended then, at which port.
STAGES = (
    ("decode", "decoded"),
    ("opinion", "remembered_settings begins"),
    ("the sniper's look", "remembered_settings ends"),
    ("desk, gate's facts, open positions", "admit begins"),
    ("commit of run and intent", "admit ends"),
    ("the order, from what is known", "sign begins"),
    ("sign", "sign ends"),
    ("commit of the attempt that leaves", "record_attempt ends"),
    ("write", "written"),
)
ASKED = frozenset(
    {
        "balances",
        "venue",
        "mint_facts",
        "fees",
        "market_unit_price",
        "round_trip",
        "compute_units",
        "latest_blockhash",
    }
)


@dataclass(slots=True)
class Marks:
    """The moments of one trial, by name, in order, and the time that calls of the chain took."""

    moments: list[tuple[float, str]] = field(default_factory=list)
    asked: list[tuple[float, float]] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)  # decoded, and the signature

    def call(self, name: str, began_s: float, ended_s: float) -> None:
        """A call of a port."""
        self.moments += [(began_s, f"{name} begins"), (ended_s, f"{name} ends")]

    def chain_call(self, name: str, began_s: float, ended_s: float) -> None:
        """A call of the chain, which on the way of an entry are made one after the other."""
        if name in ASKED:
            self.asked.append((began_s, ended_s))

    def clear(self) -> None:
        self.moments.clear()
        self.asked.clear()
        self.events.clear()

    def first(self, name: str, since_s: float) -> float:
        return min(moment for moment, named in self.moments if named == name and moment >= since_s)


@dataclass(frozen=True, slots=True)
class StreamTap:
    """The launch stream, with the moment at which each event was handed over."""

    inner: LaunchStream
    marks: Marks

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        async with self.inner.events() as told:
            yield self._noted(told)

    async def _noted(self, told: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        async for event in told:
            if not isinstance(event, ToldTwice):
                self.marks.events.append((wall_s(), event.signature))
            yield event

    def sources(self) -> Sequence[object]:
        return self.inner.sources()


class TappedWorld(RemoteWorld):
    """The whole bot's world with a tap at the ports that an entry goes through."""

    def __init__(self, chain: RemoteChain, store: PostgresStore) -> None:
        super().__init__(chain, store)
        self.marks = Marks()

    def adapters(self) -> Adapters:
        made = super().adapters()
        return replace(
            made,
            store=cast(Store, PortTap(made.store, self.marks.call)),
            vault=cast(Vault, PortTap(made.vault, self.marks.call)),
            chain=cast(Chain, PortTap(made.chain, self.marks.chain_call)),
            stream=cast(LaunchStream, StreamTap(made.stream, self.marks)),
        )


@dataclass(frozen=True, slots=True)
class Entered:
    """One entry: seconds of each stage by its name, in all, and of that in calls of the chain."""

    stages: Mapping[str, float]
    total_s: float
    asking_s: float


def entry(draw: random.Random) -> list[Line]:
    """Entries one after the other, each of a new token, and a floor between any two."""
    told, _ = frames()
    with tempfile.TemporaryDirectory() as folder:
        entered, floors = trio.run(_measure, Path(folder), draw, told)
    totals = [one.total_s for one in entered]
    lines = [
        _judged("last byte of the frame to signed buy written, p50", totals, floors, 50, P50_S),
        _judged("  the same, p99", totals, floors, 99, P99_S),
    ]
    for name, _ in STAGES:
        lines.append(_stage(f"  of that, {name}", [one.stages[name] for one in entered]))
    lines.append(_stage("  of all that, the chain's answers", [one.asking_s for one in entered]))
    return lines


def _judged(what: str, values: Sequence[float], floors: Sequence[float], percent: int, most_s: float) -> Line:
    value, floor = percentile(values, percent), percentile(floors, percent)
    return Line(
        what=what,
        measured=f"{duration(value)} ({duration(min(values))} to {duration(max(values))})",
        floor=f"two bare commits: {duration(floor)}",
        ratio=times(floor / value),
        to_reach=f"{duration(most_s)} or less",
        reached="yes" if value <= most_s else "NO",
    )


def _stage(what: str, values: Sequence[float]) -> Line:
    return Line(what=what, measured=f"{duration(percentile(values, 50))}, p99 {duration(percentile(values, 99))}")


async def _measure(root: Path, draw: random.Random, frame: str) -> tuple[list[Entered], list[float]]:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        remote_chain(root / "chain", slot_ms=SLOT_MS) as chain,
    ):
        world, tap, floor = TappedWorld(chain, store), SocketTap(), Floor(store, chain, frame.encode())
        await world.user("bench", SETTINGS)
        crowd = Crowd(cast(InProcessChain, chain))
        await _season(crowd)
        entered: list[Entered] = []
        floors: list[float] = []
        async with living_bot(world, policy=POLICY) as bot, floor.ready():
            with trio.fail_after(READY_WITHIN_S):
                while not (bot.guard.state is State.OPEN and bot.reconciler.reconciled):
                    await trio.sleep(0.1)
            with tap.on():
                for number in range(UNCOUNTED + TRIALS):
                    one = await _enter(bot, world, crowd, tap)
                    floor_s = await floor.take()
                    await trio.sleep(draw.uniform(0, SLOT_MS / 1000))  # so that nothing keeps step with the slots
                    if number >= UNCOUNTED:
                        entered.append(one)
                        floors.append(floor_s)
        return entered, floors


async def _season(crowd: Crowd) -> None:
    """Traders with a life of their own: of fresh wallets the bot asks who paid into them, and here that is one faucet."""
    mint = crowd.launch()
    await trio.sleep(4 * SLOT_MS / 1000)
    for number in range(FRESH_MAX):
        for trader in range(2, BUYERS + 2):
            crowd.buy(mint, trader, LAMPORTS_PER_SOL // 100 + number)
    await trio.sleep(4 * SLOT_MS / 1000)


async def _enter(bot: TradingBot, world: TappedWorld, crowd: Crowd, tap: SocketTap) -> Entered:
    """A launch that all but one have bought is waited for; then the last one buys, and the bot behind him."""
    mint = crowd.launch()
    await _until_decoded(world.marks, 1)
    for trader in range(2, BUYERS + 1):
        crowd.buy(mint, trader, BUY_LAMPORTS)
    await _until_decoded(world.marks, BUYERS)
    await trio.sleep(TRIED_AFTER_S)
    for trader in SELLERS:
        crowd.sell_all(mint, trader)
    await _until_decoded(world.marks, BUYERS + len(SELLERS))
    world.marks.clear()
    tap.clear()
    crowd.buy(mint, BUYERS + 1, LAST_LAMPORTS)
    with trio.fail_after(TRIAL_WITHIN_S):
        while not tap.sends:
            await trio.sleep(0.02)
    entered = _read(world.marks, tap)
    with trio.fail_after(TRIAL_WITHIN_S):
        while bot.in_flight.all():
            await trio.sleep(0.02)
    world.marks.clear()
    return entered


async def _until_decoded(marks: Marks, count: int) -> None:
    with trio.fail_after(TRIAL_WITHIN_S):
        while len(marks.events) < count:
            await trio.sleep(0.02)


def _read(marks: Marks, tap: SocketTap) -> Entered:
    """The stages of the first send since the marks were cleared."""
    sniped_s = next(moment for moment, name in marks.moments if name == "remembered_settings begins")
    decoded_s, signature = max(event for event in marks.events if event[0] <= sniped_s)
    at_s = [tap.last_byte_s(signature, decoded_s), decoded_s]
    for _, name in STAGES[1:-1]:
        at_s.append(marks.first(name, at_s[-1]))
    at_s.append(min(moment for moment, _ in tap.sends))
    stages = {name: after - before for (name, _), (before, after) in zip(STAGES, pairwise(at_s), strict=True)}
    asking_s = sum(min(ended, at_s[-1]) - began for began, ended in marks.asked if at_s[0] <= began <= at_s[-1])
    return Entered(stages, at_s[-1] - at_s[0], asking_s)


@dataclass(slots=True)
class Floor:
    """What an entry cannot do without, and nothing else."""

    store: PostgresStore
    chain: RemoteChain
    frame: bytes
    _key: Keypair = field(default_factory=lambda: Keypair.from_seed(bytes(32)))
    _stream: trio.SocketStream | None = None

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """A table of its own and an open socket."""
        await self.store._database.write(_make_table)
        parts = urlsplit(self.chain.address.http_urls[0])
        assert parts.hostname is not None
        async with await trio.open_tcp_stream(parts.hostname, parts.port or 80) as self._stream:
            yield

    async def take(self) -> float:
        """Seconds from the frame's text to the request on the socket."""
        assert self._stream is not None
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "getHealth", "params": []})
        body += b" " * SIGNED_BYTES
        head = b"POST / HTTP/1.1\r\nHost: chain\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
            body
        )
        began_s = wall_s()
        msgspec.json.decode(self.frame)
        await self.store._database.write(_insert)
        self._key.sign_message(self.frame[:SIGNED_BYTES])
        await self.store._database.write(_insert)
        await self._stream.send_all(head + body)
        taken_s = wall_s() - began_s
        await self._stream.receive_some()
        return taken_s


async def _make_table(connection: asyncpg.Connection) -> None:
    await connection.execute("create table bench_floor (n bigint)")


async def _insert(connection: asyncpg.Connection) -> None:
    await connection.execute("insert into bench_floor values (1)")
