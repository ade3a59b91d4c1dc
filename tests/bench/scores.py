"""Ten thousand followed wallets with their scores current: swaps through ledger and score, reading all, ranking, memory.

Rows are in a real PostgreSQL that keeps every commit on the disk. The floor of a recorded swap is its row without the book.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import asyncpg
import trio

from bot.clock import system_clock
from bot.execution.leader_swaps import leader_swap
from bot.execution.wallet_standings import WalletStandings
from bot.ports import WalletSignal
from bot.storage.embedded import embedded_postgres
from bot.storage.store import PostgresStore, open_store
from bot.storage.tracking import INSERT_SIGNAL
from bot.storage.wallet_book_rules import ledger_swap
from bot.storage.wallet_books import INSERT_BOOK, UPDATE_BOOK, book_row
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.wallet_ledger import MintBook, book_of, record_of
from bot.trading.wallet_score import score_of
from tests.bench.footprint import resident_bytes
from tests.bench.measure import Metrics, compete_inside, cpu_s, wall_s
from tests.bench.table import Line, alone, duration, kibibytes, line, rate

WALLETS = 10_000
TOKENS = 2  # of each wallet, bought and sold once before anything is measured
ROUNDS = 2
SWAPS = 400
AT_ONCE = 16
PURE = 20_000
AT_A_TIME = 500  # rows of what is there before anything is measured


def scores(draw: random.Random) -> list[Line]:
    """A swap in memory alone, a swap recorded with its book, all wallets read and scored, the best of them, memory."""
    with tempfile.TemporaryDirectory() as folder:
        return trio.run(_measure, Path(folder, "postgres"), draw)


async def _measure(root: Path, draw: random.Random) -> list[Line]:
    async with embedded_postgres(root) as server, open_store(server.address) as store:
        bench = Bench(store, draw)
        await bench.fill()
        turns = [bench.pure, bench.recorded, bench.rows_alone, bench.read]
        rounds = await compete_inside(turns, rounds=ROUNDS, draw=draw)
    of = f"{WALLETS:,} followed wallets"
    return [
        alone(rounds, "swap through ledger and score, in memory, CPU", "pure", rate),
        line(rounds, f"swap recorded with its book, {AT_ONCE} at once, wall clock", "recorded", "row alone", rate),
        alone(rounds, f"{of}: all read and scored, wall clock", "read", duration),
        alone(rounds, f"{of}: current again after a swap, wall clock", "read again", duration),
        alone(rounds, f"{of}: the ten best of all, CPU", "ranked", duration),
        Line(f"{of}: memory of one standing", kibibytes(bench.bytes_of_all / WALLETS)),
    ]


@dataclass(slots=True)
class Bench:
    """One store with the past of all wallets, for all rounds."""

    store: PostgresStore
    draw: random.Random
    now_s: int = field(default_factory=lambda: system_clock().now_ms() // 1000)
    bytes_of_all: float = 0.0
    _numbers: count[int] = field(default_factory=lambda: count(10**6))

    @property
    def addresses(self) -> list[str]:
        return [f"Wallet{number:05}" for number in range(WALLETS)]

    async def fill(self) -> None:
        """The books of what all wallets traded before."""
        rows = []
        for address in self.addresses:
            for token in range(TOKENS):
                swaps = [self._swap(address, f"Past{token}", 2 * token + place) for place in (0, 1)]
                rows.append(book_row(address, book_of(f"Past{token}", [ledger_swap(one) for one in swaps])))
        for start in range(0, len(rows), AT_A_TIME):
            await self.store._database.write(_insert_books, rows[start : start + AT_A_TIME])

    def _swap(self, address: str, mint: str, slot: int) -> WalletSignal:
        """A buy in an even slot, a sale in an odd one."""
        side = Side.SELL if slot % 2 else Side.BUY
        lamports = self.draw.randrange(LAMPORTS_PER_SOL // 2, 2 * LAMPORTS_PER_SOL)
        at_s = self.now_s - 10_000 + slot
        return WalletSignal(address, mint, side, 1_000, lamports, slot, at_s, f"s{next(self._numbers)}")

    def _swaps(self, number: int) -> list[WalletSignal]:
        return [
            self._swap(f"Wallet{self.draw.randrange(WALLETS):05}", f"New{next(self._numbers)}", slot)
            for slot in range(number)
        ]

    async def pure(self) -> Metrics:
        """Rounds of one token after the other, each swap followed by the wallet's score."""
        await trio.lowlevel.checkpoint()
        swaps = [ledger_swap(self._swap("W", "M", slot)) for slot in range(PURE)]
        book, began = MintBook("M"), cpu_s()
        for swap in swaps:
            book = book.after(swap)
            score_of(record_of("W", [book]), self.now_s)
        return {"pure": (cpu_s() - began) / PURE}

    async def recorded(self) -> Metrics:
        return {"recorded": await self._at_once(self._swaps(SWAPS), with_book=True)}

    async def rows_alone(self) -> Metrics:
        return {"row alone": await self._at_once(self._swaps(SWAPS), with_book=False)}

    async def _at_once(self, swaps: Sequence[WalletSignal], *, with_book: bool) -> float:
        async def work(mine: Sequence[WalletSignal]) -> None:
            for swap in mine:
                if with_book:
                    await self.store.record_signal(swap)
                else:
                    await self.store._database.write(_insert, swap)

        began = wall_s()
        async with trio.open_nursery() as nursery:
            for number in range(AT_ONCE):
                nursery.start_soon(work, swaps[number::AT_ONCE])
        return (wall_s() - began) / len(swaps)

    async def read(self) -> Metrics:
        """As after a start of the bot; then one of them trades, and the best are asked for."""
        before, began = resident_bytes(), wall_s()
        standings = WalletStandings(self.store, system_clock())
        standings.follow(self.addresses)
        await standings.refresh()
        read_s = wall_s() - began
        self.bytes_of_all = max(self.bytes_of_all, resident_bytes() - before)
        again_s = wall_s()
        standings.swapped(leader_swap(self._swap(self.addresses[0], "Now", 0)))
        await standings.refresh()
        again_s, began = wall_s() - again_s, cpu_s()
        assert len(standings.best(10)) == 10
        return {"read": read_s, "read again": again_s, "ranked": cpu_s() - began}


async def _insert_books(connection: asyncpg.Connection, rows: Sequence[tuple[str | int, ...]]) -> None:
    await connection.executemany(INSERT_BOOK, [row[:2] for row in rows])
    await connection.executemany(UPDATE_BOOK, rows)


async def _insert(connection: asyncpg.Connection, swap: WalletSignal) -> None:
    await connection.fetchval(INSERT_SIGNAL, *_columns(swap))


def _columns(swap: WalletSignal) -> list[object]:
    """In the order of INSERT_SIGNAL."""
    return [
        swap.address,
        swap.mint,
        swap.side,
        swap.token_raw,
        swap.quote_lamports,
        swap.slot,
        swap.block_time_s * 1000,
        swap.signature,
        swap.instruction,
        swap.held_before_raw,
        swap.seen_at_ms,
        swap.both_sides,
    ]
