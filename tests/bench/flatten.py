"""A flatten of a thousand positions while snipers go on asking for more: how soon after the latch each exit is signed.

The whole bot on a real PostgreSQL that keeps every commit on the disk, and on the local chain in a process of its own with
two endpoints, on the wall clock. What the two processes burn is told apart. The chain's own limit is printed beside how
fast exits land: sales of the same kind, executed by a chain that does nothing else.
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

from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.trading_state import Halt, State
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.bench.measure import cpu_s
from tests.bench.remote import RemoteChain, RemoteWorld, remote_chain
from tests.bench.table import Line, duration, per_second
from tests.bench.trade import RecordedChain, execute
from tests.whole.crowd import Crowd
from tests.whole.virtual import living_bot

USERS = 100
TOKENS = 10
POSITIONS = USERS * TOKENS
FLOOD_BEFORE_S = 1.0
ASKED_EVERY_S = 0.05  # by each user's sniper
SIGNED_WITHIN_S = 5.0
READY_WITHIN_S = 300
FLAT_WITHIN_S = 300
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 100
FLOOR_SALES = 100

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
    """What one flatten did; seconds count from the latch. `chain_s` is what a chain alone needs per exit.

    `cpu_s` is what the bot burned until the last exit was signed, `chain_cpu_s` the chain meanwhile: of a machine that
    others use too they say more than the wall clock does.
    """

    positions: int
    asked: int
    median_s: float
    last_s: float
    cpu_s: float
    chain_cpu_s: float
    flat_s: float
    chain_s: float


def flatten(draw: random.Random) -> list[Line]:
    """One flatten: its figure is a deadline, and each run begins with a thousand purchases."""
    with tempfile.TemporaryDirectory() as folder:
        done = trio.run(_measure, Path(folder), draw)
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
        Line(what="  CPU of the bot until the last exit was signed", measured=duration(done.cpu_s)),
        Line(what="  CPU of the chain meanwhile", measured=duration(done.chain_cpu_s)),
        Line(
            what="  exits landed, from the latch until all is flat",
            measured=per_second(done.flat_s / done.positions),
            floor=f"chain executing them: {per_second(done.chain_s)}",
        ),
    ]


async def _measure(root: Path, draw: random.Random) -> Flattened:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        remote_chain(root / "chain") as chain,
    ):
        world = RemoteWorld(chain, store)
        people = [await world.user(f"user-{number}", SETTINGS) for number in range(USERS)]
        async with living_bot(world, policy=POLICY) as bot:
            with trio.fail_after(READY_WITHIN_S):
                while not (bot.guard.state is State.OPEN and bot.reconciler.reconciled):
                    await trio.sleep(0.1)
                mints = await _launch(chain)
                await _fill(bot, store, people, mints)
            return await _flatten(bot, store, chain, people, draw)


async def _launch(chain: RemoteChain) -> list[str]:
    crowd = Crowd(cast(InProcessChain, chain))
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
    bot: TradingBot, store: PostgresStore, chain: RemoteChain, people: list[tuple[User, Wallet]], draw: random.Random
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
        began_ms, began_s = bot.adapters.clock.now_ms(), trio.current_time()
        bot.guard.latch(Halt("operator", began_ms, "operator", "benchmark"))
        burned = [(0.0, cpu_s(), chain.cpu_s())]
        with trio.fail_after(FLAT_WITHIN_S):
            while bot.guard.state is not State.HALTED:
                await trio.sleep(0.05)
                burned.append((trio.current_time() - began_s, cpu_s(), chain.cpu_s()))
        flat_s = trio.current_time() - began_s
        nursery.cancel_scope.cancel()
    signed_at = await store._database.read(_signed)
    waits_s = sorted((signed_at[position.id] - began_ms) / 1000 for position in held)
    signed = next(one for one in burned if one[0] >= waits_s[-1])
    return Flattened(
        positions=len(held),
        asked=asked,
        median_s=waits_s[len(waits_s) // 2],
        last_s=waits_s[-1],
        cpu_s=signed[1] - burned[0][1],
        chain_cpu_s=signed[2] - burned[0][2],
        flat_s=flat_s,
        chain_s=_chain_alone(),
    )


async def _signed(connection: asyncpg.Connection) -> Mapping[str, int]:
    return {row["position_id"]: row["signed_at"] for row in await connection.fetch(SELECT_SIGNED)}


def _chain_alone() -> float:
    """CPU seconds per sale of a chain that executes sales of one token by many traders, and does nothing else."""
    made = RecordedChain()
    crowd = Crowd(made)
    mint = crowd.launch()
    made.step(2)
    for trader in range(2, FLOOR_SALES + 2):
        crowd.buy(mint, trader, SPEND_LAMPORTS)
    made.step(2)
    before = len(made.recorded)
    for trader in range(2, FLOOR_SALES + 2):
        crowd.sell_all(mint, trader)
    made.step(2)
    again = RecordedChain()
    for block in made.recorded[:before]:
        execute(again, block)
    began_s = cpu_s()
    for block in made.recorded[before:]:
        execute(again, block)
    assert made.recorded == again.recorded, "the two chains went different ways"
    return (cpu_s() - began_s) / FLOOR_SALES


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
