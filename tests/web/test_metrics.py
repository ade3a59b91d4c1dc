"""What monitoring reads of the whole bot, in virtual time, and counts that begin anew each day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.heartbeat import Beats
from actors.hour_watch import LOOK_S
from actors.status_keeper import StatusKeeper
from bot.execution.hours import HOUR_MS, WATCHED
from bot.localnet.inprocess import InProcessChain
from bot.metrics import MetricsBook, SinceStart
from bot.metrics_table import METRICS, PREFIX
from bot.panels import Panels
from bot.ports import HourMeasure, TrackedWallet
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.top.frame import draw
from bot.top.ink import UNICODE
from bot.top.reading import read as look_at
from bot.trading.intent import Mode
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.watching import not_ready, unwatched
from bot.web.dashboard.panels import health
from bot.web.exposition import Family, Sample, exposition
from tests.web.exposition_reader import Samples, read_samples, value
from tests.whole.crowd import Crowd
from tests.whole.test_levels import KEEPS, with_position
from tests.whole.test_one_trade import order
from tests.whole.virtual import World, bought, closed, make_world, open_for_entries, running_bot, until


@asynccontextmanager
async def measured(world: World) -> AsyncIterator[tuple[TradingBot, MetricsBook]]:
    """A running bot with its numbers, which are kept as the actor keeps them."""
    async with running_bot(world) as bot, trio.open_nursery() as nursery:
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        panels = Panels(bot, Mode.LIVE)
        book = MetricsBook(
            bot,
            board,
            stalls=lambda: 0,
            process=panels.process,
            ready=partial(not_ready, bot),
            beats=Beats(sent=3),
        )
        for question in StatusKeeper((board.facts, book.sums), panels.lag).questions:
            nursery.start_soon(question.keep)
        yield bot, book
        nursery.cancel_scope.cancel()


async def read(book: MetricsBook) -> Samples:
    return read_samples(await book.text())


async def test_numbers_of_a_bot_that_buys_and_sells(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", KEEPS)
    async with measured(world) as (bot, book):
        assert value(await read(book), "ready") == 0
        await open_for_entries(bot)
        before = await read(book)
        assert value(before, "trades_executed_total", mode="live", side="buy") == 0
        assert value(before, "ready") == 1
        mint = await with_position(world, bot, Crowd(world.chain))
        await bought(world, 1)
        now = await read(book)
        assert value(now, "trades_total", mode="live", status="success") == 1
        assert value(now, "trades_executed_total", mode="live", side="buy") == 1
        assert value(now, "positions_opened_total", mode="live") == 1
        assert value(now, "positions_open", mode="live") == 1
        assert value(now, "monitors", kind="live") == value(now, "monitors", kind="expected") == 1
        assert value(now, "service_up", service="rpc") == 1
        assert value(now, "state", state="OPEN") == 1
        assert sum(number for (name, _), number in now.items() if name == f"{PREFIX}state") == 1
        assert value(now, "actors", state="running") > 20
        assert value(now, "heartbeats_total", result="sent") == 3
        assert value(now, "rpc_requests_total", endpoint="in-process:1") > 0
        await bot.panic(user.id)
        await closed(world, 1)
        after = await read(book)
        assert value(after, "trades_executed_total", mode="live", side="sell") == 1
        results = [value(after, "positions_closed_total", mode="live", result=one) for one in ("gain", "loss")]
        assert sum(results) == value(after, "positions_opened_total", mode="live") == 1
        text = await book.text()
        assert {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")} == {
            PREFIX + name for name in METRICS
        }
        for private in (user.id, user.handle, mint, *[one.address for one in await world.store.wallets()]):
            assert private not in text


async def test_an_hour_unlike_the_last_days_is_a_number_and_a_line_of_status_and_dashboards(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("demo-1", KEEPS)
    crowd = Crowd(world.chain)
    hour_ms = world.clock.now_ms() // HOUR_MS * HOUR_MS
    calm = [HourMeasure("refusals", hour_ms - number * HOUR_MS, 1, 50) for number in range(1, 40)]
    await world.store.keep_measures(calm, 0)
    async with measured(world) as (bot, book):
        await open_for_entries(bot)
        before = await read(book)
        assert {name: value(before, "unusual", measure=name) for name in WATCHED} == dict.fromkeys(WATCHED, 0)
        mint = crowd.launch()
        await trio.sleep(1)
        for _ in range(25):
            await bot.desk.submit(order(user, wallet, mint, spend_lamports=10_000 * LAMPORTS_PER_SOL))
        await trio.sleep(LOOK_S + 5)
        now = await read(book)
        assert {name for name in WATCHED if value(now, "unusual", measure=name)} == {"refusals"}
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        status = await board.status()
        [line] = [line for line in status_text(status).splitlines() if line.startswith("unusual (refusals) since ")]
        assert line.endswith(
            "buys that limits or checks refused: 100.0 % in this hour, of 25, where 2.0 % is usual over 39 hours of the last 7"
            " days"
        )
        view = look_at(status, {}, await Panels(bot, Mode.LIVE).record())
        assert "unusual" in draw(view, now_ms=0, width=160, height=45, glyphs=UNICODE).plain
        assert "100.0 % in this hour, of 25" in str(health(view, 0))


async def test_a_day_later_counts_go_on_and_without_the_database_they_stay(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    await world.user("demo-1", KEEPS)
    async with measured(world) as (bot, book):
        await open_for_entries(bot)
        await read(book)
        await with_position(world, bot, Crowd(world.chain))
        await bought(world, 1)
        await read(book)
        world.database.is_away = True
        away = await read(book)
        assert value(away, "trades_executed_total", mode="live", side="buy") == 1
        assert (f"{PREFIX}users", frozenset()) not in away
        await until(lambda: not bot.health["database"].healthy, within_s=20)
        assert value(await read(book), "ready") == 0
        assert any(line.startswith("database: ") for line in not_ready(bot))
        assert unwatched(bot) == [], "positions are watched without a database"


async def test_followed_wallets_are_scanned_and_their_activity_is_counted(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", KEEPS)
    crowd = Crowd(world.chain)
    await world.store.track(TrackedWallet(user.id, crowd.address(2), "leader", world.clock.now_ms()))
    async with measured(world) as (bot, book):
        await open_for_entries(bot)
        await until(lambda: bot.hunt.followed.looks > 0, within_s=120)
        crowd.buy(crowd.launch(), 2, 50_000_000)
        with trio.fail_after(300):
            while value(await read(book), "wallets_with_activity") < 1:
                await trio.sleep(1)
        now = await read(book)
        assert value(now, "scan_duration_seconds_count") >= 2
        assert value(now, "scan_duration_seconds_sum") >= 0
        assert value(now, "wallets_followed") == 1


def test_counts_of_days_add_up_and_never_fall() -> None:
    since = SinceStart()
    since.take("2026-01-01", {("fills",): 40})
    assert since.sums == {("fills",): 0}, "what was before this process is not its own"
    for day, count in (("2026-01-01", 43), ("2026-01-01", 42), ("2026-01-02", 5), ("2026-01-02", 9), ("2026-01-05", 0)):
        since.take(day, {("fills",): count})
    assert since.sums == {("fills",): 3 + 9}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=30))
def test_a_sum_of_whatever_counts_never_falls(looks: list[tuple[int, int]]) -> None:
    since, before = SinceStart(), 0
    day = 0
    for passed, count in looks:
        day += passed
        since.take(f"day-{day:04}", {("fills",): count})
        assert since.sums["fills",] >= before
        before = since.sums["fills",]


def test_a_label_holds_any_text_and_a_name_does_not() -> None:
    odd = 'a "quoted" \\ name\nof two lines'
    text = exposition([Family("trading_bot_pauses", "gauge", "why", (Sample(1, {"cause": odd}), Sample(0.5)))])
    assert read_samples(text)["trading_bot_pauses", frozenset()] == 0.5
    assert 'cause="a \\"quoted\\" \\\\ name\\nof two lines"} 1\n' in text
    with pytest.raises(ValueError, match="no name of a metric"):
        exposition([Family("trading-bot", "gauge", "", ())])
