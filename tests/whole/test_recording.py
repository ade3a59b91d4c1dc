"""The whole bot records what it sees: across crashes of its recorder, when the disk refuses, and so that it can be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import trio
from trio.testing import MockClock

from actors.recorder import WRITE_EVERY_S
from bot.errors import RecordingUnavailable
from bot.localnet.inprocess import InProcessChain
from bot.localnet.market.recording import read_recording
from bot.localnet.market.replay import ReplayedMarket
from bot.ports import Seen, Snapshot
from bot.recorder.memory import MemoryRecording
from bot.recorder.rows import header, lines
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import bought, make_world, open_for_entries, running_bot, until

HOLDS = UserSettings(max_hold_s=None, stop_loss_bps=None, take_profit_bps=None)


class FullDisk(MemoryRecording):
    """A disk that takes nothing while `is_full`."""

    is_full = True

    async def append(self, seen: Sequence[Seen], now_ms: int) -> None:
        if self.is_full:
            raise RecordingUnavailable("no space left on device")
        await super().append(seen, now_ms)


def symbols(seen: Sequence[Seen]) -> list[str]:
    return [one.symbol for one in seen if isinstance(one, TokenLaunch)]


async def test_launches_trades_and_snapshots_are_recorded_and_replay_to_the_same_launches(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world = make_world(InProcessChain(seed=1))
    user, wallet = await world.user("holder", HOLDS)
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        held = crowd.launch()
        await trio.sleep(1)
        await bot.desk.submit(order(user, wallet, held, spend_lamports=LAMPORTS_PER_SOL // 10))
        await bought(world, 1)
        recorder = bot.supervisor("hunt", "records")
        recorder.kill("recorder")
        crowd.buy(crowd.launch(), 3, LAMPORTS_PER_SOL)
        await trio.sleep(5)
        crowd.launch()
        crowd.buy(held, 3, LAMPORTS_PER_SOL)
        await trio.sleep(10)
        last = crowd.launch()
        await trio.sleep(WRITE_EVERY_S / 2)
        status = bot.market.record()
        assert status is not None
        assert (status["dropped"], status["trouble"]) == (0, None)
    seen = world.recording.seen
    assert symbols(seen) == ["T1", "T2", "T3", "T4"], "the last one too, which was not written yet when the bot ended"
    assert last == next(one.mint for one in seen if isinstance(one, TokenLaunch) and one.symbol == "T4")
    assert len([one for one in seen if isinstance(one, CurveTrade) and one.mint == held]) == 2
    assert any(isinstance(one, Snapshot) and one.mint == held for one in seen)

    file = tmp_path / "market.csv"
    file.write_text(header() + lines(seen))
    again = make_world(InProcessChain(seed=2, market=ReplayedMarket(2, read_recording(file, speed=1.0))))
    async with running_bot(again) as bot:
        await open_for_entries(bot)
        await trio.sleep(30)
    assert symbols(again.recording.seen) == symbols(seen)
    mints = {one.symbol: one.mint for one in again.recording.seen if isinstance(one, TokenLaunch)}
    traded = [
        (one.is_buy, one.quote_lamports)
        for one in again.recording.seen
        if isinstance(one, CurveTrade) and one.mint == mints["T1"]
    ]
    assert [is_buy for is_buy, _ in traded] == [True, True]
    before = [one.quote_lamports for one in seen if isinstance(one, CurveTrade) and one.mint == held]
    assert all(abs(replayed - recorded) < 1_000 for (_, replayed), recorded in zip(traded, before, strict=True))


async def test_a_full_disk_costs_rows_beyond_the_queue_and_nothing_else(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    disk = world.recording = FullDisk()
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        recorder = bot.market.recorder
        assert recorder is not None
        recorder.queue_max = 2
        for _ in range(3):
            crowd.launch()
        await trio.sleep(5)
        look = recorder.look()
        assert (look.written, look.waiting) == (0, 2)
        assert look.dropped >= 1, "the third launch, and what was read of all three"
        assert look.trouble == "no space left on device"
        assert bot.guard.state == "OPEN"
        await until(
            lambda: any("The recording of the market does not go on: no space" in one for one in world.alerts),
            within_s=90,
        )
        disk.is_full = False
        await until(lambda: any("The recording of the market goes on" in one for one in world.alerts), within_s=90)
        assert recorder.look().trouble is None
        crowd.launch()
        await trio.sleep(3)
    assert symbols(disk.seen) == ["T1", "T2", "T4"]
    assert not [report for report in world.reports if "recorder" in report.path]
