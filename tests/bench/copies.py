"""One buy of a leader and a thousand followers: how soon after the stream's word each follower's order is admitted, and taken.

The whole bot on a real PostgreSQL that keeps every commit on the disk, and on the local chain in a process of its own with
two endpoints, on the wall clock. The leader buys several tokens, one after the other; the first of them finds a bot that has
ordered nothing yet. The floor is what nobody can leave out: as many rows decided, admitted and recorded in transactions of a
hundred, and a signature for each.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import asyncpg
import trio

from bot.adapters import Adapters
from bot.chain.grpc_call import open_call, target_of
from bot.chain.wallet_stream import GeyserWallets
from bot.execution.policy import Policy
from bot.garbage import collect_often
from bot.localnet.geyser import SUBSCRIBE
from bot.localnet.inprocess import InProcessChain
from bot.ports import Store, TrackedWallet, WalletNews, WalletSignal
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from bot.trading.copying import CopyCaps, CopyFilter, CopyRule, CopyState, Sizing
from bot.trading.intent import Intent, Side
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.bench.entry import SIGNED_BYTES, Floor
from tests.bench.launch import LaunchWorld
from tests.bench.market import frames
from tests.bench.measure import cpu_s, percentile, wall_s
from tests.bench.remote import BATCH, SLOT_MS, RemoteChain, remote_chain
from tests.bench.table import Line, duration, times
from tests.bench.wallets import SILENCE_S, Taps, _NotingNews
from tests.whole.crowd import Crowd
from tests.whole.virtual import living_bot

FOLLOWERS = 1_000
BUYS = 3
LEADER = 7
DEEP_LAMPORTS = 30 * LAMPORTS_PER_SOL  # what somebody has put into each token before the leader buys
LEADER_LAMPORTS = LAMPORTS_PER_SOL // 10
SPEND_LAMPORTS = 2_000_000
WITHIN_S = 1.0
READY_WITHIN_S = 400
SERVED_WITHIN_S = 60
STILL_S = 5.0  # no follower was served for so long: whoever is left was refused
LOOK_S = 0.05
POLICY = Policy(ceilings=Ceilings())
SETTINGS = UserSettings(
    take_profit_bps=None,
    stop_loss_bps=None,
    max_hold_s=None,
    protection_buy="open",
    slippage_buy_bps=3_000,
    slippage_sell_bps=3_000,
)
CAPS = CopyCaps(*(6 * [LAMPORTS_PER_SOL]))


@dataclass(slots=True)
class Marks:
    """When what was there, in `wall_s`: swaps recorded and decided by signature, orders admitted by user."""

    recorded_s: dict[str, float] = field(default_factory=dict)
    decided_s: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    admitted_s: dict[str, float] = field(default_factory=dict)


class CopiedStore:
    """The store, and the moments at which what a copy waits for was committed."""

    def __init__(self, inner: Store, marks: Marks) -> None:
        self._inner, self._marks = inner, marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def record_signal(self, signal: WalletSignal) -> bool:
        is_new = await self._inner.record_signal(signal)
        self._marks.recorded_s.setdefault(signal.signature, wall_s())
        return is_new

    async def decide_copies(self, swap: WalletSignal, copies: Any) -> Any:
        written = await self._inner.decide_copies(swap, copies)
        self._marks.decided_s[swap.signature] = wall_s()
        self._marks.refused += sum(copy.state is CopyState.REFUSED for copy in copies)
        return written

    async def admit(self, request: Any, **named: Any) -> Intent | Refused:
        verdict = await self._inner.admit(request, **named)
        if isinstance(verdict, Intent) and request.side is Side.BUY:
            self._marks.admitted_s[request.user_id] = wall_s()
        return verdict


class CopiedWorld(LaunchWorld):
    """The whole bot's world with a Geyser stream of that chain."""

    def __init__(self, chain: RemoteChain, store: PostgresStore) -> None:
        super().__init__(chain, store)
        self.taps, self.marks = Taps(), Marks()

    def adapters(self) -> Adapters:
        made, url = super().adapters(), self.remote.address.grpc_url
        assert url is not None, "the chain has no Geyser stream; install h2"
        opened = partial(self.taps.open, partial(open_call, target_of(url), SUBSCRIBE))
        news = GeyserWallets(opened, self.remote.endpoints.newest_slot, silence_s=SILENCE_S, per_call=BATCH)
        return replace(
            made,
            store=cast(Store, CopiedStore(made.store, self.marks)),
            wallet_news=cast(WalletNews, _NotingNews(news, self.taps)),
        )


