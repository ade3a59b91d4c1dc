"""Who holds a token as its trades tell it: concentration, growth, insiders, bundles, and who trades with himself.

Trades are all that is looked at: tokens that were sent from one wallet to another are still counted as the sender's. What
the chain itself says of the largest holders is learnt beside it.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import nlargest

from bot.trading.curve import TOKEN_SUPPLY_RAW
from bot.trading.launch import CurveTrade, TokenLaunch

TRADERS_MAX = 512
GROWTH_MS = 60_000
GROWTH_KEPT = 64
COUNTED = 10
ROUND_TRIP_LEAST = 2  # buys and sales each, from which on somebody trades to and fro
FUNDED_ALIKE_LEAST = 3


@dataclass(slots=True)
class _Bag:
    held_raw: int = 0
    bought_raw: int = 0
    paid_lamports: int = 0
    received_lamports: int = 0
    buys: int = 0
    sells: int = 0
    first_ms: int = 0
    last_buy_ms: int = 0
    insider: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares are fractions of the whole supply unless said; the curve is no holder.

    `holders` are traders who hold something, the creator included, counted up to 512; `growth_per_min` is how many more there
    are than a minute ago. `top10_share` is that of the ten largest. Of the largest holder who is not the
    creator: `whale_share`, `whale_buys`, `whale_sells` and for how long he has been buying, `whale_s`. Insiders bought in
    the slot of the launch, in one transaction with another buyer, or with SOL from one source with two others; the creator
    is one too: `insiders` without him, what they bought (`insider_bought_share`), hold (`insider_share`), and how much of
    it they have sold, as a part of it (`insider_sold`) in `insider_sells` sales. `bundled` are those of them who acted
    together for certain, by one transaction or one source. `exited` is the part of traders who have sold all,
    `to_and_fro` the part of the volume that traders bought and sold again who did so at least twice, and
    `trades_a_trader` the mean. `chain_top10_share` is what the chain says of the ten largest, NaN where it was not asked.
    All others are NaN for trades that name no trader.
    """

    holders: float = math.nan
    traders: float = math.nan
    growth_per_min: float = math.nan
    top10_share: float = math.nan
    whale_share: float = math.nan
    whale_buys: float = math.nan
    whale_sells: float = math.nan
    whale_s: float = math.nan
    insiders: float = math.nan
    bundled: float = math.nan
    insider_bought_share: float = math.nan
    insider_share: float = math.nan
    insider_sold: float = math.nan
    insider_sells: float = math.nan
    exited: float = math.nan
    to_and_fro: float = math.nan
    trades_a_trader: float = math.nan
    chain_top10_share: float = math.nan


@dataclass(frozen=True, slots=True)
class CreatorBag:
    """What the creator did with his own token: shares of the supply, `sold` as a part of what he bought, 0 to 1.

    NaN for trades that name no trader.
    """

    bought_share: float = math.nan
    held_share: float = math.nan
    sold: float = math.nan
    sells: float = math.nan


