"""Calendars, sums and texts of a user's own books: what is told adds up, whatever happened."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.clock import SpanUnit, day_of, spans_until
from bot.ports import BookedEntry, ClosedSums, PeriodSums, ReasonSums, ResultSums
from bot.telegram.book_text import balance_lines, closed_lines, exposure_lines, result_lines
from bot.telegram.gateway_cards import MAX_UNITS, parts, units
from bot.telegram.handlers.books import HISTORY_MOST
from bot.telegram.history_text import COLUMN_OF, history_line, table
from bot.trading.intent import Context, Side
from bot.trading.ledger import Account, Entry, EntryKind, Leg
from bot.trading.units import format_sol
from tests.telegram.commands_page import page

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo", "Asia/Beirut")
YEARS_MS = st.integers(1_262_304_000_000, 2_208_988_800_000)  # 2010 to 2040
LAMPORTS = st.integers(-(10**15), 10**15)
PAGE = Path(__file__).parent.parent.parent / "docs" / "commands.md"


@given(now_ms=YEARS_MS, zone=st.sampled_from(ZONES), unit=st.sampled_from(SpanUnit), count=st.integers(1, 40))
def test_spans_are_whole_days_without_gap_or_overlap(now_ms: int, zone: str, unit: SpanUnit, count: int) -> None:
    spans = spans_until(now_ms, unit, count, zone)
    assert len(spans) == count
    assert spans[-1].start_ms <= now_ms < spans[-1].end_ms
    assert all(one.end_ms == after.start_ms for one, after in pairwise(spans))
    for span in spans:
        assert day_of(span.start_ms, zone) == span.first_day
        assert day_of(span.start_ms - 1, zone) < span.first_day


@given(
    now_ms=YEARS_MS,
    zone=st.sampled_from(ZONES),
    results=st.lists(st.tuples(st.integers(0, 40 * 86_400_000), LAMPORTS), max_size=30),
)
def test_days_sum_to_weeks_and_to_months(now_ms: int, zone: str, results: list[tuple[int, int]]) -> None:
    def total(start_ms: int, end_ms: int) -> int:
        return sum(lamports for before_ms, lamports in results if start_ms <= now_ms - before_ms < end_ms)

    days = spans_until(now_ms, SpanUnit.DAY, 45, zone)
    for unit in (SpanUnit.WEEK, SpanUnit.MONTH):
        [span] = spans_until(now_ms, unit, 1, zone)
        inside = [day for day in days if span.start_ms <= day.start_ms < span.end_ms]
        assert sum(total(day.start_ms, day.end_ms) for day in inside) == total(span.start_ms, span.end_ms)


@given(st.lists(st.builds(PeriodSums, *[st.integers(0, 10**6)] * 3, LAMPORTS, LAMPORTS), max_size=9))
def test_periods_add_up_in_any_order(periods: list[PeriodSums]) -> None:
    whole = sum(periods, PeriodSums())
    assert whole == sum(reversed(periods), PeriodSums())
    assert whole.realized_lamports == sum(one.realized_lamports for one in periods)


@given(
    reasons=st.lists(st.tuples(st.text(max_size=60), LAMPORTS), max_size=25),
    shown=st.integers(0, 25),
    parts=st.tuples(LAMPORTS, LAMPORTS, LAMPORTS),
)
def test_the_lines_of_a_result_sum_to_it_to_the_lamport(
    reasons: list[tuple[str, int]], shown: int, parts: tuple[int, int, int]
) -> None:
    of = tuple(ReasonSums(reason, 1, int(lamports > 0), lamports) for reason, lamports in reasons)
    sums = ResultSums(of[:shown], sum(lamports for _, lamports in reasons), *parts)
    lines = result_lines(sums)
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert sum(_lamports(line) for line in lines) == sums.realized_lamports


@given(wallet=LAMPORTS, rent=LAMPORTS, put_in=LAMPORTS, result=LAMPORTS, swept=LAMPORTS)
def test_what_does_not_fit_between_result_and_ledger_is_named(
    wallet: int, rent: int, put_in: int, result: int, swept: int
) -> None:
    ledger = {Account.WALLET: wallet, Account.RENT: rent, Account.OUTSIDE: -put_in}
    lines = balance_lines([], ledger, result, swept)
    between = put_in + result - wallet - rent - swept
    assert any("at your safe address" in line for line in lines) == bool(swept)
    assert any(line.startswith("Between the two stand") for line in lines) == bool(between)
    assert not between or f"stand {format_sol(between)} SOL" in lines[-1]
    assert any("not in the books yet" in line for line in lines) == (wallet < 0)


def test_best_and_worst_are_of_all_who_wanted_positions() -> None:
    by_hand = ClosedSums(Context.MANUAL_COMMAND, 2, 1, 300, -50, 180_000, ("BestOfHandXX", 200), ("MintOne00000", -50))
    sniper = ClosedSums(Context.SNIPER, 0, 1, 0, -900, 60_000, ("MintTwo00000", -900), ("WorstOfAllXX", -900))
    text = "\n".join(closed_lines([by_hand, sniper]))
    assert "4 closed positions: 2 with a gain (50 %), +0.0000003 SOL; 2 without, -0.00000095 SOL." in text
    assert "Best +0.0000002 SOL in BestOf" in text
    assert "worst -0.0000009 SOL in WorstO" in text
    assert "held for 60 s on average" in text
    assert closed_lines([]) == ["No position of yours has closed yet, so there is no rate of gains."]


def test_somebody_without_positions_risks_nothing() -> None:
    assert exposure_lines([], {}) == ["You hold no position, so nothing of yours is at risk in a token."]


def test_the_page_of_commands_is_written_from_the_table() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.telegram.commands_page > docs/commands.md"


ENTRIES = st.builds(
    BookedEntry,
    number=st.integers(1, 10**6),
    at_ms=YEARS_MS,
    entry=st.builds(
        Entry,
        kind=st.sampled_from(EntryKind),
        wallet_id=st.just("w"),
        legs=st.lists(st.builds(Leg, st.sampled_from(Account), LAMPORTS), max_size=6).map(tuple),
        evidence=st.none() | st.text(max_size=400),
    ),
    side=st.none() | st.sampled_from(Side),
    mint=st.sampled_from(("", "MintOne00000")),
    token_raw=st.integers(0, 2**64 - 1),
    reason=st.text(max_size=400),
)


@given(rows=st.lists(ENTRIES, max_size=12), carried=st.dictionaries(st.sampled_from(Account), LAMPORTS, max_size=5))
def test_the_table_sums_to_the_ledger_to_the_lamport(rows: list[BookedEntry], carried: dict[Account, int]) -> None:
    content = table(rows, mode="live", zone="Asia/Kathmandu", carried=carried)
    read = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert len(read) == len(rows) + bool(carried)
    for account, column in COLUMN_OF.items():
        booked = sum(leg.lamports for row in rows for leg in row.entry.legs if leg.account is account)
        in_file = sum((Decimal(row[column] or "0") for row in read), Decimal(0))
        assert in_file * 10**9 == booked + carried.get(account, 0)
    for row in read:
        assert not row["note"].startswith(("=", "+", "-", "@"))
        assert row["note"].isprintable()


@given(row=ENTRIES, zone=st.sampled_from(ZONES))
def test_an_entry_is_one_line_that_says_what_it_did_to_the_wallet(row: BookedEntry, zone: str) -> None:
    line = history_line(row, zone)
    assert len(line.splitlines()) == 1
    assert f"  {format_sol(row.entry.wallet_lamports, signed=True)} SOL" in line


@given(row=ENTRIES)
def test_the_longest_book_comes_in_messages_that_telegram_takes(row: BookedEntry) -> None:
    lines = [history_line(row, "Europe/Berlin")] * HISTORY_MOST
    messages = parts("\n".join(lines))
    assert all(units(message) <= MAX_UNITS for message in messages)
    assert "\n".join(messages).splitlines() == lines


def _lamports(line: str) -> int:
    """The amount that a line ends with, read back from what a person reads."""
    whole, _, rest = line.removesuffix(" SOL").rpartition(" ")[2].replace(",", "").partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * 10**9 + sign * int(rest.ljust(9, "0") or "0")
