"""Leaders' streams are replayed with repeats, forks, failures, circles, bait and restarts: one copy per buy, within every cap."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from bot.clock import Clock, day_of, day_start_ms, virtual_clock
from bot.errors import StoreUnavailable
from bot.execution.copy_decisions import HOUR_MS, CopyDecisions
from bot.execution.copy_orders import CopyOrders
from bot.execution.in_flight import InFlight
from bot.ports import Chain, Desk, Store, Submitted, Wallet, WalletSignal
from bot.storage.memory import MemoryStore
from bot.trading.copying import DUST_LAMPORTS, Copy, CopyCaps, CopyFilter, CopyRule, CopyState, Sizing, to_sell
from bot.trading.curve import Curve
from bot.trading.intent import Intent, IntentState, Side, TradeRequest
from bot.trading.ladder import FIRST_RUNG, Rung
from bot.trading.units import BPS
from tests.storage.storage_samples import ask, enrol, fill_of, settled
from tests.storage.storage_samples import attempt as attempt_of
from tests.trading.test_copied_sales_first import never_frozen

EPOCH_MS = 1_790_000_000_000
FOLLOWERS, LEADERS, MINTS = 4, ("LeaderA", "LeaderB"), ("MintA", "MintB", "MintC")
SOL = 10**9
LEAST = SOL // 1_000


class Market:
    """Every token has a curve with a lot behind its price."""

    async def venue(self, mint: str) -> Curve:
        await trio.lowlevel.checkpoint()
        assert mint in MINTS
        return Curve(10**15, 500 * SOL, 10**15, 100 * SOL, complete=False, creator="Maker", slot=1)


class Dropped(BaseException):
    """The process ends here."""


@dataclass(slots=True)
class Dropping:
    """The store, whose process is dropped before or after a call that is drawn, or whose database is away for one."""

    store: MemoryStore
    draw: Random
    calm: bool = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            fate = 1.0 if self.calm else self.draw.random()
            if fate < 0.02:
                raise Dropped
            if fate < 0.03:
                raise StoreUnavailable("a drawn outage")
            answer = await method(*arguments, **named)
            if fate > 0.98 and not self.calm:
                raise Dropped
            return answer

        return call


@dataclass(slots=True)
class PlainDesk:
    """Fills what the books admit, at a thousand raw units for a million lamports; one in ten comes to nothing."""

    store: MemoryStore
    draw: Random
    filled: Counter[str] = field(default_factory=Counter)

    async def submit(self, request: TradeRequest, rung: Rung = FIRST_RUNG) -> Submitted:
        await trio.lowlevel.checkpoint()
        held = [one for one in await self.store.open_positions(request.user_id) if one.mint == request.mint]
        intent = await ask(self.store, request, wallet_lamports=10**15)
        assert isinstance(intent, Intent)
        if intent.state is IntentState.PLANNED:
            await self._trade(request, intent, held[0].token_raw if held else 0)
        found = await self.store.intent(intent.id)
        assert found is not None
        return Submitted(found, "done")

    async def _trade(self, request: TradeRequest, intent: Intent, held_raw: int) -> None:
        if self.draw.random() < 0.1:
            await self.store.close_unfilled(intent.id, IntentState.FAILED, "drawn", now_ms=intent.created_at_ms)
            return
        await self.store.record_attempt(attempt_of(intent.id, f"s-{request.key}"))
        await self.store.mark_sent(f"s-{request.key}", intent.created_at_ms)
        raw = request.spend_lamports // 1_000
        if request.side is Side.SELL:
            raw = held_raw * request.share_bps // BPS if request.share_bps else request.token_raw
        fill = fill_of(request, token_raw=raw, quote_lamports=request.spend_lamports or raw * 1_000)
        await settled(self.store, request, fill, position_id=f"p-{intent.id}")
        self.filled[request.causation_id] += 1


@dataclass(slots=True)
class Replay:
    """One drawn stream against one store."""

    draw: Random
    store: MemoryStore
    clock: Clock
    desk: PlainDesk
    rules: list[CopyRule] = field(default_factory=list)
    signals: list[WalletSignal] = field(default_factory=list)
    held: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    sold: dict[str, tuple[int, int]] = field(default_factory=dict)  # by copy: held before, sold

    async def follow(self) -> None:
        """Followers with drawn caps; the first is copied by the second, who is copied by the first: a circle."""
        for number in range(FOLLOWERS):
            wallet = await enrol(self.store, f"user{number}")
            for leader in LEADERS:
                await self._rule(wallet, leader, f"{number}-{leader}", None)
        wallets = {wallet.user_id: wallet for wallet in await self.store.wallets()}
        await self._rule(wallets["u-user0"], "Address-user1", "circle-0", "u-user1")
        await self._rule(wallets["u-user1"], "Address-user0", "circle-1", "u-user0")

    async def _rule(self, wallet: Wallet, leader: str, name: str, owner: str | None) -> None:
        trade = self.draw.choice((SOL // 10, SOL // 4))
        rule = CopyRule(
            f"rule-{name}",
            name,
            wallet.user_id,
            wallet.id,
            wallet.mode,
            leader,
            leader,
            self.draw.choice((Sizing.FIXED, Sizing.EXACT)),
            trade,
            CopyCaps(trade, 3 * trade, 6 * trade, 2 * trade, 4 * trade, 5 * trade),
            CopyFilter(least_lamports=0, again=self.draw.random() < 0.7),
            self.clock.now_ms(),
            leader_user_id=owner,
        )
        if rule.sizing is Sizing.EXACT:
            rule = replace(rule, amount=0)
        assert await self.store.place_copy_rule(rule, most=9)
        self.rules.append(rule)

    async def trade(self, number: int) -> None:
        """The leader's next transaction, which may be told twice, or land again in another block."""
        leader = self.draw.choice((*LEADERS, *LEADERS, "Address-user0", "Address-user1"))
        mint, before = self.draw.choice(MINTS), 0
        place = (leader, mint)
        before = self.held[place]
        sells = before > 0 and self.draw.random() < 0.4
        raw = self.draw.choice((before, max(before // 3, 1))) if sells else self.draw.randint(1, 10**12)
        lamports = self.draw.choice((SOL // 10, SOL, DUST_LAMPORTS - 1))
        self.held[place] += -raw if sells else raw
        now_ms = self.clock.now_ms()
        told = WalletSignal(
            leader, mint, Side.SELL if sells else Side.BUY, raw, lamports, number, now_ms // 1000,
            f"lead-{number}", 0, before, now_ms, both_sides=self.draw.random() < 0.1,
        )  # fmt: skip
        assert await self.store.record_signal(told)
        self.signals.append(told)
        if self.draw.random() < 0.3:
            assert not await self.store.record_signal(replace(told, slot=told.slot + 5, seen_at_ms=now_ms + 1))

    async def bait(self, count: int) -> None:
        for number in range(count):
            now_ms = self.clock.now_ms()
            dust = WalletSignal(
                LEADERS[0], MINTS[0], Side.BUY, 5, self.draw.randrange(DUST_LAMPORTS), 1, now_ms // 1000,
                f"dust-{number}", 0, 0, now_ms,
            )  # fmt: skip
            await self.store.record_signal(dust)

    async def life(self, store: Dropping) -> bool:
        """One life of the copier until it has nothing to do; False where it was dropped."""
        as_store = cast(Store, store)
        decisions = CopyDecisions(as_store, cast(Chain, Market()), self.clock, lambda: LEAST)
        orders = CopyOrders(as_store, cast(Desk, self.desk), InFlight(), self.clock, decisions.look, never_frozen)
        is_whole = True
        try:
            for copy in await store.owed_copies():
                await self._through(orders, copy)
            owed: list[Copy] = []
            await decisions.decide_due(owed.extend)
            for copy in owed:
                await self._through(orders, copy)
        except* (Dropped, StoreUnavailable):  # a process may end while it asks two questions at once
            is_whole = False
        return is_whole

    async def _through(self, orders: CopyOrders, copy: Copy) -> None:
        holdings = {one.mint: one.held_raw for one in await self.store.copy_holdings([copy.rule_id])}
        before = holdings.get(copy.mint, 0)
        try:
            await orders.see_through(copy)
        finally:
            after = {one.mint: one.held_raw for one in await self.store.copy_holdings([copy.rule_id])}
            if copy.side is Side.SELL and self.desk.filled[copy.id] and copy.id not in self.sold:
                self.sold[copy.id] = (before, before - after.get(copy.mint, 0))

    def check_caps(self) -> None:
        """The sums of every moment, worked out anew from the books."""
        for rule in self.rules:
            mine = [one for one in self.store._copies.values() if self._spends(one) and one.user_id == rule.user_id]
            opened = [one for one in mine if self.store._is_open(one)]
            now_ms = self.clock.now_ms()
            day_ms = day_start_ms(day_of(now_ms))
            most = max(one.caps.total_lamports for one in self.rules if one.user_id == rule.user_id)
            assert sum(one.spend_lamports for one in opened) <= most
            of_leader = [one for one in opened if one.rule_id == rule.id]
            assert sum(one.spend_lamports for one in of_leader) <= rule.caps.leader_lamports
            for mint in MINTS:
                assert sum(one.spend_lamports for one in of_leader if one.mint == mint) <= rule.caps.token_lamports
            by_rule = [one for one in mine if one.rule_id == rule.id]
            hour = [one for one in by_rule if one.decided_at_ms >= now_ms - HOUR_MS]
            assert sum(one.spend_lamports for one in hour) <= rule.caps.hour_lamports
            today = [one for one in by_rule if one.decided_at_ms >= day_ms]
            assert sum(one.spend_lamports for one in today) <= rule.caps.day_lamports
            assert all(one.spend_lamports <= rule.caps.trade_lamports for one in by_rule)

    def _spends(self, copy: Copy) -> bool:
        order = self.store._order_of(copy)
        is_empty = order is not None and order.state is IntentState.FAILED
        return copy.side is Side.BUY and copy.state is not CopyState.REFUSED and not is_empty

    def check_all(self) -> None:
        """Each buy that counts is one copy or one refusal for each follower, and each sale the leader's fraction."""
        copies = Counter((one.signature, one.rule_id) for one in self.store._copies.values())
        assert set(copies.values()) <= {1}
        counted = [one for one in self.signals if one.side is Side.BUY and one.quote_lamports >= DUST_LAMPORTS]
        decided = {signature for signature, _ in copies}
        for told in counted:
            wanted = {rule.id for rule in self.rules if rule.leader == told.address}
            had = {rule_id for signature, rule_id in copies if signature == told.signature}
            assert had in (wanted, set()), told  # trading for show is nobody's
            assert had or told.both_sides or told.address not in LEADERS or self._churns(told), told
        assert not any(signature.startswith("dust") for signature in decided)
        in_circles = [one for one in self.store._copies.values() if one.rule_id.startswith("rule-circle")]
        assert {(one.state, one.code) for one in in_circles} <= {(CopyState.REFUSED, "cycle")}
        assert not self.desk.filled or max(self.desk.filled.values()) == 1
        by_id = {one.id: one for one in self.store._copies.values()}
        for copy_id, (before, sold) in self.sold.items():
            copy = by_id[copy_id]
            assert sold == to_sell(before, copy.leader_token_raw, copy.held_before_raw)

    def _churns(self, told: WalletSignal) -> bool:
        earlier = [one.side for one in self.signals if (one.address, one.mint) == (told.address, told.mint)]
        return min(earlier.count(Side.BUY), earlier.count(Side.SELL)) >= 3


@pytest.mark.parametrize("seed", range(25))
async def test_a_stream_is_copied_once_within_every_cap_whatever_comes_between(
    seed: int, autojump_clock: MockClock
) -> None:
    draw = Random(seed)
    store = MemoryStore()
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=seed)
    play = Replay(draw, store, clock, PlainDesk(store, Random(seed + 1)))
    await play.follow()
    if seed == 0:
        await play.bait(1_000)
    lives = 0
    for number in range(40):
        await play.trade(number)
        if draw.random() < 0.7:
            lives += not await play.life(Dropping(store, draw))
            play.check_caps()
        await trio.sleep(draw.choice((0.4, 2, 700)))
    while not await play.life(Dropping(store, draw, calm=True)):
        pass
    assert await store.owed_copies() == []
    assert await store.swaps_due(9) == []
    play.check_caps()
    play.check_all()
    if seed == 0:
        assert play.desk.filled
        assert lives
