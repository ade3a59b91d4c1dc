"""The port `ChainNews` over the endpoints' WebSockets: one connection to each of two endpoints for everything wanted by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import NoReturn

import msgspec
import structlog

from bot.chain import addresses as at
from bot.chain import wire
from bot.chain.pumpfun import curve_in
from bot.chain.raced_news import RacedNews
from bot.chain.rpc import account_data
from bot.chain.subscriptions import Notification, Subscribe
from bot.errors import ChainUnavailable, DecodeError
from bot.ports import NewsHealth, NewsListener

# What a fill is settled at; a signature is told of once, and the subscription is over then.
CONFIRMED = {"commitment": "confirmed"}
# A curve tells what it holds as soon as the logs do. Of a pool it is its SOL, which every trade moves.
CURVE = {"encoding": "base64", "commitment": "processed"}
VAULT = {"encoding": "base64", "commitment": "confirmed", "dataSlice": {"offset": 64, "length": 8}}
# Of all subscriptions of a connection, what reserves have at most: the rest is for signatures, which come and go.
RESERVES_OF_THREE = 2

_account = msgspec.json.Decoder(wire.InContext[wire.Account])

log = structlog.get_logger()


class EndpointNews:
    """What `RacedNews` tells, for a listener; `most` subscriptions to a connection.

    With `others` to ask, what a connection tells is the word of its endpoint alone.
    """

    def __init__(self, raced: RacedNews, *, most: int, others: bool) -> None:
        self._raced = raced
        self._most = most
        self._others = others
        self._signatures: dict[str, Subscribe] = {}
        self._held: dict[str, tuple[str, bool]] = {}  # by account: its mint, and whether that trades in its pool
        self._listener: NewsListener | None = None

    def __repr__(self) -> str:
        return f"<EndpointNews {len(self._signatures)} signatures, {len(self._held)} accounts, {self._raced!r}>"

    def health(self) -> NewsHealth:
        return self._raced.health()

    def want_signatures(self, signatures: Collection[str]) -> None:
        wanted = list(islice(signatures, self._most))
        if wanted != list(self._signatures):
            self._signatures = {one: Subscribe("signatureSubscribe", [one, CONFIRMED]) for one in wanted}
            self._want()

    def want_reserves(self, on_curves: Sequence[str], in_pools: Sequence[str]) -> None:
        wanted = [*((mint, False) for mint in on_curves), *((mint, True) for mint in in_pools)]
        room = self._most * RESERVES_OF_THREE // 3
        held = {_account_of(*one): one for one in wanted[:room]}
        if held != self._held:
            self._held = held
            self._want()

    def _want(self) -> None:
        wanted = {
            account: Subscribe("accountSubscribe", [account, VAULT if in_pool else CURVE])
            for account, (_, in_pool) in self._held.items()
        }
        self._raced.want(wanted | dict(islice(self._signatures.items(), self._most - len(wanted))))

    async def follow(self, listener: NewsListener) -> NoReturn:
        self._listener = listener
        await self._raced.follow(self)

    # What a connection tells

    def stands(self, teller: str) -> None:  # noqa: ARG002 - whoever it is, something may have been missed
        """A signature that landed before is told all the same; whatever reserves were told before may be old by now."""
        for mint, _ in self._held.values():
            self._heard_by.doubt(mint)

    def take(self, teller: str, notification: Notification) -> None:
        """Raises ChainUnavailable for an account of another shape."""
        if notification.method == "signatureNotification":
            self._heard_by.landed(notification.about)
        elif notification.method == "accountNotification" and (held := self._held.get(notification.about)) is not None:
            mint, in_pool = held
            try:
                told = _account.decode(notification.result)
            except wire.UNREADABLE:
                raise ChainUnavailable(f"{teller}: an account of another shape") from None
            if in_pool:
                self._heard_by.doubt(mint)
            else:
                self._take_curve(teller, mint, told)

    def _take_curve(self, teller: str, mint: str, told: wire.InContext[wire.Account]) -> None:
        """What it holds is told, its endpoint's word; where it says no more than that it is another, it is to be read."""
        try:
            curve = curve_in(account_data(told.value), told.context.slot, teller if self._others else "")
        except DecodeError as error:
            log.info("told_account_not_read", mint=mint, endpoint=teller, reason=str(error))
            self._heard_by.doubt(mint)
            return
        self._heard_by.reserves(mint, curve)
        if curve.complete:  # its pool may be there already
            self._heard_by.doubt(mint)

    @property
    def _heard_by(self) -> NewsListener:
        assert self._listener is not None, "a connection stands only while somebody listens"
        return self._listener


def _account_of(mint: str, in_pool: bool) -> str:
    """The account that changes with each trade of a mint: its curve, or its pool's SOL."""
    return str(at.wrapped_sol(at.canonical_pool(at.key_from(mint)))) if in_pool else at.curve_address(mint)
