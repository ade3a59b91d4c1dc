"""What the launch stream tells: a new token, each trade on its curve, that two have told it, and that a curve has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.trading.curve import Curve


@dataclass(frozen=True, slots=True)
class TokenLaunch:
    """A new launchpad token, whatever source told of it. Keys are base58; `curve` is the state right after creation."""

    mint: str
    name: str
    symbol: str
    uri: str
    creator: str
    token_program: str
    curve: Curve
    signature: str
    slot: int
    seen_at_ms: int
    source: str


@dataclass(frozen=True, slots=True)
class CurveTrade:
    """One trade on a bonding curve; `curve` is its state right after, `quote_lamports` is without fees."""

    mint: str
    trader: str
    is_buy: bool
    token_raw: int
    quote_lamports: int
    curve: Curve
    signature: str
    slot: int
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class CurveLeft:
    """Somebody says that a token has left its curve for its pool. Nothing follows from it but a look at the chain."""

    mint: str
    signature: str
    seen_at_ms: int


LaunchpadEvent = TokenLaunch | CurveTrade


@dataclass(frozen=True, slots=True)
class ToldTwice:
    """A launch or trade that one told is now told alike by another: it is nobody's single word any more.

    `event` is as it was told first, and the `told_by` of its curve is empty.
    """

    event: LaunchpadEvent
    seen_at_ms: int

    @property
    def mint(self) -> str:
        return self.event.mint

    @property
    def signature(self) -> str:
        return self.event.signature


StreamEvent = LaunchpadEvent | CurveLeft | ToldTwice


def told_twice(first: LaunchpadEvent, again: LaunchpadEvent) -> ToldTwice | None:
    """What follows from an event that is told again; None where both are one's word, or do not say the same."""
    voices = (first.curve.told_by, again.curve.told_by)
    if not voices[0] or voices[0] == voices[1] or not says_the_same(first, again):
        return None
    return ToldTwice(replace(first, curve=replace(first.curve, told_by="")), again.seen_at_ms)


def says_the_same(one: LaunchpadEvent, other: LaunchpadEvent) -> bool:
    """Whether two tell alike of one transaction: when it was seen, and its slot, are everybody's own."""
    return _said(one) == _said(other)


def _said(event: LaunchpadEvent) -> tuple[object, ...]:
    curve = event.curve
    reserves = (
        curve.virtual_token_raw,
        curve.virtual_quote_lamports,
        curve.real_token_raw,
        curve.real_quote_lamports,
        curve.creator,
    )
    if isinstance(event, TokenLaunch):
        return (event.signature, event.mint, event.creator, event.token_program, event.name, *reserves)
    return (event.signature, event.mint, event.trader, event.is_buy, event.token_raw, event.quote_lamports, *reserves)
