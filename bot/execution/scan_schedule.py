"""How often each followed wallet's history is read, within what the endpoints' credit leaves for it.

The wallets that trade most are read most often, none more often than is asked for, and those that a stream tells of hardly
ever. The looks themselves stand in one queue, so that ten thousand wallets that are due at once ask one after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from bot.trading.units import BPS

HALF_LIFE_S = 3_600.0  # after which a transaction counts half
TOLD_WEIGHT = 0.01  # of a wallet that a stream tells of, beside 1 of one that rests
WEIGHT_MAX = 16.0  # how many times as often the busiest wallets are read as those that rest
UTILISATION = 0.9  # the rest is for looks that a hint asks for
WEIGHED_EVERY_S = 10.0
CREDIT_EVERY_S = 1.0  # what the endpoints' budgets leave is worked out this often, however many scanners ask
COST_MEMORY = 100  # looks, over which the requests of a look are averaged
REQUESTS_PER_S_MIN = 0.01  # also of a month that is used: the endpoints refuse then, and say why


@dataclass(slots=True)
class _Activity:
    """Transactions of a wallet, those of long ago counted for less; `is_told` by a stream, so that it is hardly read."""

    count: float = 0.0
    at_s: float = 0.0
    is_told: bool = False

    def faded(self, now_s: float) -> float:
        return self.count * math.exp2((self.at_s - now_s) / HALF_LIFE_S)

    def weight(self, now_s: float) -> float:
        return TOLD_WEIGHT if self.is_told else min(WEIGHT_MAX, 1.0 + self.faded(now_s))


@dataclass(frozen=True, slots=True)
class ScanRule:
    """`least_s` is the least time between two looks at a wallet, `told_least_s` at one that a stream tells of.

    All looks together make at most `requests_per_s` requests, and no more than `credit_share_bps` of what the endpoints'
    budgets leave to others than exits.
    """

    least_s: float = 30.0
    requests_per_s: float = 100.0
    credit_share_bps: int = 2_500
    told_least_s: float = 3_600.0


@dataclass(slots=True)
class ScanSchedule:
    """`credit_per_s` tells the requests a second that the endpoints' budgets leave, None for no limit. Times are trio's."""

    rule: ScanRule
    credit_per_s: Callable[[], float | None]
    _wallets: dict[str, _Activity] = field(default_factory=dict)
    _weights: float = 0.0
    _weighed_at_s: float = -math.inf
    _cost: float = 1.0
    _next_s: float = -math.inf
    _credit: float | None = None
    _credit_at_s: float = -math.inf

    def enter(self, address: str) -> None:
        """A wallet is read from now on."""
        self._wallets[address] = _Activity(at_s=trio.current_time())
        self._weights += 1.0

    def leave(self, address: str) -> None:
        """It is read no more."""
        wallet = self._wallets.pop(address, None)
        if wallet is not None:
            self._weights -= wallet.weight(trio.current_time())

    def told(self, address: str, *, by_stream: bool) -> None:
        """Whether a stream tells what this wallet does."""
        wallet = self._wallets.get(address)
        if wallet is not None and wallet.is_told is not by_stream:
            now_s = trio.current_time()
            self._weights -= wallet.weight(now_s)
            wallet.is_told = by_stream
            self._weights += wallet.weight(now_s)

    def looked(self, address: str, transactions: int) -> None:
        """A wallet's history was read, and so many transactions of it after that."""
        self._cost += (1 + transactions - self._cost) / COST_MEMORY
        wallet = self._wallets.get(address)
        if wallet is not None and transactions:
            now_s = trio.current_time()
            self._weights -= wallet.weight(now_s)
            wallet.count, wallet.at_s = wallet.faded(now_s) + transactions, now_s
            self._weights += wallet.weight(now_s)

    def requests_per_s(self) -> float:
        """What all looks together may ask for now."""
        now_s = trio.current_time()
        if now_s >= self._credit_at_s + CREDIT_EVERY_S:
            self._credit, self._credit_at_s = self.credit_per_s(), now_s
        credit = self._credit
        most = self.rule.requests_per_s
        share = most if credit is None else credit * self.rule.credit_share_bps / BPS
        return max(REQUESTS_PER_S_MIN, min(most, share))

    def interval_s(self, address: str) -> float:
        """Seconds between two looks at this wallet, as things are; those of a wallet at rest for one that is not read."""
        wallet = self._wallets.get(address)
        if wallet is None:
            return self.longest_interval_s()
        least_s = self.rule.told_least_s if wallet.is_told else self.rule.least_s
        return max(least_s, self._share_s(wallet.weight(trio.current_time())))

    def longest_interval_s(self) -> float:
        """The same for a wallet that does not trade and that no stream tells of."""
        return max(self.rule.least_s, self._share_s(1.0))

    def book(self, *, is_urgent: bool = False) -> float:
        """The time of the next free turn, which is taken by this; one that is urgent is now and puts the others back."""
        now_s = trio.current_time()
        turn_s = max(now_s, self._next_s)
        self._next_s = turn_s + self._cost / self.requests_per_s()
        return now_s if is_urgent else turn_s

    def _share_s(self, weight: float) -> float:
        """Seconds between the looks that a wallet of this weight has of all that may be made."""
        looks_per_s = UTILISATION * self.requests_per_s() / self._cost
        return self._all_weights() / (looks_per_s * weight)

    def _all_weights(self) -> float:
        """Summed anew now and then, because activity fades by itself."""
        now_s = trio.current_time()
        if now_s >= self._weighed_at_s + WEIGHED_EVERY_S:
            self._weighed_at_s = now_s
            self._weights = sum(wallet.weight(now_s) for wallet in self._wallets.values())
        return self._weights
