"""What somebody traded in a backtest, read from his books alone: each position with its costs, and what failed."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from bot.ports import BookedEntry, Chain, Store, User
from bot.trading.curve import QuoteError
from bot.trading.intent import Mode, Side
from bot.trading.ledger import Account, EntryKind
from bot.trading.own_impact import with_own
from bot.trading.venue import quote_sell

PAGE = 5_000
FEES = (
    Account.PROTOCOL_FEE,
    Account.CREATOR_FEE,
    Account.LP_FEE,
    Account.NETWORK_FEE,
    Account.PRIORITY_FEE,
    Account.TIP,
)
STILL_OPEN = "still open"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One position from its first buy to its end, all fees in it.

    `paid_lamports` is what its buys took without the rent, which comes back; `net_lamports` what it made in all. One that is
    `still open` is counted at what a sale would have brought at the end, without the network's cost of it.
    `confidence_bps` is the opinion's that it was bought by, None for whoever has none.
    """

    mint: str
    opened_ms: int
    closed_ms: int
    paid_lamports: int
    net_lamports: int
    fees_lamports: int
    reason: str
    confidence_bps: int | None = None

    @property
    def change(self) -> float:
        """The result as a share of what was paid."""
        return self.net_lamports / self.paid_lamports if self.paid_lamports else 0.0


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a token: what became of it and why, and by which confidence."""

    mint: str
    at_ms: int
    status: str
    reason: str
    confidence_bps: int


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What one set or baseline did. `failed` orders traded nothing and cost `failed_lamports`."""

    name: str
    trades: tuple[Trade, ...]
    looks: tuple[Look, ...]
    failed: int
    failed_lamports: int
    troubles: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sum:
    """A position's entries, as they are added up."""

    mint: str = ""
    opened_ms: int = 0
    closed_ms: int = 0
    paid: int = 0
    wallet: int = 0
    fees: int = 0
    reason: str = ""
    entries: list[BookedEntry] = field(default_factory=list)

    def add(self, booked: BookedEntry) -> None:
        legs = booked.entry.legs
        wallet = sum(leg.lamports for leg in legs if leg.account is Account.WALLET)
        rent = sum(leg.lamports for leg in legs if leg.account is Account.RENT)
        self.wallet += wallet
        self.fees += sum(leg.lamports for leg in legs if leg.account in FEES)
        if booked.side is Side.BUY and booked.entry.kind is EntryKind.FILL:
            self.mint, self.opened_ms = booked.mint, self.opened_ms or booked.at_ms
            self.paid += -wallet - rent
        else:
            self.closed_ms, self.reason = booked.at_ms, booked.reason or self.reason


async def played_by(store: Store, chain: Chain, user: User) -> Played:
    """Everything that a user's books say of mode paper."""
    entries = await booked_entries(store, user.id)
    runs = await store.runs_since(user.id, 0)
    confidence = {run.mint: run.confidence_bps for run in runs}
    sums: dict[str, _Sum] = {}
    failed, failed_lamports = 0, 0
    for booked in entries:
        if booked.entry.position_id is not None:
            sums.setdefault(booked.entry.position_id, _Sum()).add(booked)
        elif booked.entry.kind is EntryKind.FEE:
            failed += 1
            failed_lamports -= booked.entry.wallet_lamports
    left = {position.id: position for position in await store.open_positions(user.id)}
    trades = []
    for position_id, one in sums.items():
        net, reason = one.wallet, one.reason
        if position_id in left:
            net, reason = net + await _worth(chain, one.mint, left[position_id].token_raw), STILL_OPEN
        trades.append(
            Trade(
                mint=one.mint,
                opened_ms=one.opened_ms,
                closed_ms=max(one.closed_ms, one.opened_ms),
                paid_lamports=one.paid,
                net_lamports=net,
                fees_lamports=one.fees,
                reason=reason,
                confidence_bps=confidence.get(one.mint),
            )
        )
    looks = [
        Look(
            mint=run.mint,
            at_ms=run.created_at_ms,
            status=run.status,
            reason=run.reason,
            confidence_bps=run.confidence_bps,
        )
        for run in runs
    ]
    return Played(
        name=user.handle,
        trades=tuple(sorted(trades, key=lambda one: (one.opened_ms, one.mint))),
        looks=tuple(sorted(looks, key=lambda one: (one.at_ms, one.mint))),
        failed=failed,
        failed_lamports=failed_lamports,
    )


async def booked_entries(store: Store, user_id: str) -> list[BookedEntry]:
    """All of a user's, oldest first."""
    found: list[BookedEntry] = []
    before: int | None = None
    while page := await store.booked(user_id, Mode.PAPER, PAGE, before):
        found += page
        before = page[-1].number
    return found[::-1]


async def _worth(chain: Chain, mint: str, token_raw: int) -> int:
    try:
        return quote_sell(with_own(await chain.venue(mint), token_raw), token_raw, await chain.fees()).received_lamports
    except QuoteError:
        return 0
