"""What the first trades of one launch say about it, as numbers: one definition for rules, training and serving."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from bot.trading.curve import TOKEN_SUPPLY_RAW, Curve
from bot.trading.launch import CurveTrade, TokenLaunch

# A sixth of all buyers of the recorded launchpad pay less than this in all; they are bots that keep a token in sight.
DUST_LAMPORTS = 10_000_000
RECENT_MS = 2_000

# Bounds of one window's memory. Beyond the traders' bound new ones still count in sums, no longer as distinct buyers.
TRADERS_MAX = 1_024
RECENT_TRADES_MAX = 256
SEEN_TRADES_MAX = 512


@dataclass(frozen=True, slots=True)
class Features:
    """One launch at one moment. Everybody but the creator is meant by buys, sells, buyers and lamports, unless said.

    `age_s` counts from the moment that the launch was seen. `distinct_buyers` paid at least 0.01 SOL each and are
    counted up to 1,024. `bought_lamports` and `sold_lamports` are sums without fees; `recent_inflow_lamports` is their
    difference over the last two seconds, and `recent_trades_per_s` the rate of trades over the same time (at most 128).
    Shares are fractions: of the whole supply for `creator_bought_share`, of `bought_lamports` for
    `largest_buyer_share`. `launch_slot_buys` landed in the slot of the launch itself, so they were prepared before
    anybody could see it. `price_change` is a fraction since the launch, NaN when the reserves make no price.
    `curve_lamports` is the SOL in the curve now.
    """

    mint: str
    at_ms: int
    age_s: float
    buys: int
    sells: int
    distinct_buyers: int
    bought_lamports: int
    sold_lamports: int
    recent_inflow_lamports: int
    recent_trades_per_s: float
    creator_bought_share: float
    creator_sold: bool
    largest_buyer_share: float
    launch_slot_buys: int
    price_change: float
    curve_lamports: int
    virtual_quote_lamports: int
    curve_complete: bool

    @property
    def net_inflow_lamports(self) -> int:
        """What buyers other than the creator put in and have not taken out again; negative when they took more."""
        return self.bought_lamports - self.sold_lamports


class TokenWindow:
    """The trades of one launch so far, folded into counters of bounded size; not shared between tokens."""

    def __init__(self, launch: TokenLaunch) -> None:
        self._launch = launch
        self._curve = launch.curve
        self._buys = 0
        self._sells = 0
        self._bought_lamports = 0
        self._sold_lamports = 0
        self._launch_slot_buys = 0
        self._creator_bought_raw = 0
        self._creator_sold = False
        self._paid_lamports: dict[str, int] = {}
        self._distinct_buyers = 0
        self._largest_paid_lamports = 0
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT_TRADES_MAX)
        self._seen: deque[tuple[str, int]] = deque(maxlen=SEEN_TRADES_MAX)
        self._seen_keys: set[tuple[str, int]] = set()

    def add(self, trade: CurveTrade) -> bool:
        """Count a trade; False, changing nothing, for another token's or for one of the last 512 told again."""
        if trade.mint != self._launch.mint or not self._first_time(trade):
            return False
        if trade.slot >= self._curve.slot:
            self._curve = trade.curve
        if trade.trader == self._launch.creator:
            self._add_creator(trade)
        elif trade.is_buy:
            self._add_buy(trade)
        else:
            self._sells += 1
            self._sold_lamports += trade.quote_lamports
            self._recent.append((trade.seen_at_ms, -trade.quote_lamports))
        return True

    def features(self, at_ms: int) -> Features:
        """The window as it stands at `at_ms`, milliseconds since 1970."""
        recent = [lamports for seen_at_ms, lamports in self._recent if at_ms - RECENT_MS < seen_at_ms <= at_ms]
        return Features(
            mint=self._launch.mint,
            at_ms=at_ms,
            age_s=max(0, at_ms - self._launch.seen_at_ms) / 1000,
            buys=self._buys,
            sells=self._sells,
            distinct_buyers=self._distinct_buyers,
            bought_lamports=self._bought_lamports,
            sold_lamports=self._sold_lamports,
            recent_inflow_lamports=sum(recent),
            recent_trades_per_s=len(recent) * 1000 / RECENT_MS,
            creator_bought_share=min(self._creator_bought_raw / TOKEN_SUPPLY_RAW, 1.0),
            creator_sold=self._creator_sold,
            largest_buyer_share=self._largest_paid_lamports / self._bought_lamports if self._bought_lamports else 0.0,
            launch_slot_buys=self._launch_slot_buys,
            price_change=_price_change(self._launch.curve, self._curve),
            curve_lamports=self._curve.real_quote_lamports,
            virtual_quote_lamports=self._curve.virtual_quote_lamports,
            curve_complete=self._curve.complete,
        )

    def _first_time(self, trade: CurveTrade) -> bool:
        # Every trade moves the token reserves, so they tell two trades of one transaction apart.
        key = (trade.signature, trade.curve.virtual_token_raw)
        if key in self._seen_keys:
            return False
        if len(self._seen) == SEEN_TRADES_MAX:
            self._seen_keys.discard(self._seen[0])
        self._seen.append(key)
        self._seen_keys.add(key)
        return True

    def _add_creator(self, trade: CurveTrade) -> None:
        if trade.is_buy:
            self._creator_bought_raw += trade.token_raw
        else:
            self._creator_sold = True

    def _add_buy(self, trade: CurveTrade) -> None:
        self._buys += 1
        self._bought_lamports += trade.quote_lamports
        self._recent.append((trade.seen_at_ms, trade.quote_lamports))
        if trade.slot <= self._launch.slot:
            self._launch_slot_buys += 1
        before = self._paid_lamports.get(trade.trader, 0)
        paid = before + trade.quote_lamports
        self._largest_paid_lamports = max(self._largest_paid_lamports, paid)
        if trade.trader in self._paid_lamports or len(self._paid_lamports) < TRADERS_MAX:
            self._paid_lamports[trade.trader] = paid
            if before < DUST_LAMPORTS <= paid:
                self._distinct_buyers += 1


def _price_change(start: Curve, now: Curve) -> float:
    if min(start.virtual_token_raw, start.virtual_quote_lamports, now.virtual_token_raw) <= 0:
        return math.nan
    start_price = start.virtual_quote_lamports / start.virtual_token_raw
    return now.virtual_quote_lamports / now.virtual_token_raw / start_price - 1
