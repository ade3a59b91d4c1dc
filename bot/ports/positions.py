"""What users hold and what it made them, and the prices by which it is watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.ports.tracking import WalletMove
from bot.trading.breaker import UserDay
from bot.trading.intent import Mode
from bot.trading.position import Position
from bot.trading.venue import Venue


@dataclass(frozen=True, slots=True)
class Day:
    """A user's or the program's sums since a moment: trades, and net PnL in lamports.

    The fees of failed orders are in it, and what tokens had cost that left without an order of ours.
    """

    buys: int
    sells: int
    failed: int
    realized_lamports: int


class PositionStore(Protocol):
    async def position(self, position_id: str) -> Position | None:
        """A position as it stands, open or closed; None for an unknown id."""

    async def open_positions(self, user_id: str | None = None) -> list[Position]:
        """The open positions of one user in every mode, or of all, oldest first."""

    async def remembered_positions(self, user_id: str) -> list[Position]:
        """A user's open positions, for whoever is in a hurry: of a store that saw every change of them, nobody is asked."""

    async def remembered_position(self, position_id: str) -> Position | None:
        """An open position as this process last saw it; None for one that it does not know to be open."""

    def is_remembered(self, position: Position) -> bool:
        """Whether this process last saw an open position exactly so; it waits for nobody, and one that does not know says no."""

    async def recent_positions(self, user_id: str, limit: int) -> list[Position]:
        """Open ones first, the newest of them first; then the closed ones, the latest closed first."""

    async def day(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> Day:
        """Sums since a moment; the modes are never mixed for a user's eyes: None, every mode, is for the program's own."""

    async def user_days(self, since_ms: Mapping[str, int]) -> dict[str, UserDay]:
        """Of each user, by id, his sums since his own moment, in the mode that he is in; one look for all of them."""

    async def note_peak(self, position_id: str, peak_lamports: int, *, token_raw: int) -> None:
        """Remember the highest quote seen for the `token_raw` held, in lamports; a lower one changes nothing.

        A quote for another quantity than the row's, or for a closed position, is left out: it came too late. Raises
        LookupError for an unknown position.
        """

    async def adjust(
        self,
        position_id: str,
        chain_token_raw: int,
        *,
        evidence: str,
        now_ms: int,
        message: OutboxMessage,
        by: WalletMove | None = None,
        sweep_id: str | None = None,
    ) -> Position:
        """Take the chain's quantity for an open position and write an adjustment row with its evidence; 0 closes it.

        Its cost shrinks by the missing share, and what that had cost is lost: it counts in its result and in its
        day's. Tokens that came from outside cost nothing. `by` is the transaction that moved the tokens, where one is
        known: its lamports are booked in the same entry, and what it brought for tokens that left counts in the
        result. Nothing is written where that transaction has an entry already, or is an order of ours. `sweep_id` is
        the sweep that sent the missing tokens to their user's safe address: they leave at what they had cost, and are
        no loss. Raises LookupError for an unknown position, Conflict for a closed one.
        """


@dataclass(frozen=True, slots=True)
class PricePoint:
    """The newest reserves of a mint, where it trades, and when they were seen, in milliseconds since 1970.

    `is_late` says that they come from an event that was told slots after it happened: more may have happened since.
    """

    venue: Venue
    seen_at_ms: int
    is_late: bool = False


class Prices(Protocol):
    def latest(self, mint: str) -> PricePoint | None:
        """The newest known reserves of a mint that somebody watches, else None."""
