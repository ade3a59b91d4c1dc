"""What was traded where on the local chain during its last day, for the stand-ins of those who count it.

It is counted from blocks as they are made, in memory: a chain that starts again counts anew.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet.launch_events import Created, Migrated, Traded, launch_events
from bot.localnet.pool_events import pool_trades
from bot.localnet.records import Block

DAY_S = 86_400
PLACES_MAX = 5_000
TRADES_MAX = 20_000  # of one place; who trades more than that in a day is counted short


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade: what it moved without fees, and the price right after it as lamports for so many raw tokens."""

    slot: int
    time_s: int
    is_buy: bool
    lamports: int
    price: tuple[int, int]


@dataclass(slots=True)
class Place:
    """Where a token trades. `opened_s` is when it opened, None where that was not seen; `first_price` is that of then."""

    opened_slot: int | None = None
    opened_s: int | None = None
    first_price: tuple[int, int] | None = None
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=TRADES_MAX))


@dataclass(frozen=True, slots=True)
class Activity:
    """A span of time: trades of each kind, lamports moved, and the price when it began, None where none is known."""

    buys: int
    sells: int
    lamports: int
    price_before: tuple[int, int] | None


class MarketLog:
    """Trades by place: a curve is known by its mint, a pool by its address. Launches are kept by mint."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._launches: OrderedDict[str, Created] = OrderedDict()

    def on_block(self, block: Block) -> None:
        """Take note of everything in a new block."""
        for landed in block.transactions:
            for event in launch_events(landed.record):
                if isinstance(event, Created):
                    self._opened(event.mint, block, (event.quote_lamports, event.token_raw))
                    self._launches[event.mint] = event
                    _trim(self._launches)
                elif isinstance(event, Migrated):
                    self._opened(str(at.pool(Pubkey.from_string(event.mint))), block, None)
                elif isinstance(event, Traded):
                    price = (event.reserve_quote_lamports, event.reserve_token_raw)
                    self._traded(event.mint, block, event.is_buy, event.sol_lamports, price)
            for trade in pool_trades(landed.record):
                price = (trade.reserve_quote_lamports, trade.reserve_token_raw)
                self._traded(trade.pool, block, trade.is_buy, trade.quote_lamports, price)

    def roll_back(self, stayed_slot: int) -> None:
        """Forget what happened after this slot: a fork took it back."""
        for key, place in list(self._places.items()):
            while place.trades and place.trades[-1].slot > stayed_slot:
                place.trades.pop()
            if place.opened_slot is not None and place.opened_slot > stayed_slot:
                del self._places[key]
                self._launches.pop(key, None)

    def place(self, key: str) -> Place:
        """What is known of a place; an empty one where nothing is."""
        return self._places.get(key, Place())

    def launch(self, mint: str) -> Created | None:
        """How a coin was launched, where that was seen."""
        return self._launches.get(mint)

    def newest(self, most: int) -> list[str]:
        """The mints of the coins that were launched last, the newest first."""
        return list(reversed(self._launches))[:most]

    def mint_named(self, small: str) -> str | None:
        """The mint whose address is this in small letters, as those know it who tell no large ones apart."""
        return next((mint for mint in reversed(self._places) if mint.lower() == small), None)

    def activity(self, key: str, now_s: int, span_s: int) -> Activity:
        """The last `span_s` seconds at a place."""
        place = self.place(key)
        since_s = now_s - span_s
        counted = [trade for trade in place.trades if trade.time_s > since_s]
        before = next((trade.price for trade in reversed(place.trades) if trade.time_s <= since_s), None)
        buys = sum(trade.is_buy for trade in counted)
        lamports = sum(trade.lamports for trade in counted)
        return Activity(buys, len(counted) - buys, lamports, before or place.first_price)

    def _opened(self, key: str, block: Block, price: tuple[int, int] | None) -> None:
        place = self._places.setdefault(key, Place())
        place.opened_slot, place.opened_s, place.first_price = block.slot, block.block_time_s, price
        _trim(self._places)

    def _traded(self, key: str, block: Block, is_buy: bool, lamports: int, price: tuple[int, int]) -> None:
        place = self._places.setdefault(key, Place())
        self._places.move_to_end(key)
        while place.trades and place.trades[0].time_s < block.block_time_s - DAY_S:
            place.first_price = place.trades.popleft().price
        place.trades.append(Trade(block.slot, block.block_time_s, is_buy, lamports, price))
        _trim(self._places)


def _trim(kept: OrderedDict[str, Place] | OrderedDict[str, Created]) -> None:
    while len(kept) > PLACES_MAX:
        kept.popitem(last=False)
