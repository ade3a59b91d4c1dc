"""What a wallet's unsettled orders are proven to have done to it, so that it can be compared while one is on its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.ports import Chain, Store, Wallet, WalletBalances
from bot.trading.intent import MAY_LAND, Attempt, Intent


@dataclass(frozen=True, slots=True)
class UnderWay:
    """`lamports` and `token_raw`, by mint, are what unsettled transactions changed in a wallet up to a look at it.

    `mints` are the tokens of whatever has no outcome in the books, landed or not; `undecided` says that an order is among
    it, and not only attempts beside one that filled theirs.
    """

    lamports: int = 0
    token_raw: Mapping[str, int] = field(default_factory=dict)
    mints: frozenset[str] = frozenset()
    undecided: bool = False

    def taken_from(self, look: WalletBalances) -> WalletBalances:
        """The look as it would be without what the books do not have yet; a token may come out below zero."""
        token_raw = dict(look.token_raw)
        for mint, raw in self.token_raw.items():
            token_raw[mint] = token_raw.get(mint, 0) - raw
        return replace(look, lamports=look.lamports - self.lamports, token_raw=token_raw)


async def under_way(store: Store, chain: Chain, wallet: Wallet, slot: int) -> UnderWay | None:
    """What orders without an outcome in the books did to a wallet up to `slot`; None when that cannot be said now.

    To be asked after the look of that slot: what no endpoint knows by then had not landed. Every attempt that may land
    counts, those beside a fill too. Raises StoreUnavailable or ChainUnavailable.
    """
    undecided = await store.in_flight()
    unproven = await store.unproven()
    rows = (*undecided, *unproven)
    mine = [(intent, attempts) for intent, attempts in rows if intent.request.wallet_id == wallet.id]
    mints = frozenset(mint for intent, _ in mine for mint in intent.request.closes or (intent.request.mint,) if mint)
    may_land = [(intent, attempt) for intent, attempts in mine for attempt in attempts if attempt.state in MAY_LAND]
    lamports, token_raw = 0, Counter[str]()
    for intent, attempt in await _landed_by(chain, may_land, slot) if may_land else ():
        done = await chain.landed(attempt.signature, wallet.address, intent.request.mint, attempt.raw)
        if done is None or not done.borne_out:
            return None
        lamports += done.wallet_delta_lamports
        if intent.request.mint:  # what has none moves no tokens
            token_raw[intent.request.mint] += done.token_delta_raw
    return UnderWay(lamports, token_raw, mints, any(row.request.wallet_id == wallet.id for row, _ in undecided))


async def _landed_by(chain: Chain, asked: list[tuple[Intent, Attempt]], slot: int) -> list[tuple[Intent, Attempt]]:
    """Those that any endpoint has confirmed in a slot up to this one, with an error or without."""
    seen = await chain.sightings([attempt.signature for _, attempt in asked])
    statuses = [[sighting.status for sighting in sightings] for sightings in seen]
    return [
        one
        for one, told in zip(asked, statuses, strict=True)
        if any(status is not None and status.settled and status.slot <= slot for status in told)
    ]
