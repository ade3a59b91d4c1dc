"""What was told already, by a stream's connections or by several sources: each event once, and counts. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.trading.launch import (
    CurveLeft,
    CurveTrade,
    LaunchpadEvent,
    StreamEvent,
    TokenLaunch,
    ToldTwice,
    says_the_same,
    told_twice,
)

REMEMBERED = 16_384  # transactions; minutes of a busy launchpad


class ToldEvents:
    """Which connection told of which event first, so that a later connection does not tell it again.

    An event is known by its transaction's signature and its place there. The same connection may repeat one: nodes do
    when a transaction lands again on another fork. So may another one that does not say the same: one of them lies.
    """

    def __init__(self) -> None:
        self._by_signature: OrderedDict[str, dict[int, tuple[int, LaunchpadEvent]]] = OrderedDict()

    def knows(self, signature: str) -> bool:
        """Whether some connection told of a transaction."""
        return signature in self._by_signature

    def news(self, event: LaunchpadEvent, index: int, connection: int) -> LaunchpadEvent | ToldTwice | None:
        """What is to be handed on: the event itself, unless another connection told it alike; then that two have, or nothing."""
        told = self._by_signature.setdefault(event.signature, {})
        if len(self._by_signature) > REMEMBERED:
            self._by_signature.popitem(last=False)
        first_connection, first = told.setdefault(index, (connection, event))
        if first_connection == connection:
            told[index] = connection, event
            return event
        return told_twice(first, event) if says_the_same(first, event) else event


class ToldByAnyone:
    """What several sources told, known by what it says and not by who said it.

    A transaction that landed again on another fork says something else: another slot, or other reserves.
    """

    def __init__(self) -> None:
        self._by_signature: OrderedDict[str, dict[tuple[object, ...], StreamEvent]] = OrderedDict()

    def knows(self, signature: str) -> bool:
        """Whether some source told of a transaction."""
        return signature in self._by_signature

    def told_before(self, event: LaunchpadEvent | CurveLeft) -> StreamEvent | None:
        """The event as it was told already; None otherwise, and then it is noted."""
        said: tuple[object, ...] = (type(event), event.mint)
        if isinstance(event, TokenLaunch):
            said += (event.slot,)
        elif isinstance(event, CurveTrade):
            said += (event.slot, event.curve.virtual_token_raw, event.curve.virtual_quote_lamports)
        told = self._by_signature.setdefault(event.signature, {})
        if len(self._by_signature) > REMEMBERED:
            self._by_signature.popitem(last=False)
        if said in told:
            return told[said]
        told[said] = event
        return None


@dataclass(slots=True)
class StreamStatistics:
    """Counts since the stream was made. Of `cut` logs the transaction was looked up; `lost` ones could not be read.

    `heard` counts notifications of any kind, `switches` turns to another endpoint, `repeated` the events that came again
    from another connection and were dropped, `gaps` the times that nobody was followed, `repaired` the transactions that
    were read afterwards, `unrepaired` the gaps of which nobody said in time what was missed, or which were too long.
    """

    heard: int = 0
    transactions: int = 0
    failed_transactions: int = 0
    events: int = 0
    cut: int = 0
    lost: int = 0
    repeated: int = 0
    switches: int = 0
    gaps: int = 0
    repaired: int = 0
    unrepaired: int = 0
    last_slot: int | None = None
