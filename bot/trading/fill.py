"""What a landed transaction did to a wallet, and the fill that follows from it. Never computed from a quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.trading.intent import Side


@dataclass(frozen=True, slots=True)
class LandedTransaction:
    """The evidence of one landed transaction, read from the chain for one wallet and one mint.

    `wallet_delta_lamports` and `token_delta_raw` are post minus pre balances of the wallet and of its token account.
    `rent_delta_lamports` is the change of lamports locked in the wallet's own token account of the mint (positive: locked).
    `trade` is the launchpad's event inside it, absent when the transaction failed or traded nothing of this mint.
    `tip_lamports` is what the wallet gave a block engine in it, `compute_units` what it used, None where nobody says it.
    `closed` has by mint the lamports that were in each of the wallet's token accounts that it closed. `borne_out` says
    that a second endpoint shows the same, or that there is no other to ask; `denied` that another one does not show it.
    `failed_program` is the program that gave `program_error`, by its name here or its address; None where no log says it.
    """

    signature: str
    slot: int
    block_time_s: int
    error: str | None
    program_error: int | None
    network_fee_lamports: int
    wallet_delta_lamports: int
    token_delta_raw: int
    rent_delta_lamports: int
    trade: TradeEvidence | None
    tip_lamports: int = 0
    compute_units: int | None = None
    closed: Mapping[str, int] = field(default_factory=dict)
    borne_out: bool = True
    denied: bool = False
    failed_program: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TradeEvidence:
    """Amounts of the trade event of the launchpad, or of the pool, where alone there is a fee for liquidity."""

    is_buy: bool
    token_raw: int
    quote_lamports: int
    protocol_fee_lamports: int
    creator_fee_lamports: int
    lp_fee_lamports: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """One settled trade. All parts are non-negative except `rent_lamports`, which is negative when rent came back.

    For a buy `wallet_delta_lamports = -(quote + protocol + creator + lp + network + tip + rent + other)`; for a sale
    `wallet_delta_lamports = quote - protocol - creator - lp - network - tip - rent - other`. `other_lamports` holds what the
    program takes once and never returns: accounts it opens for a wallet or a creator.
    """

    signature: str
    slot: int
    block_time_s: int
    side: Side
    token_raw: int
    quote_lamports: int
    protocol_fee_lamports: int
    creator_fee_lamports: int
    network_fee_lamports: int
    rent_lamports: int
    other_lamports: int
    wallet_delta_lamports: int
    lp_fee_lamports: int = 0
    tip_lamports: int = 0

    @property
    def cost_lamports(self) -> int:
        """What a buy cost for good: everything that left the wallet but the refundable rent."""
        return -self.wallet_delta_lamports - self.rent_lamports

    @property
    def basis_lamports(self) -> int:
        """The cost of a buy without what the program takes once: what a price has to win back, and an exit measures."""
        return self.cost_lamports - self.other_lamports

    @property
    def proceeds_lamports(self) -> int:
        """What a sale brought net of every fee, refunded rent apart; may be negative for dust."""
        return self.wallet_delta_lamports + self.rent_lamports


@dataclass(frozen=True, slots=True)
class Brought:
    """Tokens of a purchase that landed and is not the trade it was signed for: no fill, and all the same in the wallet.

    They join the open position of their wallet, mint and mode, or open `position_id`, at `cost_lamports`: what left the
    wallet in that transaction without its network fee and without rent that comes back.
    """

    position_id: str
    token_raw: int
    cost_lamports: int
    signature: str
    slot: int
    evidence: str


def brought_by(landed: LandedTransaction, side: Side, position_id: str) -> Brought | None:
    """What a transaction that shows no trade of its order brought in tokens all the same; None for nothing and for a sale."""
    if side is not Side.BUY or landed.token_delta_raw <= 0:
        return None
    left_lamports = -landed.wallet_delta_lamports - landed.rent_delta_lamports - landed.network_fee_lamports
    evidence = (
        f"transaction {landed.signature} in slot {landed.slot} brought {landed.token_delta_raw} raw tokens and changed the"
        f" wallet by {landed.wallet_delta_lamports} lamports; it is not the trade that it was signed for"
    )
    return Brought(position_id, landed.token_delta_raw, max(0, left_lamports), landed.signature, landed.slot, evidence)


class EvidenceError(ValueError):
    """A landed transaction does not show the trade that its intent asked for; a person has to look at it."""


def fill_from(landed: LandedTransaction, side: Side) -> Fill:
    """The fill that a landed, successful transaction proves; raises EvidenceError when its parts do not add up."""
    trade = landed.trade
    if landed.error is not None or trade is None:
        raise EvidenceError(f"{landed.signature} shows no trade")
    moved_raw = trade.token_raw if side is Side.BUY else -trade.token_raw
    if trade.is_buy != (side is Side.BUY) or landed.token_delta_raw != moved_raw:
        raise EvidenceError(f"{landed.signature} moved {landed.token_delta_raw} tokens, not the {side} of its event")
    trading_fees = trade.protocol_fee_lamports + trade.creator_fee_lamports + trade.lp_fee_lamports
    fees = trading_fees + landed.network_fee_lamports + landed.tip_lamports
    gross = -trade.quote_lamports if side is Side.BUY else trade.quote_lamports
    other = gross - fees - landed.rent_delta_lamports - landed.wallet_delta_lamports
    if other < 0:
        raise EvidenceError(f"{landed.signature} left {-other} lamports more in the wallet than its event explains")
    return Fill(
        signature=landed.signature,
        slot=landed.slot,
        block_time_s=landed.block_time_s,
        side=side,
        token_raw=trade.token_raw,
        quote_lamports=trade.quote_lamports,
        protocol_fee_lamports=trade.protocol_fee_lamports,
        creator_fee_lamports=trade.creator_fee_lamports,
        network_fee_lamports=landed.network_fee_lamports,
        rent_lamports=landed.rent_delta_lamports,
        other_lamports=other,
        wallet_delta_lamports=landed.wallet_delta_lamports,
        lp_fee_lamports=trade.lp_fee_lamports,
        tip_lamports=landed.tip_lamports,
    )
