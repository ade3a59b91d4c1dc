"""Double entry in lamports: the legs of a fill sum to zero, and the wallet's leg is its change on the chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.trading.fill import Fill
from bot.trading.intent import Side


class Account(StrEnum):
    WALLET = "wallet"
    MARKET = "market"
    PROTOCOL_FEE = "protocol_fee"
    CREATOR_FEE = "creator_fee"
    NETWORK_FEE = "network_fee"
    RENT = "rent"
    PROGRAM_RENT = "program_rent"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of an entry: positive lamports flow into the account."""

    account: Account
    lamports: int


def legs_of_fill(fill: Fill) -> tuple[Leg, ...]:
    """The legs of one fill, zero legs left out; they sum to zero."""
    market = fill.quote_lamports if fill.side is Side.BUY else -fill.quote_lamports
    legs = (
        Leg(Account.WALLET, fill.wallet_delta_lamports),
        Leg(Account.MARKET, market),
        Leg(Account.PROTOCOL_FEE, fill.protocol_fee_lamports),
        Leg(Account.CREATOR_FEE, fill.creator_fee_lamports),
        Leg(Account.NETWORK_FEE, fill.network_fee_lamports),
        Leg(Account.RENT, fill.rent_lamports),
        Leg(Account.PROGRAM_RENT, fill.other_lamports),
    )
    return tuple(leg for leg in legs if leg.lamports)


def legs_of_failed(network_fee_lamports: int) -> tuple[Leg, ...]:
    """The legs of a transaction that landed with an error: the network keeps its fee."""
    return (Leg(Account.WALLET, -network_fee_lamports), Leg(Account.NETWORK_FEE, network_fee_lamports))
