"""A flatten of a thousand positions while snipers go on asking for more: how soon after the latch each exit is signed.

The whole bot on a real PostgreSQL that keeps every commit on the disk, and the local chain in this process, on the
wall clock. The chain executes what it is sent on the same core, so its own limit is printed beside: the very same
transactions executed by a second chain and by nothing else.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncpg
import trio

from bot.clock import virtual_clock
from bot.execution.policy import Policy
from bot.localnet.inprocess import DEFAULT_GENESIS_TIME_S
from bot.ports import Submitted, User, Wallet
from bot.storage.embedded import embedded_postgres
from bot.storage.memory import MemoryStore
from bot.storage.store import PostgresStore, open_store
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.trading_state import Halt, State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.bench.measure import cpu_s, wall_s
from tests.bench.table import Line, duration, per_second
from tests.bench.trade import RecordedChain, execute
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, open_for_entries, running_bot

USERS = 100
TOKENS = 10
POSITIONS = USERS * TOKENS
FLOOD_BEFORE_S = 1.0
ASKED_EVERY_S = 0.05  # by each user's sniper
SIGNED_WITHIN_S = 5.0
READY_WITHIN_S = 300
FLAT_WITHIN_S = 300
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 100

# No exit of its own, and no limit that would end the flood before the halt does.
SETTINGS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None, snipe_max_daily=1_000_000)
POLICY = Policy(ceilings=Ceilings(max_open_positions=10 * TOKENS))
SELECT_SIGNED = """
select intents.position_id, min(attempts.created_at) as signed_at from attempts
inner join intents on attempts.intent_id = intents.id
where intents.side = 'sell'
group by intents.position_id
"""


@dataclass(frozen=True, slots=True)
class Flattened:
    """What one flatten did; seconds count from the latch. `chain_s` is what the chain alone needs per exit.

    `cpu_s` is what this process, bot and chain, burned until the last exit was signed: of a machine that others use too it
    says more than the wall clock does.
    """

    positions: int
    asked: int
    median_s: float
    last_s: float
    cpu_s: float
    flat_s: float
    chain_s: float


def flatten(draw: random.Random) -> list[Line]:
    """One flatten: its figure is a deadline, and each run begins with a thousand purchases."""
    with tempfile.TemporaryDirectory() as folder:
        done = trio.run(_measure, Path(folder, "postgres"), draw)
    reached = "yes" if done.last_s <= SIGNED_WITHIN_S else "NO"
    what = f"flatten of {done.positions:,} positions, {done.asked:,} entries asked for meanwhile"
    return [
        Line(
            what=f"{what}: last exit signed",
            measured=duration(done.last_s),
            to_reach=f"{duration(SIGNED_WITHIN_S)} or less",
            reached=reached,
        ),
        Line(what="  half of the exits signed", measured=duration(done.median_s)),
        Line(what="  CPU of bot and chain until the last exit was signed", measured=duration(done.cpu_s)),
        Line(
            what="  exits landed, from the latch until all is flat",
            measured=per_second(done.flat_s / done.positions),
            floor=f"chain executing them: {per_second(done.chain_s)}",
        ),
    ]


async def _measure(root: Path, draw: random.Random) -> Flattened:
    async with embedded_postgres(root) as server, open_store(server.address) as store:
        chain = RecordedChain()
        # Rows are made in the island's thread too, which has no trio time. The tree takes any store.
        clock = virtual_clock(wall_s, epoch_ms=DEFAULT_GENESIS_TIME_S * 1000, seed=1)
        world = World(chain, clock, store=cast(MemoryStore, store))
        people = [await world.user(f"user-{number}", SETTINGS) for number in range(USERS)]
        async with running_bot(world, policy=POLICY) as bot:
            with trio.fail_after(READY_WITHIN_S):
                await open_for_entries(bot)
                mints = await _launch(chain)
                await _fill(bot, store, people, mints)
            return await _flatten(bot, store, chain, people, draw)


async def _launch(chain: RecordedChain) -> list[str]:
    crowd = Crowd(chain)
    mints = [crowd.launch() for _ in range(TOKENS)]
    await trio.sleep(2)
    return mints


async def _fill(bot: TradingBot, store: PostgresStore, people: list[tuple[User, Wallet]], mints: list[str]) -> None:
    """Every user buys every token; whoever is refused, because a price moved, asks again."""

    async def buy_all(user: User, wallet: Wallet) -> None:
        for mint in mints:
            while not isinstance(
                await bot.desk.submit(_entry(user, wallet, mint, bot.adapters.clock.new_id())), Submitted
            ):
                await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for user, wallet in people:
            nursery.start_soon(buy_all, user, wallet)
    while len(await store.open_positions()) < POSITIONS or bot.in_flight.all():
        await trio.sleep(0.2)


async def _flatten(
    bot: TradingBot, store: PostgresStore, chain: RecordedChain, people: list[tuple[User, Wallet]], draw: random.Random
) -> Flattened:
    held = await store.open_positions()
    asked = 0
    mint = draw.choice(held).mint

    async def flood(user: User, wallet: Wallet) -> None:
        nonlocal asked
        while True:
            asked += 1
            await bot.desk.submit(_entry(user, wallet, mint, bot.adapters.clock.new_id()))
            await trio.sleep(ASKED_EVERY_S)

    async with trio.open_nursery() as nursery:
        for user, wallet in people:
            nursery.start_soon(flood, user, wallet)
        await trio.sleep(FLOOD_BEFORE_S)
        began_ms, began_s, blocks = bot.adapters.clock.now_ms(), trio.current_time(), len(chain.recorded)
        bot.guard.latch(Halt("operator", began_ms, "operator", "benchmark"))
        burned = [(0.0, cpu_s())]
        with trio.fail_after(FLAT_WITHIN_S):
            while bot.guard.state is not State.HALTED:
                await trio.sleep(0.05)
                burned.append((trio.current_time() - began_s, cpu_s()))
        flat_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    signed_at = await store._database.read(_signed)
    waits_s = sorted((signed_at[position.id] - began_ms) / 1000 for position in held)
    return Flattened(
        positions=len(held),
        asked=asked,
        median_s=waits_s[len(waits_s) // 2],
        last_s=waits_s[-1],
        cpu_s=next(cpu for at_s, cpu in burned if at_s >= waits_s[-1]) - burned[0][1],
        flat_s=flat_s,
        chain_s=_chain_alone(chain, blocks),
    )


async def _signed(connection: asyncpg.Connection) -> Mapping[str, int]:
    return {row["position_id"]: row["signed_at"] for row in await connection.fetch(SELECT_SIGNED)}


def _chain_alone(chain: RecordedChain, blocks_before: int) -> float:
    """CPU seconds of a chain that executes the same blocks again and does nothing else, per transaction of the flatten."""
    again = RecordedChain()
    for block in chain.recorded[:blocks_before]:
        execute(again, block)
    flatten_blocks = chain.recorded[blocks_before:]
    began_s = cpu_s()
    for block in flatten_blocks:
        execute(again, block)
    return (cpu_s() - began_s) / max(1, sum(len(block) for block in flatten_blocks))


def _entry(user: User, wallet: Wallet, mint: str, key: str) -> TradeRequest:
    return TradeRequest(
        key=key,
        user_id=user.id,
        wallet_id=wallet.id,
        mode=Mode.LIVE,
        side=Side.BUY,
        mint=mint,
        context=Context.SNIPER,
        slippage_bps=2_500,
        protection=Protection.OPEN,
        causation_id=key,
        reason="benchmark",
        spend_lamports=SPEND_LAMPORTS,
    )
