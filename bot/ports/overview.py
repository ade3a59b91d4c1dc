"""What the operator's views ask of storage: the program's sums in a few statements, however many users there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.trading.intent import Mode
from bot.trading.position import Position


@dataclass(frozen=True, slots=True)
class ModeSums:
    """What all users hold in one mode now, and what they did in it since a moment.

    `deployed_lamports` is the cost of what is held, `reserved_lamports` what buys on their way may still take.
    `unproven` orders may have landed. `won` and `lost` are positions that closed with a gain, and without one.
    `fees_lamports` is what trades and failed orders paid to program, creators and network; it is contained in
    `realized_lamports`, the net result of sales and failed orders.
    """

    mode: Mode
    open_positions: int
    deployed_lamports: int
    reserved_lamports: int
    unproven: int
    buys: int
    sells: int
    failed: int
    won: int
    lost: int
    realized_lamports: int
    fees_lamports: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The program's rows in short. `modes` holds one entry for each mode, in the order of `Mode`.

    `signals` counts looks of snipers since the moment that ended in more than a skip. `followed` counts the addresses
    that anybody tracks. `last_trade_at_ms` is the block time of the newest trade ever, None before the first.
    """

    users: int
    wallets: int
    snipers: int
    followed: int
    signals: int
    last_trade_at_ms: int | None
    modes: tuple[ModeSums, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a thing is: the user's handle, and the mint where the thing is a position."""

    handle: str
    mint: str | None


@dataclass(frozen=True, slots=True)
class Connections:
    """The database's connection pool at this moment: those that are open, those in use, and the most there may be.

    `wanted` is how many are in use or waited for: more than `most` where somebody has to wait.
    """

    opened: int
    used: int
    most: int
    wanted: int


class OverviewStore(Protocol):
    async def overview(self, since_ms: int) -> Overview:
        """The sums of now and since a moment."""

    async def owners(self, ids: Sequence[str]) -> dict[str, Owner]:
        """Whose users, wallets and positions these are, by id; unknown ids are left out."""

    async def oldest_positions(self, limit: int) -> list[Position]:
        """The open positions of all users that were opened first."""

    async def latest_messages(self, kinds: Sequence[str], limit: int) -> list[OutboxMessage]:
        """The messages of these kinds that were written last, delivered or not, newest first."""

    def connections(self) -> Connections:
        """The pool's own counts; nothing is asked of the database."""
