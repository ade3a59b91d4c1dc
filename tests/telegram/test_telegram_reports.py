"""What comes by itself: reports of days and weeks that are over, and pictures below messages for those who want them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
import trio
from trio.testing import MockClock

from actors.daily_report import DailyReport
from actors.runtime import ChildSpec, Report, SupervisorSpec, open_supervisor
from bot.clock import SpanUnit, spans_until, virtual_clock
from bot.execution.reports import Report as DayReport
from bot.pictures.plain import PositionPicture, ProfitPicture
from bot.ports import PeriodSums
from bot.storage.memory import MemoryStore
from bot.telegram.replies import message_text
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.rewards import RewardedAction
from bot.trading.units import format_sol
from tests.storage.storage_samples import bought, enrol
from tests.storage.test_contract_books import sold
from tests.storage.test_contract_shares import copied, follows
from tests.telegram.telegram_bot import bot_on_telegram, make_talk, token_on_the_market
from tests.telegram.test_telegram_confirmations import agreed
from tests.telegram.test_telegram_paper import trades_on_paper

HOUR_S = 3_600


async def traded(store: MemoryStore, name: str, zone: str, number: int) -> int:
    """A user who bought and sold on Monday 2026-09-21, 14:13 UTC; his result in lamports."""
    wallet = await enrol(store, name, UserSettings(timezone=zone))
    position_id = f"p-{number}"
    await bought(store, f"b-{number}", wallet, mint=f"M-{position_id}", position_id=position_id)
    return await sold(store, f"s-{number}", wallet, 900, "take_profit", position_id)


@asynccontextmanager
async def reporting(store: MemoryStore, since: str) -> AsyncIterator[None]:
    """A life of the actor that begins at this moment."""
    epoch_ms = round(datetime.fromisoformat(since).timestamp() * 1000)
    actor = DailyReport(store, virtual_clock(trio.current_time, epoch_ms=epoch_ms, seed=1))
    reports: list[Report] = []
    spec = SupervisorSpec("records", "one_for_one", (ChildSpec("daily_report", actor.run),))
    async with open_supervisor(spec, report=reports.append):
        yield
    assert reports == []


async def told(store: MemoryStore) -> list[str]:
    return [
        f"{message.user_id}: {message_text(message)}" for message in await store.due(50) if message.kind == "report"
    ]


async def test_a_day_is_told_once_to_each_when_it_is_over_where_he_lives(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    won = await traded(store, "ada", "UTC", 1)
    await traded(store, "bea", "America/New_York", 2)
    await enrol(store, "cyd", UserSettings(timezone="UTC"))  # who did not trade
    async with reporting(store, "2026-09-21T23:00:00+00:00"):
        await trio.sleep(HOUR_S)
        assert await told(store) == []
        await trio.sleep(HOUR_S / 4)
        [first] = await told(store)
        assert first == (
            "u-ada: [paper] Your day 2026-09-21, in the time of UTC, is over:"
            f" {format_sol(won, signed=True)} SOL; 1 buy, 1 sale; fees 0.00000002 SOL. What you still hold is not in it."
            " /profit day has the ones before."
        )
        await trio.sleep(5 * HOUR_S)
        assert [line.partition(" Your day ")[0] for line in await told(store)] == ["u-ada: [paper]", "u-bea: [paper]"]
    # The next life begins within the time in which it would tell.
    async with reporting(store, "2026-09-22T04:30:00+00:00"):
        await trio.sleep(HOUR_S)
    assert len(await told(store)) == 2


async def test_what_a_day_earned_is_written_down_although_nobody_looks(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    leader = await enrol(store, "leader", UserSettings(timezone="UTC"))
    ada, rule = await follows(store, "ada", leader.user_id)
    await copied(store, ada, rule, "a", 2_000)
    assert (await store.reward_sums(ada.user_id), await store.share_sums(leader.user_id)) == ([], [])
    async with reporting(store, "2026-09-21T23:30:00+00:00"):
        await trio.sleep(HOUR_S)
    assert [one.action for one in await store.reward_sums(ada.user_id)] == [RewardedAction.START]
    [share] = await store.share_sums(leader.user_id)
    assert (share.follower_id, share.sales) == (ada.user_id, 1)


async def test_a_week_is_told_on_its_users_monday_and_a_day_long_gone_is_not(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    await traded(store, "ada", "UTC", 1)
    async with reporting(store, "2026-09-22T07:00:00+00:00"):
        await trio.sleep(10 * HOUR_S)
        assert await told(store) == []
    async with reporting(store, "2026-09-27T23:30:00+00:00"):
        await trio.sleep(2 * HOUR_S)
    [week] = await told(store)
    assert "Your week from Monday 2026-09-21, in the time of UTC, is over: " in week
    assert week.endswith("/profit week has the ones before.")


async def test_who_wants_pictures_gets_them_below_what_closes_and_below_reports(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(71)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await trades_on_paper(talk, mint)
        await trio.sleep(10)
        assert talk.world.drawings.shown == []
        assert "pictures = off - a picture below each" in await talk.asks("/alerts", "What you are told of")
        await talk.asks("/alerts pictures silent", "pictures is on or off")
        await talk.asks("/alerts pictures on", "pictures = on")
        await trades_on_paper(talk, mint)
        await talk.gets_photo()
        picture = talk.world.drawings.shown[-1]
        assert isinstance(picture, PositionPicture)
        assert (picture.mode, picture.mint, picture.buys, picture.sales) == ("paper", mint, 1, 1)

        # Where nobody can draw the text comes all the same, and nothing is said about a picture that nobody asked for.
        talk.world.drawings.troubles.append("ends")
        await trades_on_paper(talk, mint)
        await trio.sleep(10)
        shown = [one for one in talk.telegram.messages(talk.person) if one.ours]
        assert not any("No picture" in one.text for one in shown)
        [photo] = [one for one in shown if one.photo is not None]
        assert photo.silent

        [user] = await talk.world.store.users()
        now_ms = talk.world.clock.now_ms()
        _, today = spans_until(now_ms, SpanUnit.DAY, 2)
        report = DayReport(user.id, Mode.PAPER, SpanUnit.DAY, today, "UTC", PeriodSums(buys=3))
        await talk.world.store.post(report.message(now_ms))
        await talk.hears("[paper] Your day ")
        await talk.gets_photo(2)
        picture = talk.world.drawings.shown[-1]
        assert isinstance(picture, ProfitPicture)
        assert (picture.mode, picture.buys, picture.sells) == ("paper", 3, 3)