class Bags:
    """The traders of one token; bounded. Whoever comes when it is full takes the place of one who has sold all."""

    def __init__(self, launch: TokenLaunch) -> None:
        self._launch = launch
        self._bags: dict[str, _Bag] = {}
        self._empty: OrderedDict[str, None] = OrderedDict()
        self._forgotten = 0
        self._nameless = False
        self._trades = 0
        self._volume_lamports = 0
        self._to_and_fro_lamports = 0
        self._bundled: set[str] = set()
        self._funders: Mapping[str, str] | None = None
        self._last_buy = ("", "")  # signature and trader
        self._counts: deque[tuple[int, int]] = deque(maxlen=GROWTH_KEPT)

    def add(self, trade: CurveTrade, at_ms: int) -> None:
        """Count a trade that nobody told before."""
        if not trade.trader:
            self._nameless = True
            return
        self._trades += 1
        self._volume_lamports += trade.quote_lamports
        bag = self._bag(trade.trader, at_ms)
        if bag is None:
            return
        before = _to_and_fro(bag)
        if trade.is_buy:
            self._buy(bag, trade, at_ms)
        else:
            bag.held_raw = max(bag.held_raw - trade.token_raw, 0)
            bag.received_lamports += trade.quote_lamports
            bag.sells += 1
            if bag.held_raw == 0:
                self._empty[trade.trader] = None
        self._to_and_fro_lamports += _to_and_fro(bag) - before
        second = at_ms // 1000
        if self._counts and self._counts[-1][0] == second:
            self._counts.pop()
        self._counts.append((second, self._holders))

    def learn_funders(self, funders: Mapping[str, str]) -> None:
        """Who paid the first SOL into wallets, as far as it is known: wallet to source."""
        self._funders = dict(list(funders.items())[:TRADERS_MAX])

    def holding(self, at_ms: int, chain_top10_share: float) -> Holding:
        """As it stands at `at_ms`."""
        if self._nameless:
            return Holding(chain_top10_share=chain_top10_share)
        funded = self._funded_alike()
        creator = self._bags.get(self._launch.creator)
        insiders = [bag for name, bag in self._bags.items() if bag.insider or name in funded]
        bought_raw = sum(bag.bought_raw for bag in insiders)
        held_raw = sum(bag.held_raw for bag in insiders)
        largest = nlargest(COUNTED, (bag.held_raw for bag in self._bags.values()))
        whale = max(
            (bag for name, bag in self._bags.items() if name != self._launch.creator),
            key=lambda bag: bag.held_raw,
            default=_Bag(),
        )
        traders = len(self._bags) + self._forgotten
        return Holding(
            holders=self._holders,
            traders=traders,
            growth_per_min=float(self._holders - self._count_at(at_ms - GROWTH_MS)),
            top10_share=_share(sum(largest)),
            whale_share=_share(whale.held_raw),
            whale_buys=whale.buys,
            whale_sells=whale.sells,
            whale_s=(whale.last_buy_ms - whale.first_ms) / 1000,
            insiders=len(insiders) - (creator is not None and creator.insider),
            bundled=len(self._bundled | funded),
            insider_bought_share=_share(bought_raw),
            insider_share=_share(held_raw),
            insider_sold=1 - min(held_raw / bought_raw, 1.0) if bought_raw else 0.0,
            insider_sells=sum(bag.sells for bag in insiders),
            exited=(len(self._empty) + self._forgotten) / traders if traders else 0.0,
            to_and_fro=self._to_and_fro_lamports / self._volume_lamports if self._volume_lamports else 0.0,
            trades_a_trader=self._trades / traders if traders else 0.0,
            chain_top10_share=chain_top10_share,
        )

    def creator(self) -> CreatorBag:
        """What the creator holds and has sold."""
        if self._nameless:
            return CreatorBag()
        bag = self._bags.get(self._launch.creator, _Bag())
        sold = 1 - min(bag.held_raw / bag.bought_raw, 1.0) if bag.bought_raw else float(bag.sells > 0)
        return CreatorBag(_share(bag.bought_raw), _share(bag.held_raw), sold, bag.sells)

    def early_buyers(self, number: int) -> list[str]:
        """Who bought first, the creator apart: those whose source of SOL is worth a question."""
        names = (name for name, bag in self._bags.items() if bag.buys and name != self._launch.creator)
        return [name for name, _ in zip(names, range(number), strict=False)]

    @property
    def knows_funders(self) -> bool:
        """Whether somebody told where early buyers had their SOL from, or that nobody knows."""
        return self._funders is not None

    @property
    def knows_traders(self) -> bool:
        """Whether every trade so far named its trader."""
        return not self._nameless

    @property
    def _holders(self) -> int:
        return len(self._bags) - len(self._empty)

    def _bag(self, trader: str, at_ms: int) -> _Bag | None:
        if (bag := self._bags.get(trader)) is not None:
            return bag
        if len(self._bags) >= TRADERS_MAX:
            # The creator stays: what he does next is asked for.
            out = next((name for name in self._empty if name != self._launch.creator), None)
            if out is None:
                return None
            del self._empty[out], self._bags[out]
            self._bundled.discard(out)
            self._forgotten += 1
        bag = self._bags[trader] = _Bag(first_ms=at_ms)
        self._empty[trader] = None
        return bag

    def _buy(self, bag: _Bag, trade: CurveTrade, at_ms: int) -> None:
        bag.held_raw += trade.token_raw
        bag.bought_raw += trade.token_raw
        bag.paid_lamports += trade.quote_lamports
        bag.buys += 1
        bag.last_buy_ms = at_ms
        self._empty.pop(trade.trader, None)
        if trade.slot <= self._launch.slot or trade.trader == self._launch.creator:
            bag.insider = True
        signature, other = self._last_buy
        if signature == trade.signature and other != trade.trader:
            for name in (other, trade.trader):
                if name in self._bags and name != self._launch.creator:
                    self._bags[name].insider = True
                    self._bundled.add(name)
        self._last_buy = (trade.signature, trade.trader)

    def _count_at(self, at_ms: int) -> int:
        """How many held something at that moment; none before the first count."""
        second = at_ms // 1000
        count = 0 if not self._counts or len(self._counts) < GROWTH_KEPT else self._counts[0][1]
        for counted_at, holders in self._counts:
            if counted_at > second:
                break
            count = holders
        return count

    def _funded_alike(self) -> set[str]:
        """Buyers who had their SOL from a source that paid at least three of them."""
        by_source: dict[str, list[str]] = {}
        for wallet, source in (self._funders or {}).items():
            if wallet in self._bags and self._bags[wallet].buys and source:
                by_source.setdefault(source, []).append(wallet)
        return {name for names in by_source.values() if len(names) >= FUNDED_ALIKE_LEAST for name in names}


def _to_and_fro(bag: _Bag) -> int:
    """Lamports of a trader's volume that he paid and took out again, both ways counted."""
    if min(bag.buys, bag.sells) < ROUND_TRIP_LEAST:
        return 0
    return 2 * min(bag.paid_lamports, bag.received_lamports)


def _share(raw: int) -> float:
    return min(raw / TOKEN_SUPPLY_RAW, 1.0)
