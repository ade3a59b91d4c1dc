"""What a seed means: users and their settings, a market, what people order, and everything that breaks. Pure data.

A plan is drawn whole before anything runs, so that the same seed plays the same world against every version of the bot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from bot.trading.limits import FLATTEN, HOLD, Ceilings, UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.simulation.events import DOINGS, Event, Kind
from tests.simulation.plan_doings import (
    BEGINS_S,
    CREATOR,
    TRADERS,
    TROUBLE_S,
    breakouts,
    circles,
    followers,
    on_paper,
    owners,
)

ENDPOINTS = ("all", "rpc-2", "rpc-3")  # rpc-1 is for the people, the market and the checkers
LIES = ("stale", "empty", "genesis")
WEATHER = ("skip-slots", "fail-tx", "cut-logs", "reorder")
MOST_FORKED_SLOTS = 30
MOST_MONEY_CALLS = 60  # a crash at a call of the money path comes after at most this many
# The actors that are killed, by the path of their supervisor; one that has no name is any of the children there.
KILLED = (
    ("money", "reconciler"),
    ("money", "confirmation_watcher"),
    ("money", "executors", ""),
    ("money", "position_monitors", ""),
    ("guard", "flattener"),
    ("guard", "trading_guard"),
    ("links", "launch_stream"),
    ("links", "price_poller"),
    ("ops", "outbox_sender"),
    ("hunt", "snipers", ""),
    ("hunt", "launch_watcher"),
)
# What goes on where nothing breaks, so that people do most of what they try.
CALM = DOINGS | {
    *(Kind.LAUNCH, Kind.CROWD_BUYS, Kind.CROWD_SELLS, Kind.COMPLETES, Kind.SELLS_IN_POOL, Kind.OPENS_ACCOUNT),
    *(Kind.BUY, Kind.SELL, Kind.REPEAT, Kind.STANDS, Kind.TAKES_BACK, Kind.PAUSE, Kind.RESUME),
}
# What an operator starts again by hand.
RESTARTED = (
    "root/money",
    "root/money/executors",
    "root/money/position_monitors",
    "root/money/reconciler",
    "root/money/confirmation_watcher",
    "root/links",
    "root/hunt",
    "root/guard",
    "root/guard/flatten",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One world. Everything breaks before `TROUBLE_S`; after that the bot must put itself in order."""

    seed: int
    users: tuple[UserSettings, ...]
    ceilings: Ceilings
    events: tuple[Event, ...] = field(repr=False)


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    draw = Random(seed)
    users = tuple(_settings(draw) for _ in range(draw.randint(1, 3)))
    ceilings = Ceilings(
        max_open_positions=draw.choice((1, 2, 5)), max_daily_loss_lamports=draw.choice((1, 50)) * LAMPORTS_PER_SOL // 10
    )
    tokens = draw.randint(2, 5)
    events = [*_market(draw, tokens), *_orders(draw, len(users), tokens), *_people(draw, len(users)), *_faults(draw)]
    events += _outages(draw)
    events += _graduation(Random(f"{seed}/graduation"))
    events += _lies(Random(f"{seed}/lies"))
    events += _outsiders(Random(f"{seed}/outsiders"), len(users))
    events += _engine(Random(f"{seed}/engine"))
    events += _left_empty(Random(f"{seed}/accounts"), len(users), tokens)
    events += _weather(Random(f"{seed}/weather"))
    events += _standing(Random(f"{seed}/standing"), len(users), tokens)
    events += _creator(Random(f"{seed}/creator"), [event for event in events if event.kind is Kind.LAUNCH])
    events += breakouts(Random(f"{seed}/breakouts"), len(users), tokens)
    events += followers(Random(f"{seed}/chosen leaders"), len(users), tokens)
    events += circles(Random(f"{seed}/circles"), len(users), tokens)
    events += owners(Random(f"{seed}/second factors"), len(users))
    events += on_paper(Random(f"{seed}/resets"), len(users), tokens)
    if Random(f"{seed}/quiet").random() < 0.3:
        events = [event for event in events if event.kind in CALM]
    users = tuple(_more_settings(Random(f"{seed}/settings {number}"), one) for number, one in enumerate(users))
    return Plan(seed, users, ceilings, tuple(sorted(events, key=lambda event: event.at_s)))


