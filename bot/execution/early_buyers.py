"""Wallets that were early in tokens that rose, out of what the launch stream tells. A bounded book, for people to look at.

Nothing trades by it. It counts tokens in which a wallet was early and tokens that then reached several times what the wallet
had paid; whether the wallet sold at such a price it does not know. It begins anew with each start of the bot.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, TokenLaunch

TOKENS_MAX = 2_000  # of which the first buyers are remembered
BUYERS_MAX = 20
WALLETS_MAX = 10_000
WON_TIMES = 3
WATCHED_MS = 30 * 60_000  # what rises later was not bought for what it is
WON_LEAST = 3  # tokens, below which it may be luck
WON_LEAST_PERCENT = 30  # of the tokens in which it was early: who buys all of them is early in winners too


@dataclass(frozen=True, slots=True)
class Early:
    """A wallet that was among the first buyers of `early` tokens, of which `won` rose since to several times its price."""

    wallet: str
    early: int
    won: int

    @property
    def rank(self) -> tuple[int, int, str]:
        """The better one is the smaller one: many winners, and few others."""
        return -self.won * self.won * 1_000 // self.early, -self.won, self.wallet


@dataclass(slots=True)
class _Token:
    """The first buyers of a token, and by wallet the lamports and raw tokens of what they bought as such."""

    launch: TokenLaunch
    buyers: dict[str, tuple[int, int]] = field(default_factory=dict)
    credited: set[str] = field(default_factory=set)


@dataclass(slots=True)
class EarlyBuyers:
    """Hears launches and trades. None of its methods waits."""

    _tokens: OrderedDict[str, _Token] = field(default_factory=OrderedDict)
    _early: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _won: dict[str, int] = field(default_factory=dict)

    def heard(self, event: TokenLaunch | CurveTrade) -> None:
        """Take a launch or a trade."""
        if isinstance(event, TokenLaunch):
            if event.mint not in self._tokens:
                self._tokens[event.mint] = _Token(event)
                if len(self._tokens) > TOKENS_MAX:
                    self._tokens.popitem(last=False)
            return
        token = self._tokens.get(event.mint)
        if token is None:
            return
        if event.seen_at_ms - token.launch.seen_at_ms > WATCHED_MS:
            del self._tokens[event.mint]
            return
        if event.is_buy:
            self._bought(token, event)
        self._credit(token, event.curve)

    def _bought(self, token: _Token, trade: CurveTrade) -> None:
        """The creator, and whoever bought in the slot of the launch, knew of it before: they are nobody to follow."""
        if trade.trader == token.launch.creator or trade.slot <= token.launch.slot or trade.token_raw <= 0:
            return
        known = token.buyers.get(trade.trader)
        if known is None:
            if len(token.buyers) >= BUYERS_MAX:
                return
            known = (0, 0)
            self._count(trade.trader)
        token.buyers[trade.trader] = (known[0] + trade.quote_lamports, known[1] + trade.token_raw)

    def _count(self, wallet: str) -> None:
        self._early[wallet] = self._early.get(wallet, 0) + 1
        self._early.move_to_end(wallet)
        if len(self._early) > WALLETS_MAX:
            gone, _ = self._early.popitem(last=False)
            self._won.pop(gone, None)

    def _credit(self, token: _Token, curve: Curve) -> None:
        """Whose price the token has reached several times over; the price of a curve is its virtual SOL per virtual token."""
        for wallet, (lamports, token_raw) in token.buyers.items():
            reached = curve.virtual_quote_lamports * token_raw >= WON_TIMES * lamports * curve.virtual_token_raw
            if reached and wallet not in token.credited:
                token.credited.add(wallet)
                if wallet in self._early:
                    self._won[wallet] = self._won.get(wallet, 0) + 1

    def best(self, most: int, besides: Collection[str] = ()) -> list[Early]:
        """Those with winners enough, the best first, without those that are named."""
        found = (
            Early(wallet, self._early[wallet], won)
            for wallet, won in self._won.items()
            if won >= WON_LEAST and 100 * won >= WON_LEAST_PERCENT * self._early[wallet] and wallet not in besides
        )
        return heapq.nsmallest(most, found, key=lambda one: one.rank)

    def counts(self) -> tuple[int, int]:
        """How many tokens are watched, and how many wallets are remembered."""
        return len(self._tokens), len(self._early)
