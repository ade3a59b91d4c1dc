"""Ten thousand followed wallets that a Geyser stream tells of: what the bot burns, how late the loop is, how soon a row is there.

The whole bot on a real PostgreSQL that keeps every commit on the disk, and a local chain in a process of its own whose ten
thousand wallets really trade. The floor is decoding the same messages and reading the wallets' swaps in them, and no more.
The rate is fifty a second: on the whole launchpad of market.md's recordings the busiest ten seconds had 48.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, cast

import asyncpg
import trio

from bot.adapters import Adapters
from bot.chain.batches import open_transport
from bot.chain.endpoints import Endpoints
from bot.chain.geyser_records import RecordTold, decode_confirmed
from bot.chain.geyser_stream import Call, OpenCall
from bot.chain.grpc_call import open_call, target_of
from bot.chain.landed import account_keys
from bot.chain.rpc import RpcClient
from bot.chain.swaps import swaps_in
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import system_clock
from bot.errors import StartupError
from bot.execution.scan_schedule import ScanRule
from bot.garbage import collect_often
from bot.local_chain import outside_chain
from bot.localnet.geyser import SUBSCRIBE
from bot.ports import (
    LaunchStream,
    SourceHealth,
    Store,
    TrackedWallet,
    WalletListener,
    WalletNews,
    WalletSignal,
    WalletTold,
)
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from bot.storage.tracking import INSERT_TRACKED, UPSERT_CURSOR
from bot.trading.launch import StreamEvent
from bot.trading.limits import UserSettings
from bot.trading.trading_state import State
from bot.tree import TradingBot
from tests.bench import followed_chain
from tests.bench.followed_chain import TRADERS, TRADES_PER_S
from tests.bench.footprint import resident_bytes
from tests.bench.measure import cpu_s, percentile, wall_s
from tests.bench.polled_wallets import polled
from tests.bench.positions import P99_S, Lag, Lagged, measured
from tests.bench.remote import BATCH, RPC_DEADLINE_S, RemoteChain, RemoteWorld
from tests.bench.table import Line, duration, kibibytes, times
from tests.whole.virtual import living_bot

SEED = 1
READY_WITHIN_S = 120
STARTS_WITHIN_S = 30
IDLE_S = 10.0
ENDS_S = 3.0  # after which everything that landed has its row
SILENCE_S = 10.0
KEPT_MESSAGES = 500
# The look that each history needs once, so that the stream alone suffices, is not what is measured.
LOOKS_PER_S = 1_000.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What one run showed. Delays are in seconds, one for each row; `cpu_each_s` and `bare_s` are for each trade."""

    idle: Lagged
    busy: Lagged
    cpu_each_s: float
    bare_s: float
    from_slot_s: Sequence[float]
    from_word_s: Sequence[float]
    bytes_each: float
    started_s: float
    told_s: float
    one_more_s: float


def wallets(_: random.Random) -> list[Line]:
    """It begins with ten thousand scanners that are started, and a look of each at its wallet's history."""
    with tempfile.TemporaryDirectory() as folder:
        found = trio.run(_measure, Path(folder))
    p99_s, idle_s = percentile(found.busy.late_s, 99), percentile(found.idle.late_s, 99)
    return [
        Line(
            what=f"{TRADERS:,} followed wallets, {TRADES_PER_S} trades/s told: the loop's lag, p99",
            measured=duration(p99_s),
            floor=f"nobody trades: {duration(idle_s)}",
            ratio=times(idle_s / p99_s),
            to_reach=f"{duration(P99_S)} or less",
            reached="yes" if p99_s <= P99_S else "NO",
        ),
        Line(
            what="  CPU of the bot for each trade",
            measured=duration(found.cpu_each_s),
            floor=f"decoding it: {duration(found.bare_s)}",
            ratio=times(found.bare_s / found.cpu_each_s),
        ),
        Line(
            what="  CPU of the process",
            measured=f"{found.busy.cpu_share:.0%} of a core",
            floor=f"nobody trades: {found.idle.cpu_share:.0%} of a core",
        ),
        Line("  from the trade's slot to its row, p50 and p99", _both(found.from_slot_s)),
        Line("  from the stream's word to its row, p50 and p99", _both(found.from_word_s)),
        Line("  memory for each wallet", kibibytes(found.bytes_each)),
        Line(
            "  all scanners started; and gone by the stream", f"{duration(found.started_s)}; {duration(found.told_s)}"
        ),
        Line("  the longest lag while one more is followed", duration(found.one_more_s)),
        *polled(followed_chain.wallets(SEED)),
    ]


def _both(seconds: Sequence[float]) -> str:
    return f"{duration(percentile(seconds, 50))}, {duration(percentile(seconds, 99))}"


