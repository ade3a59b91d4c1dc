"""What people on the local chain write of its coins: some of those who trade say something, by what the price did to them.

Every post follows from a trade and from the seed alone, so that all stand-ins that tell posts agree, and a chain that is
continued tells the same again.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from bot.localnet.market_log import MarketLog, Trade

PEOPLE = 400
SPEAKS_ONE_IN = 3
LOUD_BOTS_ONE_IN = 6  # coins for which somebody has paid a chorus
CHORUS = 12
OLD_ACCOUNT_S, YOUNG_ACCOUNT_S = 400 * 86_400, 2 * 86_400
TRADES_READ = 150

RISING = (
    "bought {mint} early, chart looks strong",
    "{mint} real buyers and a growing list of holders, holding this",
    "still buying {mint}, solid launch so far",
    "love how organic {mint} looks \U0001f680",
)
FALLING = (
    "sold {mint}, the creator is dumping, avoid",
    "{mint} looks like a rug, be careful",
    "lost on {mint}, bundled launch, do not touch \U0001f6a8",
    "{mint} is dead, exit while you can",
)
FLAT = ("anyone looking at {mint}?", "watching {mint} for now", "who launched {mint} and why")
CHORUS_TEXT = "{mint} is the next gem, strong team, get in NOW {number}x \U0001f680\U0001f680"


@dataclass(frozen=True, slots=True)
class Remark:
    """Somebody's text. `person` is a number below PEOPLE, or above it for one of a chorus."""

    person: int
    text: str
    at_s: int
    since_s: int


def remarks(mint: str, log: MarketLog, seed: int) -> list[Remark]:
    """What is written of a coin on its curve, the oldest first."""
    place = log.place(mint)
    trades = list(place.trades)[-TRADES_READ:]
    first = place.first_price
    said = [remark for trade in trades if (remark := _remark(mint, trade, first, seed)) is not None]
    if place.opened_s is not None and _draw(seed, mint, "chorus") % LOUD_BOTS_ONE_IN == 0:
        said += [_chorus(mint, number, place.opened_s) for number in range(CHORUS)]
    return sorted(said, key=lambda remark: remark.at_s)


def _remark(mint: str, trade: Trade, first: tuple[int, int] | None, seed: int) -> Remark | None:
    drawn = _draw(seed, mint, f"{trade.slot} {trade.lamports} {trade.price}")
    if drawn % SPEAKS_ONE_IN:
        return None
    person, choice = drawn // 7 % PEOPLE, drawn // 7_919
    lines = _lines(trade, first)
    since_s = trade.time_s - (YOUNG_ACCOUNT_S if person % 5 == 0 else OLD_ACCOUNT_S + person * 86_400)
    return Remark(person, lines[choice % len(lines)].format(mint=mint), trade.time_s, since_s)


def _lines(trade: Trade, first: tuple[int, int] | None) -> tuple[str, ...]:
    """A price is lamports for so many raw tokens."""
    if first is None or not first[0] or not trade.price[1]:
        return FLAT
    change = trade.price[0] * first[1] / (trade.price[1] * first[0])
    if trade.is_buy and change > 1.1:
        return RISING
    return FALLING if not trade.is_buy and change < 1.1 else FLAT


def _chorus(mint: str, number: int, opened_s: int) -> Remark:
    text = CHORUS_TEXT.format(mint=mint, number=10 * (number + 1))
    return Remark(PEOPLE + number, text, opened_s + number, opened_s - YOUNG_ACCOUNT_S)


def _draw(seed: int, mint: str, what: str) -> int:
    return int.from_bytes(sha256(f"{seed} {mint} {what}".encode()).digest()[:8], "big")
