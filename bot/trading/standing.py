"""Standing orders: what a user wants traded once a price or a time has come, and what each of their turns leads to.

A turn is one order on the one road of money. Its key is made of the standing order and of a number that goes up only when
the order of that number is known not to trade any more, or to have traded: however often a turn is begun again, it is the
same order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bot.trading.curve import Fees, QuoteError
from bot.trading.intent import Mode
from bot.trading.own_impact import as_met
from bot.trading.units import ceil_div
from bot.trading.venue import Venue, quote_buy, quote_sell

PRICED_RAW = 10**12  # prices are told for a million tokens
OPEN_MAX = 20  # standing orders of one user
FAILURES_MAX = 10  # turns in a row of which nothing came, after which it is given up
RETRY_MS = 10_000  # after the first of them; twice as long after each further one
RETRY_MAX_MS = 600_000
WAIT_MS = 60_000  # where the same refusal comes again
SOON = frozenset({"price_moved", "in_flight"})  # refusals that the next moment may end


class StandingKind(StrEnum):
    LIMIT_BUY = "limit_buy"
    LIMIT_SELL = "limit_sell"
    BREAKOUT_BUY = "breakout_buy"  # a buy once the price has risen to a level
    DCA = "dca"  # the same buy every so often, whatever the price


class StandingState(StrEnum):
    OPEN = "open"
    DONE = "done"  # every turn has traded
    LAPSED = "lapsed"  # its time was over
    CANCELLED = "cancelled"  # its user took it back
    GIVEN_UP = "given_up"  # a refusal that does not pass, or too many turns of which nothing came


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """One standing order, in lamports, raw token units and milliseconds since 1970.

    `code` is what its user names it by. A buy has `spend_lamports`, a sale `token_raw`, which is what is held in all where
    it `sells_all`. `price_lamports` is for a million tokens, everything included: the most that a limit buy pays, the
    least that a sale brings, and what a breakout costs at least before it is bought, at the price of that moment. `turns` are
    to trade, of which `filled` have, at least `interval_ms` apart. `due_at_ms` is when the next turn may begin, `lapses_at_ms`
    when none does any more, None for never.
    `turn` is the number of the next turn; `is_firing` says that its order may exist. `failures` counts turns in a row of
    which nothing came, `why_code` and `why` say what it waits for, or how it ended. Each change has its `version`.
    """

    id: str
    code: str
    user_id: str
    wallet_id: str
    mode: Mode
    kind: StandingKind
    mint: str
    price_lamports: int
    created_at_ms: int
    due_at_ms: int
    spend_lamports: int = 0
    token_raw: int = 0
    sells_all: bool = False
    lapses_at_ms: int | None = None
    state: StandingState = StandingState.OPEN
    turn: int = 0
    is_firing: bool = False
    failures: int = 0
    why_code: str = ""
    why: str = ""
    version: int = 0
    closed_at_ms: int | None = None
    turns: int = 1
    filled: int = 0
    interval_ms: int = 0

    def __post_init__(self) -> None:
        is_sale = self.kind is StandingKind.LIMIT_SELL
        if (self.token_raw > 0, self.spend_lamports > 0) != (is_sale, not is_sale):
            raise ValueError("a sale names the tokens that it sells, a buy what it spends")
        if (self.price_lamports > 0, self.interval_ms > 0) != (self.is_by_price, not self.is_by_price):
            raise ValueError("a limit has a price, and what is repeated has an interval")
        if not 0 <= self.filled <= self.turns or self.turns < 1 or (self.is_by_price and self.turns > 1):
            raise ValueError("as many turns trade as are wanted, and one of a limit")

    @property
    def key(self) -> str:
        """The key of the order that the next turn is."""
        return f"standing:{self.id}:{self.turn}"

    @property
    def is_by_price(self) -> bool:
        """Whether it waits for a price, and not for a time."""
        return self.kind is not StandingKind.DCA

    @property
    def least_token_raw(self) -> int:
        """What a limit buy brings at its price: it never gets fewer tokens. Of a buy that names no most 0."""
        if self.kind is not StandingKind.LIMIT_BUY:
            return 0
        return ceil_div(self.spend_lamports * PRICED_RAW, self.price_lamports)

    def least_lamports(self, token_raw: int) -> int:
        """What so many tokens of a limit sale bring at its price: it never gets less for them."""
        return ceil_div(token_raw * self.price_lamports, PRICED_RAW)

    def has_lapsed(self, now_ms: int) -> bool:
        """Whether its time is over."""
        return self.lapses_at_ms is not None and now_ms >= self.lapses_at_ms


def is_reached(order: StandingOrder, token_raw: int, venue: Venue, fees: Fees) -> bool:
    """Whether a whole limit order, its fees and what it does to the price included, is worth its price or better there.

    A breakout is reached where it costs its price or more.

    `token_raw` is what a sale sells now. What nobody quotes is not reached.
    """
    try:
        if order.kind is StandingKind.LIMIT_BUY:
            return quote_buy(venue, order.spend_lamports, fees).token_raw >= order.least_token_raw
        if order.kind is StandingKind.BREAKOUT_BUY:
            bought_raw = quote_buy(venue, order.spend_lamports, fees).token_raw
            return order.spend_lamports * PRICED_RAW >= order.price_lamports * bought_raw
        met = as_met(venue, order.mode, token_raw)
        return quote_sell(met, token_raw, fees).received_lamports >= order.least_lamports(token_raw)
    except QuoteError:
        return False


# Refusals that stay as long as the order is what it is: whoever still wants it gives another one.
ENDING = {
    "nothing_to_sell": "you hold no position in this token any more",
    "routed": "",
    "trade_floor": "",
    "trade_size": "",
    "unsafe_token": "",
}
NOT_MADE = "not_sent"  # the refusal of an order that could not be made, or would have failed


def fired(order: StandingOrder) -> StandingOrder:
    """The next turn begins: from now on its order may exist."""
    return replace(order, is_firing=True, version=order.version + 1)


def traded(order: StandingOrder, now_ms: int) -> StandingOrder:
    """The order of the turn is filled. The next one of several is an interval later; of those that were missed one is made up."""
    after = replace(order, turn=order.turn + 1, filled=order.filled + 1, failures=0)
    if after.filled == after.turns:
        return _ended(after, StandingState.DONE, "", "", now_ms)
    next_ms = order.due_at_ms + order.interval_ms
    return _waiting(after, "", "", next_ms if next_ms > now_ms else now_ms + order.interval_ms)


def came_to_nothing(order: StandingOrder, why: str, now_ms: int) -> StandingOrder:
    """The order of the turn has ended without a trade; the next turn waits, twice as long after each, or there is none."""
    after = replace(order, turn=order.turn + 1, failures=order.failures + 1)
    if after.failures >= FAILURES_MAX:
        return _ended(after, StandingState.GIVEN_UP, "failures", why, now_ms)
    rest_ms = min(RETRY_MS << (after.failures - 1), RETRY_MAX_MS)
    return _waiting(after, "failed", why, now_ms + rest_ms)


def refused(order: StandingOrder, code: str, why: str, now_ms: int) -> StandingOrder:
    """The turn was refused before anything was written; what passes is waited for, and what does not is the end."""
    if code == NOT_MADE:
        return came_to_nothing(order, why, now_ms)
    after = replace(order, turn=order.turn + 1)
    if code in ENDING:
        return _ended(after, StandingState.GIVEN_UP, code, ENDING[code] or why, now_ms)
    is_new = code != order.why_code or code in SOON
    return _waiting(after, code, why, now_ms + (RETRY_MS if is_new else WAIT_MS))


def after_set_back(order: StandingOrder, now_ms: int) -> StandingOrder | None:
    """The order with its next turn an interval away, where a clock that was set back makes it wait for longer than that."""
    longest_ms = max(order.interval_ms, RETRY_MAX_MS)
    if order.is_by_price or order.is_firing or order.due_at_ms - now_ms <= longest_ms:
        return None
    return replace(order, due_at_ms=now_ms + order.interval_ms, version=order.version + 1)


def lapsed(order: StandingOrder, now_ms: int) -> StandingOrder:
    """Its time is over."""
    return _ended(order, StandingState.LAPSED, "", "", now_ms)


def cancelled(order: StandingOrder, now_ms: int) -> StandingOrder:
    """Its user takes it back; an order of it that is on its way already goes on."""
    return _ended(order, StandingState.CANCELLED, "", "", now_ms)


def _waiting(order: StandingOrder, code: str, why: str, due_at_ms: int) -> StandingOrder:
    return replace(order, is_firing=False, why_code=code, why=why, due_at_ms=due_at_ms, version=order.version + 1)


def _ended(order: StandingOrder, state: StandingState, code: str, why: str, now_ms: int) -> StandingOrder:
    return replace(
        order, state=state, is_firing=False, why_code=code, why=why, version=order.version + 1, closed_at_ms=now_ms
    )