@dataclass(frozen=True, slots=True)
class Copied:
    """One buy of the leader, in seconds from the stream's word; what was not served is missing in the lists."""

    recorded_s: float
    decided_s: float
    admitted_s: Sequence[float]
    taken_s: Sequence[float]
    cpu_s: float
    chain_cpu_s: float
    floor_s: float
    floor_cpu_s: float


def copies(_: random.Random) -> list[Line]:
    """It begins with a thousand users who are made and funded."""
    told = frames()[0]
    with tempfile.TemporaryDirectory() as folder:
        first, *others = trio.run(_measure, Path(folder), told)
    later = sorted(others, key=lambda one: one.taken_s[-1])[len(others) // 2]
    return [*_lines(f"a leader's buy to {FOLLOWERS:,} followers", later), *_first(first)]


def _lines(what: str, one: Copied) -> list[Line]:
    return [
        _judged(f"{what}: last order admitted", one.admitted_s, one.floor_s),
        _judged("  the same, last buy taken by an endpoint", one.taken_s, one.floor_s),
        Line(
            "  of that, the swap recorded, and all followers decided",
            f"{duration(one.recorded_s)}, {duration(one.decided_s)}",
        ),
        Line(
            "  first buy taken, and half of them",
            f"{duration(one.taken_s[0])}, {duration(percentile(one.taken_s, 50))}",
        ),
        Line(
            "  CPU of the bot, and of the chain",
            f"{duration(one.cpu_s)}, {duration(one.chain_cpu_s)}",
            f"rows and signatures: {duration(one.floor_cpu_s)}",
        ),
    ]


def _first(one: Copied) -> list[Line]:
    return [
        Line("  the first buy after a start: admitted, and taken", f"{_last(one.admitted_s)}, {_last(one.taken_s)}"),
        Line("    CPU of the bot, and of the chain", f"{duration(one.cpu_s)}, {duration(one.chain_cpu_s)}"),
    ]


def _judged(what: str, waits_s: Sequence[float], floor_s: float) -> Line:
    is_reached = waits_s[-1] <= WITHIN_S and len(waits_s) == FOLLOWERS
    return Line(
        what=what,
        measured=_last(waits_s),
        floor=f"rows and signatures: {duration(floor_s)}",
        ratio=times(floor_s / waits_s[-1]),
        to_reach=f"{duration(WITHIN_S)} or less",
        reached="yes" if is_reached else "NO",
    )


def _last(waits_s: Sequence[float]) -> str:
    missing = FOLLOWERS - len(waits_s)
    return duration(waits_s[-1]) + (f", {missing} refused" if missing else "")


async def _measure(root: Path, frame: str) -> list[Copied]:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        remote_chain(root / "chain") as chain,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(collect_often)
        world, floor = CopiedWorld(chain, store), Floor(store, chain, frame.encode())
        crowd = Crowd(cast(InProcessChain, chain))
        for trader in (1, 2, LEADER):
            crowd._trader(trader)
        await _follow(world, crowd.address(LEADER))
        async with living_bot(world, policy=POLICY) as bot, floor.ready():
            await _until_ready(bot, crowd.address(LEADER))
            found = [await _one_buy(bot, world, crowd, floor) for _ in range(BUYS)]
        assert all(one.taken_s for one in found), "nobody copied a buy; the log says why"
        nursery.cancel_scope.cancel()
    return found


async def _follow(world: CopiedWorld, leader: str) -> None:
    """A thousand users with a rule each, who began to copy before the bot was started."""
    for number in range(FOLLOWERS):
        user, wallet = await world.user(f"user-{number}", SETTINGS)
        rule = CopyRule(
            id=f"rule-{number}",
            code=str(number),
            user_id=user.id,
            wallet_id=wallet.id,
            mode=wallet.mode,
            leader=leader,
            label="the leader",
            sizing=Sizing.FIXED,
            amount=SPEND_LAMPORTS,
            caps=CAPS,
            filter=CopyFilter(),
            since_ms=world.clock.now_ms(),
        )
        await world.store.track(TrackedWallet(user.id, leader, "the leader", rule.since_ms))
        assert await world.store.place_copy_rule(rule, most=1)


async def _until_ready(bot: TradingBot, leader: str) -> None:
    with trio.fail_after(READY_WITHIN_S):
        while not (bot.guard.state is State.OPEN and bot.reconciler.reconciled and not bot.guard.causes()):
            await trio.sleep(LOOK_S)
        while leader not in bot.hunt.followed.scanners or not bot.hunt.followed.scanners[leader].is_told:
            await trio.sleep(LOOK_S)


async def _one_buy(bot: TradingBot, world: CopiedWorld, crowd: Crowd, floor: Floor) -> Copied:
    """A token with something behind its price; then the leader buys it, and all who copy him."""
    with trio.fail_after(READY_WITHIN_S):
        while bot.in_flight.all() or bot.guard.causes():  # each meets a bot at rest
            await trio.sleep(LOOK_S)
    mint = crowd.launch()
    await trio.sleep(4 * SLOT_MS / 1000)
    crowd.buy(mint, 2, DEEP_LAMPORTS)
    await trio.sleep(4 * SLOT_MS / 1000)
    world.served.clear()
    world.marks.admitted_s.clear()
    floor_s, floor_cpu_s = await _floor(floor)
    burned = cpu_s(), world.remote.cpu_s()
    signature = crowd.buy(mint, LEADER, LEADER_LAMPORTS)
    await _until_served(world.served)
    burned = cpu_s() - burned[0], world.remote.cpu_s() - burned[1]
    told_s = world.taps.told_at_s[signature]
    return Copied(
        recorded_s=world.marks.recorded_s[signature] - told_s,
        decided_s=world.marks.decided_s[signature] - told_s,
        admitted_s=sorted(at_s - told_s for at_s in world.marks.admitted_s.values()),
        taken_s=sorted(at_s - told_s for at_s in world.served.values()),
        cpu_s=burned[0],
        chain_cpu_s=burned[1],
        floor_s=floor_s,
        floor_cpu_s=floor_cpu_s,
    )


async def _until_served(served: dict[str, float]) -> None:
    """All of them, or those who were not refused."""
    with trio.move_on_after(SERVED_WITHIN_S):
        while len(served) < FOLLOWERS:
            if served and wall_s() - max(served.values()) > STILL_S:
                return
            await trio.sleep(LOOK_S)


async def _floor(floor: Floor) -> tuple[float, float]:
    """Wall and CPU seconds for as many rows and signatures as the followers of one buy need, and nothing else.

    Each of the hundreds has three transactions: what was decided, admitted and recorded.
    """
    began_s, burned_s = wall_s(), cpu_s()
    for _ in range(FOLLOWERS // BATCH):
        for _ in range(3):
            await floor.store._database.write(_insert, list(range(BATCH)))
        for _ in range(BATCH):
            floor._key.sign_message(floor.frame[:SIGNED_BYTES])
    return wall_s() - began_s, cpu_s() - burned_s


async def _insert(connection: asyncpg.Connection, numbers: list[int]) -> None:
    await connection.execute("insert into bench_floor select * from unnest($1::bigint[])", numbers)
