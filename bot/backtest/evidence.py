"""What was decided and what was filled in a play, as its rows have it and without their names: for two plays to be compared."""

from __future__ import annotations

import msgspec

from bot.backtest.trades import booked_entries
from bot.ports import Chain, Store, User
from bot.trading.intent import Side


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A snipe run: one look of one set at one token, and each part of the opinion with its evidence."""

    at_ms: int
    mint: str
    status: str
    reason: str
    confidence_bps: int
    version: str
    components: tuple[tuple[str, int, str], ...]


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the ledger about a token: what an order did to each account, in lamports, and what it moved in raw tokens.

    An order that failed has one as well, of kind `fee`; its price is `lamports` of the wallet over `token_raw`.
    """

    at_ms: int
    mint: str
    kind: str
    side: str
    token_raw: int
    lamports: int
    legs: tuple[tuple[str, int], ...]
    reason: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of one set or baseline, in the order of tokens and, of one token, of time."""

    name: str
    decisions: tuple[Decision, ...]
    fills: tuple[Fill, ...]


async def evidence_of(store: Store, chain: Chain, user: User) -> Evidence:  # noqa: ARG001 - the rows alone say it
    """Everything that a user's rows of mode paper say."""
    decisions = [
        Decision(
            at_ms=run.created_at_ms,
            mint=run.mint,
            status=run.status,
            reason=run.reason,
            confidence_bps=run.confidence_bps,
            version=run.version,
            components=tuple((one.name, one.bps, one.evidence) for one in run.components),
        )
        for run in await store.runs_since(user.id, 0)
    ]
    fills = [
        Fill(
            at_ms=booked.at_ms,
            mint=booked.mint,
            kind=booked.entry.kind.value,
            side="" if booked.side is None else Side(booked.side).value,
            token_raw=booked.token_raw,
            lamports=booked.entry.wallet_lamports,
            legs=tuple(sorted((leg.account.value, leg.lamports) for leg in booked.entry.legs)),
            reason=booked.reason,
        )
        for booked in await booked_entries(store, user.id)
        if booked.mint
    ]
    return Evidence(
        name=user.handle,
        decisions=tuple(sorted(decisions, key=lambda one: (one.mint, one.at_ms))),
        fills=tuple(sorted(fills, key=lambda one: (one.mint, one.at_ms, one.side, one.lamports))),
    )