# The world


@asynccontextmanager
async def _chain(directory: Path) -> AsyncIterator[RemoteChain]:
    """The chain of those wallets, for as long as the block runs."""
    argv = [sys.executable, "-m", followed_chain.__name__, str(directory), str(SEED), str(os.getpid())]
    process = subprocess.Popen(argv, start_new_session=True)  # noqa: ASYNC220 - it is there before anything is measured
    try:
        with trio.fail_after(STARTS_WITHIN_S):
            while (address := _address(directory)) is None:
                assert process.poll() is None, "the chain ended"
                await trio.sleep(0.05)
        async with (
            open_transport(address.http_urls[0], batch=BATCH) as first,
            open_transport(address.http_urls[1], batch=BATCH) as second,
        ):
            clients = [RpcClient(one, RPC_DEADLINE_S, at_once=BATCH) for one in (first, second)]
            clock = system_clock()
            endpoints = Endpoints(clients, clock)
            await endpoints.admit(address.genesis_hash)
            yield RemoteChain(address, endpoints, process.pid, clock)
    finally:
        process.terminate()
        process.wait(STARTS_WITHIN_S)


def _address(directory: Path) -> Any:
    try:
        return outside_chain(directory)
    except StartupError:
        return None


@dataclass(slots=True)
class Taps:
    """When the stream told of a transaction and when the row of its swap was there, by signature, and some messages."""

    told_at_s: dict[str, float] = field(default_factory=dict)
    rows: dict[str, tuple[int, float]] = field(default_factory=dict)
    messages: list[bytes] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, opened: OpenCall) -> AsyncIterator[Call]:
        """A call whose messages are kept, the first so many of those that tell of a transaction."""
        async with opened() as call:
            yield cast(Call, _KeepingCall(call, self.messages))


class _KeepingCall:
    def __init__(self, inner: Call, messages: list[bytes]) -> None:
        self.send, self._inner, self._messages = inner.send, inner, messages

    async def receive(self) -> bytes:
        message = await self._inner.receive()
        if len(self._messages) < KEPT_MESSAGES and len(message) > 500:
            self._messages.append(message)
        return message


class _NotingNews:
    """The source, and what it tells noted before the scanners hear it."""

    def __init__(self, inner: WalletNews, taps: Taps) -> None:
        self._inner, self._taps = inner, taps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def follow(self, listener: WalletListener) -> NoReturn:
        await self._inner.follow(cast(WalletListener, _NotingListener(listener, self._taps)))


class _NotingListener:
    def __init__(self, inner: WalletListener, taps: Taps) -> None:
        self._inner, self._taps = inner, taps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def told(self, told: WalletTold) -> None:
        self._taps.told_at_s.setdefault(told.signature, wall_s())
        self._inner.told(told)


class _NotingStore:
    """The store, and the moment at which each swap's row was there noted."""

    def __init__(self, inner: Store, taps: Taps) -> None:
        self._inner, self._taps = inner, taps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def record_signal(self, signal: WalletSignal) -> bool:
        is_new = await self._inner.record_signal(signal)
        if is_new:
            self._taps.rows[signal.signature] = (signal.slot, wall_s())
        return is_new


class _Quiet:
    """A launch stream that tells nothing: what it costs is another benchmark's."""

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        await trio.lowlevel.checkpoint()
        send, receive = trio.open_memory_channel[StreamEvent](0)
        with send:
            yield receive

    def sources(self) -> Sequence[SourceHealth]:
        return [SourceHealth("logs", "up", 0, 0.0, 0, 0)]


class FollowedWorld(RemoteWorld):
    """The whole bot's world with a Geyser stream of that chain."""

    def __init__(self, chain: RemoteChain, store: PostgresStore) -> None:
        super().__init__(chain, store)
        self.taps = Taps()

    def adapters(self) -> Adapters:
        made, url = super().adapters(), self.remote.address.grpc_url
        assert url is not None, "the chain has no Geyser stream; install h2"
        opened = partial(self.taps.open, partial(open_call, target_of(url), SUBSCRIBE))
        news = GeyserWallets(opened, self.remote.endpoints.newest_slot, silence_s=SILENCE_S, per_call=TRADERS)
        return replace(
            made,
            store=cast(Store, _NotingStore(made.store, self.taps)),
            stream=cast(LaunchStream, _Quiet()),
            wallet_news=cast(WalletNews, _NotingNews(news, self.taps)),
            scan_rule=ScanRule(requests_per_s=LOOKS_PER_S),
        )


# The measurement


