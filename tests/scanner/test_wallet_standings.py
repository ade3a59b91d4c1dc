"""Standings of followed wallets: current after each swap, complete after an outage, and of nobody who is followed no more."""

from __future__ import annotations

from collections.abc import Collection

import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, Report, SupervisorSpec, open_supervisor
from actors.wallet_judge import RENEW_S, RETRY_S, WalletJudge
from bot.clock import Clock, virtual_clock
from bot.errors import StoreUnavailable
from bot.execution.leader_swaps import leader_swap
from bot.execution.wallet_standings import SLICE, WalletStandings
from bot.ports import WalletSignal
from bot.storage.memory import MemoryStore
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL
from bot.trading.wallet_ledger import WalletRecord
from bot.trading.wallet_score import FRESH_S, HALF_LIFE_S

SOL = LAMPORTS_PER_SOL
START_MS = 1_790_000_000_000
ADDRESSES = [f"W{number:04}" for number in range(SLICE + 50)]


class StoreAway(MemoryStore):
    """Reads no record while it is away."""

    away = False

    async def wallet_records(self, addresses: Collection[str], since_s: int) -> dict[str, WalletRecord]:
        if self.away:
            raise StoreUnavailable("the database is away")
        return await super().wallet_records(addresses, since_s)


def _clock() -> Clock:
    return virtual_clock(trio.current_time, epoch_ms=START_MS, seed=1)


async def _trades(standings: WalletStandings, address: str, number: int, side: Side, lamports: int) -> None:
    at_s = standings.clock.now_ms() // 1000
    signal = WalletSignal(address, "Mint", side, 1_000, lamports, number, at_s, f"{address}-{number}")
    store = standings.store
    assert isinstance(store, MemoryStore)
    assert await store.record_signal(signal)
    standings.swapped(leader_swap(signal))


async def test_a_score_follows_its_wallets_swaps_and_fades_while_it_rests(autojump_clock: MockClock) -> None:
    standings = WalletStandings(StoreAway(), _clock())
    reports: list[Report] = []
    spec = SupervisorSpec("hunt", "one_for_one", (ChildSpec("wallet_judge", WalletJudge(standings).run),))
    async with open_supervisor(spec, report=reports.append) as supervisor:
        standings.follow(ADDRESSES)
        await trio.sleep(1)
        assert standings.counts() == (len(ADDRESSES), 0)
        assert standings.best(3) == []
        for number in range(1, 13):
            await _trades(standings, ADDRESSES[-1], number, Side.BUY if number % 2 else Side.SELL, number * SOL)
        await _trades(standings, "nobody follows it", 1, Side.BUY, SOL)
        await trio.sleep(1)
        [best] = standings.best(3)
        assert (best.record.address, best.record.results.rounds, best.record.results.won) == (ADDRESSES[-1], 6, 6)
        assert standings.points(ADDRESSES[-1]) == best.score.points > 10
        await trio.sleep(FRESH_S + HALF_LIFE_S + 2 * RENEW_S)
        assert best.score.points // 2 - 1 <= standings.points(ADDRESSES[-1]) <= best.score.points // 2
        standings.follow(ADDRESSES[:-1])
        assert standings.of(ADDRESSES[-1]) is None
        assert standings.best(3) == []
        await supervisor.terminate_child("wallet_judge")
    assert reports == []


async def test_what_was_traded_while_the_database_was_away_is_read_when_it_is_back(autojump_clock: MockClock) -> None:
    store = StoreAway()
    standings = WalletStandings(store, _clock())
    spec = SupervisorSpec("hunt", "one_for_one", (ChildSpec("wallet_judge", WalletJudge(standings).run),))
    reports: list[Report] = []
    async with open_supervisor(spec, report=reports.append):
        standings.follow(["A", "B"])
        await trio.sleep(1)
        store.away = True
        await _trades(standings, "A", 1, Side.BUY, SOL)
        await trio.sleep(3 * RETRY_S)
        assert standings.counts() == (2, 1)
        assert standings.best(2) == []
        store.away = False
        await trio.sleep(RETRY_S + 1)
        assert [one.record.address for one in standings.best(2)] == ["A"]
