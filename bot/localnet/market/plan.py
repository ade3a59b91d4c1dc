"""The life of one generated launch as a list of trades, drawn in full when it launches.

A plan is a pure function of the market's seed and the number of the launch, so that a restarted chain goes on with the
same plan. It is drawn by walking the curve: buyers come until the price has reached the launch's peak, then sellers
take over. On the chain the trades meet whatever price they find, other traders' and the bot's trades included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from bot.localnet.launchpad import VIRTUAL_QUOTE_LAMPORTS, Curve
from bot.localnet.market import shapes

BPS = 10_000
CREATOR = -1
FULL_SHARE_BPS = BPS
MAX_TRADES = 500
CHURN = 0.32
MAX_LIFE_MS = 20 * 60 * 1000
DEAD_AFTER_MS = 27_000
BURST_MS = 4_000
SHOWCASE_INDEX = 1
SHOWCASE_MIN_PEAK = 1.8
# Hardly a coin in a few hundred completes its curve; this one does, so that every market has a pool soon.
GRADUATE_INDEX = 12
# Many launches begin with a crowd, and most of those crowds are gone a minute later: what is seen in the first seconds
# tells the launches that go on from those that do not only in part.
HOT_PEAK = 1.7
HOT_CROWD = 0.28
WARM_PEAK = 1.2
WARM_CROWD = 0.55
# Most first crowds are shaken out once: part of them sells at once, and the price falls before it goes on.
SHAKEOUT = 0.8
RUNNER_PEAK = 3.5
# After a coin has completed its curve: when its pool trades at the earliest, how often it does, and how many sell.
POOL_FROM_MS = 20_000
POOL_TRADES_MAX = 80
POOL_GAP_MS = 3_000
POOL_SALES = 0.6

NAMES_FIRST = (
    "Lucky",
    "Tiny",
    "Cosmic",
    "Sleepy",
    "Golden",
    "Turbo",
    "Quiet",
    "Wild",
    "Pixel",
    "Frozen",
    "Happy",
    "Paper",
)
NAMES_SECOND = (
    "Frog",
    "Otter",
    "Comet",
    "Pickle",
    "Goose",
    "Wizard",
    "Hamster",
    "Rocket",
    "Panda",
    "Toast",
    "Squid",
    "Moth",
)


@dataclass(frozen=True, slots=True)
class PlannedTrade:
    """One trade of a plan. A buy spends `spend_lamports`, fees included; a sale sells `share_bps` of what is held.

    `trader` is a number in the pool of traders, or CREATOR. `at_ms` counts from the launch.
    """

    at_ms: int
    trader: int
    buys: bool
    spend_lamports: int
    share_bps: int
    slippage_bps: int
    priority_micro_lamports: int


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """One launch: who, what it is called, and every trade in order of time."""

    index: int
    creator: int
    name: str
    symbol: str
    peak_multiple: float
    trades: tuple[PlannedTrade, ...]


@dataclass(slots=True)
class _Walk:
    """The state of a plan being drawn."""

    draw: Random
    traders: int
    curve: Curve = field(default_factory=Curve)
    held_raw: dict[int, int] = field(default_factory=dict)
    trades: list[PlannedTrade] = field(default_factory=list)
    creator_left: bool = False

    def buy(self, at_ms: int, trader: int, spend_lamports: int) -> None:
        token_raw = self.curve.tokens_for(spend_lamports)
        if token_raw <= 0:
            return
        self.curve = self.curve.after_buy(token_raw)
        self.held_raw[trader] = self.held_raw.get(trader, 0) + token_raw
        self.add(at_ms, trader, buys=True, spend_lamports=spend_lamports, share_bps=0)

    def sell(self, at_ms: int, trader: int, share_bps: int) -> None:
        held_raw = self.held_raw.get(trader, 0)
        token_raw = held_raw * share_bps // BPS
        if token_raw <= 0 or self.curve.complete:
            return
        self.curve = self.curve.after_sell(token_raw)
        if held_raw == token_raw:
            del self.held_raw[trader]
        else:
            self.held_raw[trader] = held_raw - token_raw
        self.add(at_ms, trader, buys=False, spend_lamports=0, share_bps=share_bps)

    def creator_leaves(self, at_ms: int) -> None:
        """The creator sells at least four fifths of the own bag."""
        self.creator_left = True
        self.sell(at_ms, CREATOR, self.draw.randrange(8_000, BPS + 1))

    def add(self, at_ms: int, trader: int, *, buys: bool, spend_lamports: int, share_bps: int) -> None:
        """One more trade of the plan."""
        self.trades.append(
            PlannedTrade(
                at_ms=at_ms,
                trader=trader,
                buys=buys,
                spend_lamports=spend_lamports,
                share_bps=share_bps,
                slippage_bps=shapes.slippage_bps(self.draw),
                priority_micro_lamports=shapes.priority_micro_lamports(self.draw),
            )
        )

    def stranger(self) -> int:
        """A trader; mostly one that does not hold the token yet."""
        trader = self.draw.randrange(self.traders)
        return trader if trader not in self.held_raw else self.draw.randrange(self.traders)

    def holder(self) -> int | None:
        """A trader that holds the token, the creator excepted."""
        holders = [trader for trader in self.held_raw if trader != CREATOR]
        return self.draw.choice(holders) if holders else None


def plan_launch(seed: int, index: int, *, traders: int, creators: int) -> LaunchPlan:
    """Draw the launch with number `index` of the market with this seed."""
    draw = Random(f"{seed}/launch/{index}")
    share = draw.random()
    if index == SHOWCASE_INDEX:
        share *= shapes.survival(SHOWCASE_MIN_PEAK)
    elif index == GRADUATE_INDEX:
        share *= shapes.survival(shapes.COMPLETION_MULTIPLE)
    peak = shapes.peak_multiple(share)
    walk = _Walk(draw, traders)
    target_lamports = _quote_at(peak)
    crowded = index == SHOWCASE_INDEX or draw.random() < _crowd_probability(peak)
    room_lamports = target_lamports - VIRTUAL_QUOTE_LAMPORTS
    creator_spend = min(shapes.creator_spend_lamports(draw), room_lamports // 3 if crowded else room_lamports)
    if creator_spend > 0:
        walk.buy(0, CREATOR, creator_spend)
    if not crowded and draw.random() < shapes.dead_probability(peak):
        _stillborn(walk, target_lamports)
    else:
        exit_ms = shapes.creator_exit_ms(draw)
        rose_ms = _rise(walk, target_lamports, peak, exit_ms, crowded=crowded)
        if walk.curve.complete:
            _go_on_in_pool(walk, Random(f"{seed}/pool/{index}"), rose_ms)
        else:
            _decline(walk, peak, rose_ms, exit_ms, crowded=crowded)
    first, second = draw.choice(NAMES_FIRST), draw.choice(NAMES_SECOND)
    return LaunchPlan(
        index=index,
        creator=shapes.creator_of(draw, creators),
        name=f"{first} {second} {index}",
        symbol=f"{first[:2]}{second[:3]}{index % 1000}".upper(),
        peak_multiple=peak,
        trades=tuple(sorted(walk.trades, key=lambda trade: trade.at_ms)),
    )


def _quote_at(multiple: float) -> int:
    """The curve's virtual quote in lamports at a multiple of the first price; beyond its end for a graduation."""
    stretch = 1.05 if multiple >= shapes.COMPLETION_MULTIPLE else 1.0
    return int(VIRTUAL_QUOTE_LAMPORTS * math.sqrt(multiple) * stretch)


