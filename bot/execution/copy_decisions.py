"""What each leader's swap becomes for each of his followers: a copy that is owed, or a refusal, written before anything is done.

All followers of a swap are decided together and written in one transaction, with the mark that it is decided. A crash before
that commit decides it again; after it, the rows say what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog
import trio

from bot.clock import Clock, day_of, day_start_ms, hour_of
from bot.errors import ChainUnavailable, DecodeError
from bot.execution.at_once import at_once
from bot.execution.copy_news import CopyLook
from bot.execution.leader_permission import CIRCLE, leave, withdrawn
from bot.execution.leader_swaps import leader_swap
from bot.ports import Chain, SpentBy, Store, WalletSignal
from bot.trading.copying import (
    DEPTH_ALL_BPS,
    LATE_MS,
    Copy,
    CopyBuy,
    CopyRule,
    CopyState,
    Following,
    Market,
    Moment,
    NotCopied,
    Spent,
    drawdown,
    drawn,
    following,
    ignored,
    judge_buy,
)
from bot.trading.curve import Curve
from bot.trading.intent import Mode, Side
from bot.trading.leader_swap import LeaderSwap
from bot.trading.limits import UserSettings
from bot.trading.route import Route
from bot.trading.units import bps_floor, format_sol

log = structlog.get_logger()

DUE_AT_ONCE = 1_000  # so many that a sale is among them whatever else its leader does
FRESH_S = 0.5  # after which what is due is read again: a sale may have come
LATEST = 60  # swaps of a leader by which trading for show is told
VENUE_S = 2.0  # a token whose reserves take longer is not bought
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class _Followers:
    """What is known of a swap's followers at its moment, by rule or user."""

    rules: Sequence[CopyRule]
    who: Following
    modes: Mapping[str, Mode]
    settings: Mapping[str, UserSettings]
    spent: Mapping[str, Spent]
    withdrawn: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CopyDecisions:
    """Raises Unavailable for a database that is away; nothing is decided then. `least_trade_lamports` is the operator's now."""

    store: Store
    chain: Chain
    clock: Clock
    least_trade_lamports: Callable[[], int]
    look: CopyLook = field(default_factory=CopyLook)

    async def decide_due(self, owed: Callable[[list[Copy]], None]) -> None:
        """Decide what is due, each in its turn; `owed` is told the copies that are owed by each as it is written.

        Only buys read the market, which may take VENUE_S each; a sale that comes meanwhile waits for one of them at most.
        """
        while due := await self.store.swaps_due(DUE_AT_ONCE):
            read_at_s = trio.current_time()
            for signal in in_turn(due):
                owed(await self._decide(signal))
                if trio.current_time() - read_at_s >= FRESH_S:
                    break

    async def _decide(self, signal: WalletSignal) -> list[Copy]:
        swap = leader_swap(signal)
        if (code := await self._ignored(swap)) is not None:
            self.look.ignored[code] += 1
            log.info("leader_swap_ignored", leader=swap.wallet, mint=swap.mint, signature=swap.signature, code=code)
            await self.store.decide_copies(signal, [])
            return []
        rules = await self.store.copy_rules(leader=swap.wallet)
        if swap.side is Side.BUY:
            copies = await self._buys(swap, [rule for rule in rules if rule.since_ms <= swap.seen_at_ms])
        else:
            copies = await self._sales(swap, rules)
        written = await self.store.decide_copies(signal, copies)
        self.look.decided += 1
        refused = [copy for copy in written if copy.state is CopyState.REFUSED]
        self.look.refused.update(copy.code for copy in refused)
        log.info(
            "leader_swap_decided",
            leader=swap.wallet,
            side=swap.side,
            mint=swap.mint,
            signature=swap.signature,
            owed=len(written) - len(refused),
            refused=len(refused),
        )
        await self._leave(refused, rules)
        return [copy for copy in written if copy.state is CopyState.OWED]

    async def _ignored(self, swap: LeaderSwap) -> str | None:
        code = ignored(swap)
        if swap.side is not Side.BUY or code is not None:
            return code
        latest = [leader_swap(one) for one in await self.store.signals(swap.wallet, LATEST)]
        return ignored(swap, [one for one in latest if one.signature != swap.signature])

    async def _sales(self, swap: LeaderSwap, rules: Sequence[CopyRule]) -> list[Copy]:
        """A sale is owed to every follower whose copies hold the token, or may come to; nothing stops it.

        Nor does a clock that went back, by which it was seen before its rule began.
        """
        staked = await self.store.staked_rules(swap.wallet, swap.mint)
        return [self._copy(rule, swap) for rule in drawn(swap.signature, rules) if rule.id in staked]

    async def _buys(self, swap: LeaderSwap, rules: Sequence[CopyRule]) -> list[Copy]:
        if not rules:
            return []
        is_late = self.clock.now_ms() - swap.seen_at_ms > LATE_MS
        if is_late:  # nobody copies it then, whatever the market is
            return list(self._judged(swap, await self._followers(swap, rules), None))
        market, followers = await at_once(partial(self._market, swap.mint), partial(self._followers, swap, rules))
        return list(self._judged(swap, followers, market))

    def _judged(self, swap: LeaderSwap, followers: _Followers, market: Market | None) -> Iterator[Copy]:
        """In the drawn order, because what all copies together may spend of a token's depth runs out."""
        now_ms = self.clock.now_ms()
        left = 0 if market is None else bps_floor(market.depth_lamports, DEPTH_ALL_BPS)
        for rule in drawn(swap.signature, followers.rules):
            mode, settings = followers.modes.get(rule.user_id), followers.settings.get(rule.user_id)
            if mode is None or settings is None:  # he has left
                continue
            moment = Moment(
                now_ms, hour_of(now_ms, settings.timezone), mode, self.least_trade_lamports(), settings.blacklist
            )
            verdict = self._against(rule, followers) or judge_buy(rule, swap, followers.spent[rule.id], moment, market)
            if isinstance(verdict, CopyBuy) and verdict.lamports > left:
                verdict = NotCopied(
                    "depth_all",
                    f"all copies of this buy spend at most {DEPTH_ALL_BPS // 100} % of what is behind the price",
                )
            copy = self._copy(rule, swap)
            if isinstance(verdict, NotCopied):
                yield replace(copy, state=CopyState.REFUSED, code=verdict.code, reason=verdict.reason)
                continue
            left -= verdict.lamports
            less = f" ({'; '.join(verdict.why_less)})" if verdict.why_less else ""
            reason = f"copies {rule.label}, who bought for {format_sol(swap.lamports)} SOL{less}"
            yield replace(copy, spend_lamports=verdict.lamports, reason=reason)

    @staticmethod
    def _against(rule: CopyRule, followers: _Followers) -> NotCopied | None:
        """What stands between this follower and this leader, whatever the leader buys."""
        if followers.who.closes_a_cycle(rule.user_id, rule.leader_user_id):
            return NotCopied("cycle", CIRCLE)
        why = followers.withdrawn.get(rule.id)
        return None if why is None else NotCopied("withdrawn", why)

    async def _followers(self, swap: LeaderSwap, rules: Sequence[CopyRule]) -> _Followers:
        now_ms = self.clock.now_ms()
        modes = {user.id: user.mode for user in await self.store.users()}
        settings = await self.store.many_settings([rule.user_id for rule in rules])
        asked = []
        for rule in rules:
            zone = settings[rule.user_id].timezone if rule.user_id in settings else "UTC"
            asked.append(SpentBy(rule, now_ms - HOUR_MS, day_start_ms(day_of(now_ms, zone), zone)))
        spent = await self.store.copies_spent(asked, swap.mint)
        watched = [rule.id for rule in rules if rule.filter.drawdown_lamports is not None]
        results = await self.store.copy_results(watched) if watched else {}
        among_users = any(rule.leader_user_id is not None for rule in rules)
        return _Followers(
            rules,
            following(await self.store.copy_rules()) if among_users else Following(),
            modes,
            settings,
            {
                rule.id: replace(one, drawdown_lamports=drawdown(results.get(rule.id, ())))
                for rule, one in zip(rules, spent, strict=True)
            },
            await withdrawn(self.store, rules),
        )

    async def _market(self, mint: str) -> Market | None:
        """What stands behind a token's price; None where nobody says it in time, or an aggregator alone trades it."""
        try:
            with trio.move_on_after(VENUE_S):
                venue = await self.chain.venue(mint)
                if isinstance(venue, Route):
                    return None
                depth = venue.virtual_quote_lamports if isinstance(venue, Curve) else venue.quote_lamports
                return Market(depth, venue.creator)
        except (ChainUnavailable, LookupError, DecodeError) as error:
            log.info("copied_token_not_read", mint=mint, reason=str(error))
        return None

    async def _leave(self, refused: Sequence[Copy], rules: Sequence[CopyRule]) -> None:
        """A rule whose drawdown is too deep, or whose leader allows it no more, buys nothing more; its user hears of it."""
        by_id = {rule.id: rule for rule in rules}
        for copy in refused:
            if copy.code == "drawdown":
                why = f"the result is too far below its best: {copy.reason}"
                await leave(self.store, self.clock, by_id[copy.rule_id], why)
            elif copy.code == "withdrawn":
                await leave(self.store, self.clock, by_id[copy.rule_id], copy.reason)

    def _copy(self, rule: CopyRule, swap: LeaderSwap) -> Copy:
        return Copy(
            id=self.clock.new_id(),
            rule_id=rule.id,
            user_id=rule.user_id,
            wallet_id=rule.wallet_id,
            mode=rule.mode,
            leader=swap.wallet,
            signature=swap.signature,
            instruction=swap.instruction,
            mint=swap.mint,
            side=swap.side,
            leader_lamports=swap.lamports,
            leader_token_raw=swap.token_raw,
            held_before_raw=swap.held_before_raw or 0,
            seen_at_ms=swap.seen_at_ms,
            decided_at_ms=self.clock.now_ms(),
            reason=f"copies {rule.label}",
        )


def in_turn(due: Sequence[WalletSignal]) -> list[WalletSignal]:
    """In which order swaps that are due, given as they were recorded, are decided: what is sold waits for no other buy.

    Those of one leader and token stay in their order, because a sale is owed to whoever has copied the buys before it. So
    buys that a sale waits for come before buys that nothing waits for.
    """
    bought, waited = set[tuple[str, str]](), set[tuple[str, str]]()
    free, rest = list[WalletSignal](), list[WalletSignal]()
    for signal in due:
        place = (signal.address, signal.mint)
        if signal.side is Side.SELL and place not in bought:
            free.append(signal)
            continue
        (bought if signal.side is Side.BUY else waited).add(place)
        rest.append(signal)
    return free + sorted(rest, key=lambda signal: (signal.address, signal.mint) not in waited)
