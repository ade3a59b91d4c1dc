"""The rows of an order in a real PostgreSQL: intent, attempt, sent, settled; each is one transaction.

The floor is as many transactions that only say `select 1`, over the same island, pool and server.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path

import asyncpg
import trio

from bot.ports import Wallet
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from tests.bench.measure import Metrics, Rounds, compete_inside, cpu_s, wall_s
from tests.bench.table import Line, line, rate
from tests.storage.storage_samples import buy, enrol, fill_of, sell, sent, settled

ROUNDS = 5
ORDERS = 96
WALLETS = 16
TRANSACTIONS_PER_ORDER = 4
TOKEN_RAW = 1_000


def storage(draw: random.Random) -> list[Line]:
    """Orders of one wallet in turn, and of sixteen wallets at once. The server keeps every commit on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = trio.run(_measure, Path(folder, "postgres"), draw)
    lines = []
    for wallets in (1, WALLETS):
        by = "one wallet" if wallets == 1 else f"{wallets} wallets at once"
        for clock, of in (("cpu", "CPU of the bot"), ("wall", "wall clock")):
            what = f"order in PostgreSQL, {by}, {of}"
            lines.append(line(rounds, what, f"orders, {clock} of {wallets}", f"select 1, {clock} of {wallets}", rate))
    return lines


async def _measure(root: Path, draw: random.Random) -> Rounds:
    async with embedded_postgres(root) as server, open_store(server.address) as store:
        bench = Bench(store, [await enrol(store, f"user{number}") for number in range(WALLETS)])
        turns = [partial(turn, wallets) for turn in (bench.orders, bench.bare) for wallets in (1, WALLETS)]
        return await compete_inside(turns, rounds=ROUNDS, draw=draw)


class Bench:
    """One store and its wallets, for all rounds."""

    def __init__(self, store: PostgresStore, wallets: Sequence[Wallet]) -> None:
        self._store = store
        self._wallets = wallets
        self._keys = count()

    async def orders(self, wallets: int) -> Metrics:
        """Orders by so many wallets at once."""
        return await self._measured("orders", self._trade, wallets)

    async def bare(self, wallets: int) -> Metrics:
        """As many transactions with nothing in them, by so many tasks at once."""
        return await self._measured("select 1", self._select, wallets)

    async def _trade(self, wallet: Wallet, orders: int) -> None:
        """Buys and sales in turn, so that what is open does not grow with the rounds."""
        for turn in range(orders):
            key = f"order-{next(self._keys)}"
            request = sell(key, wallet, token_raw=TOKEN_RAW) if turn % 2 else buy(key, wallet)
            await sent(self._store, request)
            await settled(self._store, request, fill_of(request, token_raw=TOKEN_RAW), position_id=f"p-{key}")

    async def _select(self, _: Wallet, orders: int) -> None:
        for _number in range(orders * TRANSACTIONS_PER_ORDER):
            await self._store._database.write(_select_one)

    async def _measured(self, name: str, work: Callable[[Wallet, int], Awaitable[None]], wallets: int) -> Metrics:
        cpu_began, wall_began = cpu_s(), wall_s()
        async with trio.open_nursery() as nursery:
            for wallet in self._wallets[:wallets]:
                nursery.start_soon(work, wallet, ORDERS // wallets)
        return {
            f"{name}, cpu of {wallets}": (cpu_s() - cpu_began) / ORDERS,
            f"{name}, wall of {wallets}": (wall_s() - wall_began) / ORDERS,
        }


async def _select_one(connection: asyncpg.Connection) -> None:
    await connection.fetchval("select 1")
