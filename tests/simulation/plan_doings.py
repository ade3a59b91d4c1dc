"""What users do beside orders of their own: they copy leaders, have the automated trader buy, freeze, withdraw, take keys out."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.simulation.events import Event, Kind

BEGINS_S, TROUBLE_S = 4.0, 60.0
TRADERS = tuple(range(2, 22))
CREATOR = 1
LEADERS = (2, 3, 4)  # of the traders: those have won before, and are followed and copied
TERMS = (
    "0.05",
    "0.05 again=on",
    "0.05 50% again=on token=0.2",
    "0.03 exact hour=0.09 day=0.12 token=0.06 leader=0.09 total=0.1 again=on",
    "0.02 min=0.2 max=1 drawdown=0.01",
    "0.05 150% again=on total=0.08",
)
FATES = ("keep", "sell", "follow")


def _moment(draw: Random, latest_s: float = TROUBLE_S) -> float:
    return round(draw.uniform(BEGINS_S, latest_s), 2)


def breakouts(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """Buys that wait until a price has risen above that of a fresh curve; some are taken back."""
    for _ in range(draw.choice((0, 0, 0, 1, 3))):
        at_s, user, token = _moment(draw, TROUBLE_S - 15), draw.randrange(users), draw.randrange(tokens)
        amount = draw.choice((10_600, 11_500, 14_000))
        yield Event(at_s, Kind.STANDS, user=user, token=token, trader=3, amount=amount)
        if draw.random() < 0.2:
            yield Event(round(at_s + draw.uniform(0, 12), 2), Kind.TAKES_BACK, user=user)


def followers(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """Leaders who trade on, users who copy them, or each other in a circle, and leave them; and automated traders."""
    if draw.random() < 0.5:
        return
    for _ in range(draw.randint(2, 12)):
        at_s, token, leader = _moment(draw), draw.randrange(tokens), draw.choice(LEADERS)
        for _ in range(draw.choice((1, 1, 1, 4))):  # four in a row are trading for show
            if at_s > TROUBLE_S:
                break
            lamports = draw.choice((2, 40, 150, 400)) * LAMPORTS_PER_SOL // 1_000
            yield Event(round(at_s, 2), Kind.CROWD_BUYS, token=token, trader=leader, amount=lamports)
            if draw.random() < 0.7:
                at_s = min(at_s + draw.uniform(0.5, 15), TROUBLE_S)
                share_bps = draw.choice((BPS, BPS // 2, BPS // 3))
                yield Event(round(at_s, 2), Kind.SELLS_A_PART, token=token, trader=leader, amount=share_bps)
            at_s += draw.uniform(0.5, 4)
    for user in range(users):
        for leader in draw.sample(LEADERS, draw.choice((0, 1, 1, 2))):
            at_s, terms = round(draw.uniform(1, 20), 2), draw.choice(TERMS)
            yield Event(at_s, Kind.COPIES, user=user, trader=leader, name=terms)
        if users > 1 and draw.random() < 0.4:  # no trader: another user
            yield Event(round(draw.uniform(1, 20), 2), Kind.COPIES, user=user, trader=0, name=draw.choice(TERMS))
        if draw.random() < 0.4:
            yield Event(_moment(draw), Kind.COPIES_NO_MORE, user=user, name=draw.choice(FATES))
        if draw.random() < 0.5:
            at_s = round(draw.uniform(1, 15), 2)
            yield Event(at_s, Kind.AUTO_STARTS, user=user, amount=draw.choice((1, 1, 2)))
            if draw.random() < 0.3:
                yield Event(round(at_s + draw.uniform(1, 40), 2), Kind.AUTO_STOPS, user=user)


def circles(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """Users each of whom copies the next and the last one the first, and what one of them buys or sells by hand then."""
    if users < 2 or draw.random() < 0.7:
        return
    for user in range(users):
        yield Event(round(draw.uniform(1, 8), 2), Kind.COPIES, user=user, trader=0, name="0.03 min=0.001 again=on")
    for _ in range(draw.randint(2, 5)):
        at_s, user, token = round(draw.uniform(16, TROUBLE_S), 2), draw.randrange(users), draw.randrange(tokens)
        yield Event(at_s, Kind.BUY, user=user, token=token, amount=draw.choice((2, 4)) * LAMPORTS_PER_SOL // 100)
        if draw.random() < 0.4:
            at_s = round(min(at_s + draw.uniform(3, 20), TROUBLE_S), 2)
            yield Event(at_s, Kind.SELL, user=user, token=token, amount=draw.choice((BPS, BPS // 2)))


def owners(draw: Random, users: int) -> Iterator[Event]:
    """Users who freeze what is theirs, and thaw it or leave that for later; who send SOL home, and take their keys out."""
    if draw.random() < 0.6:
        return
    for user in range(users):
        if draw.random() < 0.6:
            at_s = _moment(draw)
            yield Event(at_s, Kind.FREEZES, user=user)
            if draw.random() < 0.5:
                yield Event(round(at_s + draw.choice((0.1, draw.uniform(1, 30))), 2), Kind.THAWS, user=user)
        for _ in range(draw.choice((0, 1, 2))):
            amount = draw.choice((0, LAMPORTS_PER_SOL // 10, 2 * LAMPORTS_PER_SOL))  # none is everything
            yield Event(_moment(draw), Kind.WITHDRAWS, user=user, amount=amount)
        if draw.random() < 0.3:
            yield Event(_moment(draw), Kind.TAKES_KEY, user=user)


def on_paper(draw: Random, users: int, tokens: int) -> Iterator[Event]:
    """Users who trade on paper beside what they do with money, and set their virtual wallets back, also when it is refused."""
    if draw.random() < 0.7:
        return
    for user in range(users):
        for _ in range(draw.randint(1, 5)):
            at_s, token = _moment(draw), draw.randrange(tokens)
            amount = draw.choice((2, 10)) * LAMPORTS_PER_SOL // 100
            yield Event(at_s, Kind.PAPER_BUYS, user=user, token=token, amount=amount)
            if draw.random() < 0.7:
                at_s = round(min(at_s + draw.uniform(1, 20), TROUBLE_S), 2)
                yield Event(at_s, Kind.PAPER_SELLS, user=user, token=token, amount=draw.choice((BPS, BPS // 2)))
        for _ in range(draw.choice((1, 2))):
            yield Event(round(draw.uniform(BEGINS_S + 20, TROUBLE_S), 2), Kind.PAPER_RESETS, user=user)
