"""What leaves the books by `bot export`: the rows against the ledger in virtual time, and the verb over a real socket."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
import trio
from trio.testing import MockClock

from bot.clock import day_of
from bot.control import ControlServer, Refused
from bot.export_cli import export
from bot.export_verbs import COLUMNS, DAYS, FILLS, POSITIONS, export_step
from bot.localnet.inprocess import InProcessChain
from bot.ports import SealedKey, Store, User, Wallet
from bot.refusal import CannotError
from bot.storage.memory import MemoryStore
from bot.trading.intent import Mode
from bot.trading.ledger import Account, Entry, EntryKind, Leg
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.paper_world import START_LAMPORTS, paper_world
from tests.whole.test_one_trade import order
from tests.whole.test_paper import SETTINGS, traded_token
from tests.whole.virtual import bought, closed, open_for_entries, running_bot

NOW_MS = 1_790_000_000_000
ENTRIES = 120  # more than one answer holds


async def everything(store: Store, of: str, user: str | None = None, now_ms: int = NOW_MS) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: list[Any] | None = [0, 0, None]
    while after is not None:
        answer = await export_step(store, {"of": of, "user": user, "after": after}, now_ms)
        rows += answer["rows"]
        after = answer["next"]
    return rows


async def test_the_rows_of_a_trade_are_the_ledger_and_the_position(autojump_clock: MockClock) -> None:
    world = paper_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", replace(SETTINGS, max_hold_s=5))
    await world.user("demo-2", SETTINGS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await traded_token(Crowd(world.chain))
        await bot.desk.submit(replace(order(user, wallet, mint, spend_lamports=LAMPORTS_PER_SOL), mode=Mode.PAPER))
        await bought(world, 1)
        await closed(world, 1)
    store = cast(Store, world.store)
    fills = await everything(store, FILLS)
    assert tuple(fills[0]) == COLUMNS[FILLS]
    for row in fills:
        assert sum(row[f"{account.value}_lamports"] for account in Account) == 0
    ledger = await store.wallet_ledger(wallet.id)
    assert sum(row["wallet_lamports"] for row in fills if row["user"] == "demo-1") == ledger.booked_lamports
    assert sorted(row["side"] for row in fills if row["kind"] == "fill") == ["buy", "sell"]
    assert all(row["protocol_fee_lamports"] > 0 for row in fills if row["kind"] == "fill")
    (held,) = await everything(store, POSITIONS)
    assert tuple(held) == COLUMNS[POSITIONS]
    assert (held["user"], held["mint"], held["state"], held["mode"]) == ("demo-1", mint, "closed", "paper")
    assert held["realized_lamports"] == ledger.booked_lamports - START_LAMPORTS
    assert await everything(store, POSITIONS, "demo-2") == []
    with pytest.raises(CannotError, match="no user nobody"):
        await export_step(store, {"of": FILLS, "user": "nobody"}, NOW_MS)
    with pytest.raises(CannotError, match="from 1 to 31"):
        await export_step(store, {"of": DAYS, "days": 32}, NOW_MS)
    day_ms = 24 * 3_600_000
    at_ms = world.clock.now_ms()
    assert await everything(store, DAYS, now_ms=at_ms) == [], "today is not over"
    (day,) = await everything(store, DAYS, now_ms=at_ms + day_ms)
    assert (day["user"], day["mode"], day["buys"], day["sells"], day["failed"]) == ("demo-1", "paper", 1, 1, 0)
    assert tuple(day) == COLUMNS[DAYS]
    assert (day["day"], day["realized_lamports"]) == (day_of(at_ms), held["realized_lamports"])
    assert await everything(store, DAYS, now_ms=at_ms + 8 * day_ms) == [], "a week, and not more"


async def books_of_many() -> Store:
    store = MemoryStore()
    user = User("u", "=demo", None, Mode.PAPER, "1")
    wallet = Wallet("w", "u", "address", Mode.PAPER)
    await store.create_user(user, wallet, SealedKey("k", b"", b""), UserSettings())
    for number in range(ENTRIES):
        legs = (Leg(Account.WALLET, number + 1), Leg(Account.OUTSIDE, -number - 1))
        entry = Entry(EntryKind.DEPOSIT, "w", legs, signature=f"s{number}", slot=number, evidence="seen")
        before = (await store.wallet_ledger("w")).booked_lamports
        assert await store.book([entry], booked_lamports=before)
    return cast(Store, store)


async def test_the_verb_writes_csv_and_parquet_over_the_socket(tmp_path: Path) -> None:
    store = await books_of_many()

    older: list[bool] = []  # a bot from before, which names no columns

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        try:
            told = await export_step(store, request, NOW_MS)
            return {name: value for name, value in told.items() if name != "columns" or not older}
        except CannotError as error:
            return {"error": str(error)}

    async def no_chat(*_: object) -> Any:
        raise AssertionError

    socket, ready = tmp_path / "ctl.sock", trio.Event()
    server = ControlServer(socket, answer, no_chat)

    async def verb(file: str, what: str = "fills", user: str | None = None, days: int = 7) -> int:
        return await trio.to_thread.run_sync(partial(export, socket, what, file, user, days))

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, ready.set)
            await ready.wait()
            for name in ("fills.csv", "fills.parquet"):
                (tmp_path / name).write_text("of last week")
                (tmp_path / name).chmod(0o644)
            assert await verb(str(tmp_path / "fills.csv")) == 0
            assert await verb(str(tmp_path / "fills.parquet")) == 0
            assert await verb(str(tmp_path / "none.csv"), "positions") == 0
            assert await verb(str(tmp_path / "days.csv"), "days") == 0
            assert await verb(str(tmp_path / "days.parquet"), "days") == 0
            older.append(True)
            assert await verb(str(tmp_path / "older.csv")) == 0
            older.clear()
            with pytest.raises(Refused, match="no user nobody"):
                await verb(str(tmp_path / "x.csv"), user="nobody")
            with pytest.raises(Refused, match="a number of days from 1 to 31"):
                await verb(str(tmp_path / "x.csv"), "days", days=0)
            nursery.cancel_scope.cancel()
    rows = list(csv.DictReader((tmp_path / "fills.csv").read_text().splitlines()))
    assert [int(row["wallet_lamports"]) for row in rows] == list(range(1, ENTRIES + 1))
    assert {row["user"] for row in rows} == {"'=demo"}  # no formula in a spreadsheet
    assert (tmp_path / "older.csv").read_text() == (tmp_path / "fills.csv").read_text()
    table = pl.read_parquet(tmp_path / "fills.parquet")
    assert table["wallet_lamports"].to_list() == list(range(1, ENTRIES + 1))
    for name in ("fills.csv", "fills.parquet", "none.csv"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600, "an older file was everybody's to read"
    assert (tmp_path / "none.csv").read_text() == ",".join(COLUMNS[POSITIONS]) + "\n"
    assert (tmp_path / "days.csv").read_text() == (
        "user,mode,day,buys,sells,failed,realized_lamports,fees_lamports\n"
    ), "what has no rows says what they would have been"
    empty = pl.read_parquet(tmp_path / "days.parquet")
    assert (empty.columns, empty.height) == (list(COLUMNS[DAYS]), 0)