async def _measure(root: Path) -> Followed:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        _chain(root / "chain") as chain,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(collect_often)
        world = FollowedWorld(chain, store)
        user, _ = await world.user("follower", UserSettings())
        async with living_bot(world) as bot:
            with trio.fail_after(READY_WITHIN_S):
                while not (bot.guard.state is State.OPEN and bot.reconciler.reconciled):
                    await trio.sleep(0.1)
            bytes_before, began_s = resident_bytes(), wall_s()
            await store._database.write(_follow, user.id, followed_chain.wallets(SEED), world.clock.now_ms())
            await bot.hunt.tracking_changed()
            started_s = wall_s() - began_s
            await _until_told(bot, TRADERS)
            told_s, bytes_each = wall_s() - began_s, (resident_bytes() - bytes_before) / TRADERS
            idle = await measured(settle_s=1.0, for_s=IDLE_S)
            (root / "chain" / "go").touch()
            busy, span = await _busy()
            one_more_s = await _one_more(bot, store, user.id)
            await trio.sleep(ENDS_S)
        nursery.cancel_scope.cancel()
    from_slot_s = _from_slots(root / "chain" / "blocks", world.taps.rows, span)
    rows = [(signature, at_s) for signature, (_, at_s) in world.taps.rows.items() if span[0] <= at_s < span[1]]
    return Followed(
        idle=idle,
        busy=busy,
        cpu_each_s=(busy.cpu_share - idle.cpu_share) * (span[1] - span[0]) / len(rows),
        bare_s=_bare(world.taps.messages, set(followed_chain.wallets(SEED))),
        from_slot_s=from_slot_s,
        from_word_s=[at_s - world.taps.told_at_s[signature] for signature, at_s in rows],
        bytes_each=bytes_each,
        started_s=started_s,
        told_s=told_s,
        one_more_s=one_more_s,
    )


async def _follow(connection: asyncpg.Connection, user_id: str, addresses: Sequence[str], now_ms: int) -> None:
    """Rows of wallets that were followed before, and have not traded yet."""
    await connection.executemany(INSERT_TRACKED, [(user_id, address, "", now_ms) for address in addresses])
    await connection.executemany(UPSERT_CURSOR, [(address, None, 0) for address in addresses])


async def _until_told(bot: TradingBot, wallets: int) -> None:
    with trio.fail_after(READY_WITHIN_S):
        while sum(one.is_told for one in list(bot.hunt.followed.scanners.values())) < wallets:
            await trio.sleep(0.1)


async def _busy() -> tuple[Lagged, tuple[float, float]]:
    """The measurement while they trade, and from when to when it was, by `wall_s`."""
    await trio.sleep(ENDS_S)
    began_s = wall_s()
    lagged = await measured(settle_s=0.0)
    return lagged, (began_s, wall_s())


async def _one_more(bot: TradingBot, store: PostgresStore, user_id: str) -> float:
    """The longest lag while somebody has a wallet followed again, beside all the others and their trades."""
    lag = Lag()
    address = followed_chain.wallets(SEED)[0]
    await store.untrack(user_id, address)
    await bot.hunt.tracking_changed()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.watch)
        await store.track(TrackedWallet(user_id, address, "", 0))
        await bot.hunt.tracking_changed()
        await _until_told(bot, TRADERS)
        nursery.cancel_scope.cancel()
    return max(lag.late_s)


def _from_slots(blocks: Path, rows: Mapping[str, tuple[int, float]], span: tuple[float, float]) -> list[float]:
    """For each row of a trade that landed in that span, the seconds since its block was made; none of them is missing."""
    made_at_s: dict[int, float] = {}
    landed = 0
    for line in blocks.read_text().splitlines():
        slot, at_s, trades = line.split()
        if span[0] <= float(at_s) < span[1]:
            made_at_s[int(slot)] = float(at_s)
            landed += int(trades)
    delays_s = [at_s - made_at_s[slot] for slot, at_s in rows.values() if slot in made_at_s]
    assert len(delays_s) == landed, f"{landed} trades landed, {len(delays_s)} have a row"
    return delays_s


def _bare(messages: Sequence[bytes], addresses: set[str]) -> float:
    """CPU seconds for each message to decode it and read what followed wallets swapped in it."""
    began_s = cpu_s()
    swaps = sum(1 for message in messages for _ in _swaps(message, addresses))
    burned_s = cpu_s() - began_s
    assert swaps == len(messages), f"{swaps} swaps in {len(messages)} messages"
    return burned_s / len(messages)


def _swaps(message: bytes, addresses: set[str]) -> Iterator[WalletSignal]:
    told = decode_confirmed(message)
    assert isinstance(told, RecordTold)
    for address in addresses.intersection(account_keys(told.record)):
        yield from swaps_in(told.record, told.signature, address)