def _stillborn(walk: _Walk, target_lamports: int) -> None:
    """A launch that nobody keeps: a few quick buyers at most, everyone out within half a minute."""
    draw = walk.draw
    at_ms = 0
    for _ in range(draw.randrange(4)):
        missing = target_lamports - walk.curve.virtual_quote_lamports
        at_ms += draw.randrange(400, 3_000)
        if missing > 0:
            walk.buy(at_ms, walk.stranger(), min(shapes.trade_spend_lamports(draw), missing))
    for trader in list(walk.held_raw):
        at_ms = min(DEAD_AFTER_MS, at_ms + draw.randrange(500, 7_000))
        walk.sell(at_ms, trader, FULL_SHARE_BPS)


def _crowd_probability(peak: float) -> float:
    if peak >= HOT_PEAK:
        return HOT_CROWD
    return WARM_CROWD if peak >= WARM_PEAK else 0.0


def _rise(walk: _Walk, target_lamports: int, peak: float, exit_ms: int | None, *, crowded: bool) -> int:
    """Buyers come until the curve holds `target_lamports`; some sell on the way. Says when the peak was reached.

    A `crowded` launch has ten to twenty buyers within its first seconds.
    """
    draw = walk.draw
    flow_sol = (target_lamports - VIRTUAL_QUOTE_LAMPORTS) / shapes.LAMPORTS_PER_SOL
    expected = max(2.0, 1.5 * flow_sol / shapes.MEAN_TRADE_SOL)
    rise_ms = 1000 * min(600.0, draw.lognormvariate(math.log(18 + 6 * peak), 0.8))
    burst = draw.randrange(12, 22) if crowded else draw.randrange(4)
    at_ms = 0
    crowd = draw.randrange(32, 45)
    count = 0
    while walk.curve.virtual_quote_lamports < target_lamports and count < MAX_TRADES and not walk.curve.complete:
        mean_ms = BURST_MS / (burst + 1) if count < burst else rise_ms / expected
        at_ms += 1 + int(draw.expovariate(1 / mean_ms))
        count += 1
        if crowded and count == burst + 1 and draw.random() < SHAKEOUT:
            at_ms = _shake_out(walk, at_ms, burst)
        due = count >= crowd if peak >= RUNNER_PEAK else count >= burst and at_ms >= (exit_ms or 0)
        if due and exit_ms is not None and not walk.creator_left:
            walk.creator_leaves(at_ms)
        holder = walk.holder()
        if count > burst and holder is not None and draw.random() < CHURN:
            walk.sell(at_ms, holder, FULL_SHARE_BPS if draw.random() < 0.7 else draw.randrange(2_000, 8_000))
            continue
        missing = target_lamports - walk.curve.virtual_quote_lamports
        spend = int(shapes.trade_spend_lamports(draw) * (1 + peak / 12))
        if count <= burst:
            spend = min(spend, 2 * missing // (burst - count + 2) + 20_000_000)
        walk.buy(at_ms, walk.stranger(), min(spend, missing + missing // 60 + 10_000_000))
    return at_ms


def _shake_out(walk: _Walk, at_ms: int, burst: int) -> int:
    """A third to a half of the first crowd sells within two or three seconds. Says when the last one has."""
    draw = walk.draw
    for _ in range(draw.randrange(burst // 3, burst // 2 + 1)):
        at_ms += draw.randrange(100, 600)
        holder = walk.holder()
        if holder is not None:
            walk.sell(at_ms, holder, FULL_SHARE_BPS)
    return at_ms


def _go_on_in_pool(walk: _Walk, draw: Random, rose_ms: int) -> None:
    """Holders take their gains in the pool, and others still come. What is due before the pool exists is left out."""
    at_ms = rose_ms + POOL_FROM_MS
    for _ in range(draw.randrange(POOL_TRADES_MAX // 2, POOL_TRADES_MAX)):
        at_ms += 1 + int(draw.expovariate(1 / POOL_GAP_MS))
        holders = [trader for trader in walk.held_raw if trader != CREATOR]
        if holders and draw.random() < POOL_SALES:
            seller = draw.choice(holders)
            del walk.held_raw[seller]
            walk.add(at_ms, seller, buys=False, spend_lamports=0, share_bps=FULL_SHARE_BPS)
        else:
            spend_lamports = shapes.trade_spend_lamports(draw)
            walk.add(at_ms, draw.randrange(walk.traders), buys=True, spend_lamports=spend_lamports, share_bps=0)


def _decline(walk: _Walk, peak: float, rose_ms: int, exit_ms: int | None, *, crowded: bool) -> None:
    """Sellers take over: at once when the creator pulls the rug, slowly otherwise. Few tokens keep their price."""
    draw = walk.draw
    at_ms = rose_ms
    if exit_ms is not None and not walk.creator_left:
        at_ms = max(at_ms, min(exit_ms, rose_ms + 60_000))
        walk.creator_leaves(at_ms)
    first_crowd_was_all = crowded and peak < HOT_PEAK
    rug = first_crowd_was_all or draw.random() < (0.35 if peak >= shapes.peak_multiple(0.2) else 0.15)
    keep = draw.betavariate(1.2, 2.2) if not rug else 0.05
    mean_ms = 400.0 if rug else draw.lognormvariate(math.log(2_500), 0.7)
    slower = 1.01 if rug else 1.05
    buys = 0.12 if rug else 0.44
    bags = sum(walk.held_raw.values())
    more = MAX_TRADES if rug else int(draw.lognormvariate(math.log(3 * peak**2), 1.5))
    last_trade = min(MAX_TRADES, len(walk.trades) + more)
    while len(walk.trades) < last_trade and at_ms < MAX_LIFE_MS and mean_ms < 60_000:
        at_ms += 1 + int(draw.expovariate(1 / mean_ms))
        mean_ms *= slower
        holder = walk.holder()
        if holder is None or sum(walk.held_raw.values()) < bags * keep:
            buys = max(buys, 0.5)
            slower = max(slower, 1.3 if rug else 1.12)
        if holder is None or draw.random() < buys:
            missing = _quote_at(peak) - walk.curve.virtual_quote_lamports
            spend = min(shapes.trade_spend_lamports(draw), missing)
            if spend > 0:
                walk.buy(at_ms, walk.stranger(), spend)
        else:
            walk.sell(at_ms, holder, FULL_SHARE_BPS if draw.random() < 0.8 else draw.randrange(2_000, 8_000))
