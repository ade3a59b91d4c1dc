"""The contract of `WalletRecordStore`, held by both stores: a book is the fold of the swaps, however they were recorded."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import Store, WalletSignal
from bot.storage.address import DatabaseAddress
from bot.storage.store import open_store
from bot.storage.wallet_book_rules import ledger_swap
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.wallet_ledger import book_of, record_of
from tests.storage.server_thread import run_sql
from tests.storage.storage_samples import NOW_MS

SOL = LAMPORTS_PER_SOL
NOW_S = NOW_MS // 1000


def traded(number: int, side: Side, token_raw: int, lamports: int, mint: str = "MintOne") -> WalletSignal:
    at_s = NOW_S + number
    return WalletSignal(
        "Leader", mint, side, token_raw, lamports, slot=number, block_time_s=at_s, signature=f"s{number}"
    )


SWAPS = [
    traded(1, Side.BUY, 1_000, SOL),
    traded(2, Side.SELL, 400, SOL),
    traded(3, Side.BUY, 2**64 - 1, 2**63 - 1, "MintTwo"),
    traded(4, Side.SELL, 600, SOL),
    traded(5, Side.BUY, 7, 2**63 - 1, "MintTwo"),
]
BOOKS = [book_of(mint, [ledger_swap(one) for one in SWAPS]) for mint in ("MintTwo", "MintOne")]


async def test_each_recorded_swap_is_in_its_book_once(store: Store) -> None:
    for swap in SWAPS:
        assert await store.record_signal(swap)
        assert not await store.record_signal(replace(swap, token_raw=9))
    assert await store.wallet_records(["Leader", "Other"], 0) == {"Leader": record_of("Leader", BOOKS)}


async def test_swaps_that_are_recorded_late_stand_in_the_books_where_they_belong(store: Store) -> None:
    for swap in reversed(SWAPS):
        await store.record_signal(swap)
    assert await store.wallet_records(["Leader"], 0) == {"Leader": record_of("Leader", BOOKS)}
    assert await store.wallet_records(["Leader"], NOW_S + 4) == {"Leader": record_of("Leader", BOOKS[:1])}


async def test_a_record_is_of_the_tokens_that_were_traded_since_a_moment(store: Store) -> None:
    for swap in SWAPS:
        await store.record_signal(swap)
    assert await store.wallet_records(["Leader"], NOW_S + 4) == {"Leader": record_of("Leader", BOOKS[:1])}
    assert await store.wallet_records(["Leader"], NOW_S + 5) == {}
    assert await store.wallet_records([], 0) == {}


async def test_swaps_of_before_there_were_books_are_folded_in_steps(database: DatabaseAddress) -> None:
    async with open_store(database) as store:
        for swap in SWAPS:
            await store.record_signal(swap)
        await run_sql(database, "delete from wallet_books")
        assert await store.wallet_records(["Leader"], 0) == {}
        assert await store.fold_unbooked(1) == 1
        await store.record_signal(traded(6, Side.SELL, 1, 1))
        await store.record_signal(traded(7, Side.SELL, 1, 1, "MintTwo"))
        assert await store.fold_unbooked(9) == 0
        told = [ledger_swap(one) for one in await store.signals("Leader", 99)]
        assert len(told) == 7
        books = [book_of(mint, told) for mint in ("MintTwo", "MintOne")]
        assert await store.wallet_records(["Leader"], 0) == {"Leader": record_of("Leader", books)}
