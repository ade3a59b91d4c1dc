"""What a wallet's day has taken is remembered by the vault itself, whoever starts it again and however often."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clock import Clock
from bot.errors import SigningRefused, StartupError
from bot.trading.units import LAMPORTS_PER_SOL as SOL
from bot.vault import lines
from bot.vault.day_book import DAY_MS, STEPS, DayBook
from bot.vault.policy import Kind, Outlay
from tests.vault.vault_samples import bounds

BOUNDS = bounds(day_lamports=100 * SOL, day_costs_lamports=2 * SOL)


def bought(lamports: int, costs: int = 0) -> Outlay:
    return Outlay(Kind.BUY, "mint", lamports, costs)


def sold(costs: int) -> Outlay:
    return Outlay(Kind.SELL, "mint", 0, costs)


def swept(costs: int) -> Outlay:
    return Outlay(Kind.WITHDRAW, "", 50 * SOL, costs)


@dataclass(slots=True)
class Shelf:
    """Where the book lies, and the clock beside it."""

    path: Path
    now_ms: int = 100 * DAY_MS
    boot: int = 1

    def book(self) -> DayBook:
        return DayBook(BOUNDS, Clock(lambda: self.now_ms, lambda: ""), self.path, f"boot-{self.boot}")

    def lines(self) -> int:
        return self.path.read_bytes().count(b"\n")


@dataclass(slots=True)
class Disk:
    """Has behind a power cut what somebody waited for, and nothing else."""

    content: bytes = b""

    def sync(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}")
        if not path.is_dir():
            self.content = path.read_bytes()

    def loses_power(self, shelf: Shelf) -> None:
        shelf.path.write_bytes(self.content)
        shelf.boot += 1


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(lines.os, "fsync", disk.sync)
    return disk


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "vault.days")


def used_up(book: DayBook, outlay: Outlay) -> int:
    """How often it is counted before it is refused."""
    for number in range(10_000):
        try:
            book.count("wallet", outlay)
        except SigningRefused:
            return number
    raise AssertionError("nothing bounds it")


def test_a_book_that_is_opened_again_gives_no_second_day(shelf: Shelf) -> None:
    assert used_up(shelf.book(), bought(SOL)) == 100
    assert used_up(shelf.book(), bought(SOL)) == 0
    assert used_up(shelf.book(), sold(SOL // 10)) == 20
    assert used_up(shelf.book(), sold(SOL // 10)) == 0
    assert used_up(shelf.book(), swept(SOL // 10)) == 20, (
        "what was sold in the wallet's name keeps nothing from being swept"
    )
    assert used_up(shelf.book(), swept(SOL // 10)) == 0
    shelf.now_ms += DAY_MS
    assert used_up(shelf.book(), bought(SOL)) == 100
    assert stat.S_IMODE(shelf.path.stat().st_mode) == 0o600


def test_a_process_that_is_started_again_loses_nothing_of_its_day(shelf: Shelf) -> None:
    for _ in range(200):
        shelf.book().count("wallet", bought(SOL // 2))
    assert used_up(shelf.book(), bought(SOL // 2)) == 0
    for _ in range(200):
        shelf.book().count("wallet", sold(SOL // 100))
    assert used_up(shelf.book(), sold(SOL // 100)) == 0
    for _ in range(200):
        shelf.book().count("wallet", swept(SOL // 100))
    assert used_up(shelf.book(), swept(SOL // 100)) == 0


def test_a_machine_that_loses_its_power_costs_at_most_a_step(shelf: Shelf, disk: Disk) -> None:
    signed = 0
    for _ in range(10):
        shelf.book().count("wallet", bought(SOL // 2))
        signed += SOL // 2
        disk.loses_power(shelf)
    signed += used_up(shelf.book(), bought(SOL // 2)) * SOL // 2
    assert BOUNDS.day_lamports - 10 * BOUNDS.day_lamports // STEPS - SOL // 2 <= signed <= BOUNDS.day_lamports


@settings(deadline=None)  # it writes files, whose time is the disk's
@given(
    st.lists(
        st.tuples(st.sampled_from(Kind), st.integers(0, 9 * SOL), st.sampled_from(["", "kill", "power"])), max_size=60
    )
)
def test_no_order_of_trades_sweeps_kills_and_power_cuts_takes_more_than_a_day_may(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[Kind, int, str]]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shelf, disk = Shelf(tmp_path_factory.mktemp("shelf") / "vault.days"), Disk()
        monkeypatch.setattr(lines.os, "fsync", disk.sync)
        book, taken = shelf.book(), Counter[str]()
        for kind, lamports, end in turns:
            if end == "power":
                disk.loses_power(shelf)
            if end:
                book = shelf.book()
            is_buy = kind is Kind.BUY
            outlay = bought(lamports, 5_000) if is_buy else Outlay(kind, "", 0, lamports // 10)
            try:
                book.count("wallet", outlay)
            except SigningRefused:
                continue
            taken["sales" if kind is Kind.CLOSE else kind] += lamports + 5_000 if is_buy else lamports // 10
        assert taken[Kind.BUY] <= BOUNDS.day_lamports
        assert max(taken["sales"] + taken[Kind.SELL], taken[Kind.WITHDRAW]) <= BOUNDS.day_costs_lamports


def test_few_signatures_wait_for_the_disk(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    book = shelf.book()
    monkeypatch.setattr(lines.os, "fsync", waits.append)
    assert used_up(book, bought(SOL // 10)) == 1_000
    assert used_up(book, sold(SOL // 500)) == 1_000
    assert used_up(book, swept(SOL // 500)) == 1_000
    assert len(waits) <= 3 * STEPS


def test_a_clock_that_is_set_back_over_a_restart_gives_no_second_day(shelf: Shelf) -> None:
    assert used_up(shelf.book(), bought(SOL)) == 100
    shelf.now_ms -= DAY_MS
    assert used_up(shelf.book(), bought(SOL)) == 0


def test_where_nothing_can_be_remembered_no_buy_is_signed_and_every_sale_is(shelf: Shelf, tmp_path: Path) -> None:
    book = shelf.book()
    shelf.path.unlink()
    shelf.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SigningRefused, match="disk takes nothing"):
        book.count("wallet", bought(SOL))
    assert used_up(book, sold(SOL // 10)) == 20
    assert used_up(book, swept(SOL // 10)) == 20
    shelf.path.unlink()
    assert used_up(book, bought(SOL)) == 100


def test_a_file_that_is_none_of_the_vaults_ends_the_start(shelf: Shelf) -> None:
    shelf.path.write_bytes(b'{"address":7}\n')
    with pytest.raises(StartupError, match="line 1 is none of the vault's"):
        shelf.book()


def test_a_vault_that_runs_for_long_writes_its_file_anew(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "OVERTAKEN_MAX", 30)
    book = shelf.book()
    for _ in range(5):
        assert used_up(book, bought(SOL)) == 100
        shelf.now_ms += DAY_MS
    assert shelf.lines() <= 31
    shelf.now_ms -= DAY_MS
    assert used_up(shelf.book(), bought(SOL)) == 0