def _settings(draw: Random) -> UserSettings:
    return UserSettings(
        max_trade_lamports=draw.choice((LAMPORTS_PER_SOL // 10, LAMPORTS_PER_SOL)),
        max_position_lamports=draw.choice((LAMPORTS_PER_SOL // 8, LAMPORTS_PER_SOL)),
        take_profit_bps=draw.choice((None, 500, 2_000)),
        stop_loss_bps=draw.choice((None, 500, 1_500)),
        trailing_stop_bps=draw.choice((None, None, 800)),
        take_profit_share_bps=draw.choice((BPS, BPS // 2)),
        take_profit_levels=draw.choice(((), (), (1_500, 3_333, 4_000, 6_667))),
        max_hold_s=draw.choice((None, 6, 20)),
        slippage_buy_bps=draw.choice((300, 1_500)),
        slippage_sell_bps=draw.choice((300, 1_500)),
        snipe_enabled=draw.random() < 0.6,
        snipe_max_daily=draw.choice((1, 10)),
        on_critical=draw.choice((FLATTEN, FLATTEN, HOLD)),
    )


def _more_settings(draw: Random, settings: UserSettings) -> UserSettings:
    """What a user may have beside: an exit when those who made the token empty it, and limits of one way to buy."""
    tenth = LAMPORTS_PER_SOL // 10
    return replace(
        settings,
        anti_rug=draw.random() < 0.5,
        anti_rug_share_bps=draw.choice((50, 200, 2_000)),
        max_positions=draw.choice((None, None, 1, 3)),
        manual_max_trade_lamports=draw.choice((None, None, tenth // 4)),
        auto_max_trade_lamports=draw.choice((None, tenth // 4, tenth)),
        manual_max_positions=draw.choice((None, None, 1)),
        sniper_max_positions=draw.choice((None, None, 1)),
        auto_max_positions=draw.choice((None, None, 1)),
        manual_daily_spend_lamports=draw.choice((None, None, 2 * tenth)),
        sniper_daily_spend_lamports=draw.choice((None, None, tenth)),
        auto_daily_spend_lamports=draw.choice((None, None, tenth)),
    )


def _moment(draw: Random, latest_s: float = TROUBLE_S) -> float:
    return round(draw.uniform(BEGINS_S, latest_s), 2)


def _market(draw: Random, tokens: int) -> Iterator[Event]:
    """Launches, each with a crowd that comes, and then leaves at once, one by one, or not at all.

    When half of it is there the first of it sell, because the rules buy no crowd that nothing has tried.
    """
    for token in range(tokens):
        at_s = 1.0 if token == 0 else _moment(draw, TROUBLE_S - 15)
        yield Event(at_s, Kind.LAUNCH, token=token)
        crowd = draw.sample(TRADERS, draw.randint(3, 16))
        at_s += 0.9
        for place, trader in enumerate(crowd):
            at_s += draw.uniform(0.05, 0.4)
            for early in crowd[: 1 + len(crowd) // 8] if place == len(crowd) // 2 else ():
                yield Event(round(at_s, 2), Kind.CROWD_SELLS, token=token, trader=early)
            lamports = draw.randint(1, 12) * LAMPORTS_PER_SOL // 10
            yield Event(round(at_s, 2), Kind.CROWD_BUYS, token=token, trader=trader, amount=lamports)
        fate = draw.choice(("rug", "fade", "stay"))
        at_s += draw.uniform(1, 15)
        for trader in crowd if fate != "stay" else ():
            at_s += 0 if fate == "rug" else draw.uniform(0.2, 2)
            yield Event(round(at_s, 2), Kind.CROWD_SELLS, token=token, trader=trader)


def _graduation(draw: Random) -> Iterator[Event]:
    """The first token's curve is bought empty; it migrates to its pool, where the buyer later takes the price down."""
    if draw.random() < 0.6:
        return
    at_s, trader = round(draw.uniform(5, 25), 2), draw.choice(TRADERS)
    yield Event(at_s, Kind.COMPLETES, trader=trader)
    if draw.random() < 0.6:
        yield Event(round(at_s + draw.uniform(17, 35), 2), Kind.SELLS_IN_POOL, trader=trader)


def _orders(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """What users order by hand, some of it twice or in great haste."""
    for _ in range(draw.randint(6, 30)):
        at_s, user, token = _moment(draw), draw.randrange(users), draw.randrange(tokens)
        kind = draw.choice((Kind.BUY, Kind.BUY, Kind.SELL))
        amount = (
            draw.choice((BPS // 2, BPS)) if kind is Kind.SELL else draw.choice((2, 9, 12)) * LAMPORTS_PER_SOL // 100
        )
        yield Event(at_s, kind, user=user, token=token, amount=amount)
        if draw.random() < 0.4:
            yield Event(at_s + draw.choice((0.0, 0.3, 6.0)), Kind.REPEAT, user=user)


def _standing(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """Orders that wait for a price about that of a fresh curve, or are repeated; some are taken back."""
    for _ in range(draw.choice((0, 0, 2, 5))):
        at_s, user, token = _moment(draw), draw.randrange(users), draw.randrange(tokens)
        yield Event(
            at_s,
            Kind.STANDS,
            user=user,
            token=token,
            trader=draw.randrange(3),
            amount=draw.choice((5_000, 10_500, 30_000)),
        )
        if draw.random() < 0.4:
            yield Event(round(at_s + draw.uniform(0, 12), 2), Kind.TAKES_BACK, user=user)


def _creator(draw: Random, launches: Sequence[Event]) -> Iterator[Event]:
    """Creators who buy of their own token, and leave it again."""
    for launch in launches:
        if draw.random() < 0.5:
            continue
        at_s = launch.at_s + draw.uniform(0.5, 2)
        lamports = draw.randint(1, 20) * LAMPORTS_PER_SOL // 10
        yield Event(round(at_s, 2), Kind.CROWD_BUYS, token=launch.token, trader=CREATOR, amount=lamports)
        if draw.random() < 0.8:
            yield Event(round(at_s + draw.uniform(2, 25), 2), Kind.CROWD_SELLS, token=launch.token, trader=CREATOR)


def _people(draw: Random, users: int) -> Iterator[Event]:
    for kind, ends, chance in (
        (Kind.PANIC, Kind.RESUME, 0.3),
        (Kind.PAUSE, Kind.RESUME, 0.3),
        (Kind.OPERATOR_PAUSES, Kind.OPERATOR_RESUMES, 0.3),
        (Kind.OPERATOR_FLATTENS, Kind.REARM, 0.3),
    ):
        if draw.random() < chance:
            at_s, user = _moment(draw), draw.randrange(users)
            yield Event(at_s, kind, user=user)
            if draw.random() < 0.7:
                yield Event(at_s + draw.uniform(0.1, 15), ends, user=user)


def _faults(draw: Random) -> Iterator[Event]:
    for _ in range(draw.randint(0, 4)):
        name = draw.choice(("rpc-down", "rpc-slow", "rate-limit", "drop-tx", "drop-tx", "stream-drop"))
        yield Event(
            _moment(draw),
            Kind.CHAIN_FAULT,
            name=name,
            endpoint=draw.choice(ENDPOINTS),
            lasts_s=round(draw.choice((draw.uniform(0.3, 12), draw.uniform(20, 100))), 1),
            amount=draw.choice((300, 900, 4_000)),
        )
    for _ in range(draw.randint(0, 3)):
        kind = draw.choice((Kind.STORE_AWAY, Kind.STORE_LOSES_ANSWERS, Kind.STORE_HANGS))
        yield Event(_moment(draw), kind, lasts_s=round(draw.uniform(0.3, 10), 1))
    for _ in range(draw.randint(0, 4)):
        yield Event(_moment(draw), Kind.KILL, path=draw.choice(KILLED), amount=draw.randrange(100))
    for _ in range(draw.randint(0, 3)):
        kind = draw.choice((Kind.CRASH, Kind.CRASH_AT_CALL, Kind.CRASH_AT_CALL))
        down_s = round(draw.choice((0.3, draw.uniform(1, 6), draw.uniform(10, 30))), 1)
        yield Event(_moment(draw), kind, lasts_s=down_s, amount=draw.randint(1, MOST_MONEY_CALLS))
    for _ in range(draw.choice((0, 0, 1, 2))):
        slots, lost_percent = draw.randint(1, MOST_FORKED_SLOTS), draw.choice((0, 50, 100))
        yield Event(_moment(draw), Kind.FORK, amount=slots, lost_percent=lost_percent)


def _weather(draw: Random) -> Iterator[Event]:
    """What a chain does on an ordinary day: leaders who are away, trades that fail, cut logs, news out of order."""
    for _ in range(draw.choice((0, 0, 1, 2, 3))):
        yield Event(
            _moment(draw),
            Kind.CHAIN_FAULT,
            name=draw.choice(WEATHER),
            endpoint="all",
            lasts_s=round(draw.choice((draw.uniform(0.5, 10), draw.uniform(20, 100))), 1),
        )


def _lies(draw: Random) -> Iterator[Event]:
    """Endpoints that are cut off, say that nothing exists, or that they serve another chain; one of them, or both."""
    for _ in range(draw.choice((0, 0, 1, 2))):
        at_s, lasts_s = _moment(draw), round(draw.choice((draw.uniform(1, 12), draw.uniform(30, 100))), 1)
        for endpoint in draw.choice((ENDPOINTS[1:2], ENDPOINTS[2:], ENDPOINTS[1:])):
            yield Event(at_s, Kind.LIE, name=draw.choice(LIES), endpoint=endpoint, lasts_s=lasts_s)


def _outsiders(draw: Random, users: int) -> Iterator[Event]:
    """SOL that comes in and leaves past the bot, some of it several times in a row."""
    if draw.random() < 0.7:
        return
    user = draw.randrange(users)
    yield Event(_moment(draw), Kind.OUTSIDE_IN, user=user, amount=draw.randint(1, LAMPORTS_PER_SOL))
    if draw.random() < 0.6:
        at_s = _moment(draw)
        for _ in range(draw.choice((1, 1, 4))):
            yield Event(round(at_s, 2), Kind.OUTSIDE_OUT, user=user, amount=draw.randint(1, LAMPORTS_PER_SOL // 10))
            at_s += draw.uniform(0.5, 12)
        if draw.random() < 0.5:
            yield Event(round(at_s + draw.uniform(0, 40), 2), Kind.ACKNOWLEDGES, user=user)
    for _ in range(draw.choice((0, 1, 3))):
        share_bps = draw.choice((BPS, BPS, BPS // 3))
        yield Event(_moment(draw), Kind.OUTSIDE_SALE, user=user, token=draw.randrange(100), amount=share_bps)


def _left_empty(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """Token accounts that a user has never asked for; what he buys and sells through them is another matter."""
    for _ in range(draw.choice((0, 1, 2, 4))):
        user, token, trader = draw.randrange(users), draw.randrange(tokens), draw.choice(TRADERS)
        yield Event(_moment(draw), Kind.OPENS_ACCOUNT, user=user, token=token, trader=trader)


def _engine(draw: Random) -> Iterator[Event]:
    """Actors that fail or hang where nobody expects it, and parts of the bot that an operator starts again."""
    for _ in range(draw.choice((0, 0, 1, 2))):
        hangs_s = draw.choice((0.0, 0.0, round(draw.uniform(5, 40), 1)))
        yield Event(_moment(draw), Kind.BUG_AT_CALL, amount=draw.randint(1, MOST_MONEY_CALLS), lasts_s=hangs_s)
    for _ in range(draw.choice((0, 0, 1, 2))):
        yield Event(_moment(draw), Kind.RESTART, name=draw.choice(RESTARTED))


def _outages(draw: Random) -> Iterator[Event]:
    """Outages of the database that exits live through on their journal, which is in trouble itself now and then."""
    if draw.random() < 0.5:
        kind = draw.choice((Kind.STORE_AWAY, Kind.STORE_AWAY, Kind.STORE_IS_FULL))
        at_s, lasts_s = _moment(draw, TROUBLE_S - 20), round(draw.uniform(8, 35), 1)
        yield Event(at_s, kind, lasts_s=lasts_s)
        if draw.random() < 0.3:
            yield Event(
                round(at_s + draw.uniform(0, lasts_s), 2), Kind.JOURNAL_IS_FULL, lasts_s=round(draw.uniform(1, 8), 1)
            )
        if draw.random() < 0.5:
            down_s = round(draw.choice((0.3, draw.uniform(1, 10))), 1)
            yield Event(
                round(at_s, 2),
                Kind.CRASH_AT_APPEND,
                lasts_s=down_s,
                amount=draw.randint(1, 4),
                trader=draw.randrange(3),
            )
