"""Double entry in lamports: the legs of an entry sum to zero, and a wallet's legs sum to what the chain shows there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.trading.fill import Fill, LandedTransaction
from bot.trading.intent import Side

# What the network takes for each signature; the rest of a transaction's fee is its priority. Our orders have one.
SIGNATURE_FEE_LAMPORTS = 5_000


class Account(StrEnum):
    """Where lamports are, or went. All accounts are those of one wallet, `TOKENS` and `RESULT` of one position too.

    `MARKET` is the other side of a trade as long as nobody has said what the tokens had cost; `at_cost` says it.
    """

    WALLET = "wallet"
    MARKET = "market"
    TOKENS = "tokens"  # what the market was paid for the tokens that are still held
    RESULT = "result"  # what sales brought less than the market was paid; a gain is negative
    PROTOCOL_FEE = "protocol_fee"
    CREATOR_FEE = "creator_fee"
    LP_FEE = "lp_fee"  # stays in a pool, for those whose liquidity it is
    NETWORK_FEE = "network_fee"
    PRIORITY_FEE = "priority_fee"
    TIP = "tip"  # what a block engine got for landing the order
    RENT = "rent"  # locked in the wallet's own token accounts, and comes back when they are closed
    PROGRAM_RENT = "program_rent"  # kept by the launchpad for good
    OUTSIDE = "outside"  # whoever put SOL in (negative), or got it
    LOST = "lost"  # what the market was paid for tokens that the chain no longer shows
    MOVED = "moved"  # what it was paid for tokens that were swept to their user's safe address: his still, and no loss


class EntryKind(StrEnum):
    """Why there is an entry; the first four belong to an order, the others name their evidence, a reversal has both."""

    FILL = "fill"
    FEE = "fee"
    CLOSING = "closing"  # rent that came back from emptied token accounts, and what closing them cost
    WITHDRAWAL = "withdrawal"  # SOL that its user sent to an address of his own, and what sending it cost
    OPENING = "opening"
    DEPOSIT = "deposit"
    OUTFLOW = "outflow"
    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"  # takes back the entry of a transaction that the network took back


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of an entry: positive lamports flow into the account."""

    account: Account
    lamports: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What one transaction on the chain did to one wallet, or what a look at the chain showed; its legs sum to zero.

    `signature` is the transaction's and `slot` where it landed, or where the chain was looked at. `landing` counts how
    often the network had taken the transaction back before.
    """

    kind: EntryKind
    wallet_id: str
    legs: tuple[Leg, ...]
    intent_id: str | None = None
    position_id: str | None = None
    signature: str | None = None
    slot: int | None = None
    evidence: str | None = None
    landing: int = 0

    @property
    def wallet_lamports(self) -> int:
        """What the entry changed in the wallet."""
        return self.sum_of(Account.WALLET)

    def sum_of(self, account: Account) -> int:
        """What the entry moved into an account, in lamports."""
        return sum(leg.lamports for leg in self.legs if leg.account is account)

    @property
    def tokens_lamports(self) -> int:
        """What the entry changed in the cost of the tokens that are held; older entries say it as the market's."""
        return sum(leg.lamports for leg in self.legs if leg.account in {Account.TOKENS, Account.MARKET})


def legs_of_fill(fill: Fill) -> tuple[Leg, ...]:
    """The legs of one fill, zero legs left out; they sum to zero."""
    market = fill.quote_lamports if fill.side is Side.BUY else -fill.quote_lamports
    legs = (
        Leg(Account.WALLET, fill.wallet_delta_lamports),
        Leg(Account.MARKET, market),
        Leg(Account.PROTOCOL_FEE, fill.protocol_fee_lamports),
        Leg(Account.CREATOR_FEE, fill.creator_fee_lamports),
        Leg(Account.LP_FEE, fill.lp_fee_lamports),
        *_network_legs(fill.network_fee_lamports),
        Leg(Account.TIP, fill.tip_lamports),
        Leg(Account.RENT, fill.rent_lamports),
        Leg(Account.PROGRAM_RENT, fill.other_lamports),
    )
    return _without_zeros(legs)


def legs_of_failed(network_fee_lamports: int) -> tuple[Leg, ...]:
    """The legs of a transaction that landed with an error: the network keeps its fee."""
    return _without_zeros((Leg(Account.WALLET, -network_fee_lamports), *_network_legs(network_fee_lamports)))


def legs_of_closing(landed: LandedTransaction, locked_lamports: Mapping[str, int]) -> tuple[Leg, ...]:
    """The legs of a transaction that closed emptied token accounts and did nothing else.

    `locked_lamports` is by mint what the ledger says that the wallet has locked as rent. Whatever came back beyond it had
    been put in by somebody else, or before the books began.
    """
    rent_lamports = sum(min(back, max(0, locked_lamports.get(mint, 0))) for mint, back in landed.closed.items())
    return _without_zeros(
        (
            Leg(Account.WALLET, landed.wallet_delta_lamports),
            *_network_legs(landed.network_fee_lamports),
            Leg(Account.RENT, -rent_lamports),
            Leg(Account.OUTSIDE, rent_lamports - sum(landed.closed.values())),
        )
    )


def legs_of_withdrawal(landed: LandedTransaction) -> tuple[Leg, ...]:
    """The legs of a transaction that sent SOL or a token out and did nothing else.

    What opened the receiver's account of a token went outside; what was in the wallet's own comes back where that was closed.
    """
    lamports, fee_lamports, rent_lamports = (
        landed.wallet_delta_lamports,
        landed.network_fee_lamports,
        landed.rent_delta_lamports,
    )
    return _without_zeros(
        (
            Leg(Account.WALLET, lamports),
            *_network_legs(fee_lamports),
            Leg(Account.RENT, rent_lamports),
            Leg(Account.OUTSIDE, -lamports - fee_lamports - rent_lamports),
        )
    )


def legs_of_strange(landed: LandedTransaction) -> tuple[Leg, ...]:
    """The legs of a transaction of ours that is not the trade it was signed for.

    All but its fee and the rent in the wallet's own token account came from outside, or went there.
    """
    lamports, fee_lamports = landed.wallet_delta_lamports, landed.network_fee_lamports
    return _without_zeros(
        (
            Leg(Account.WALLET, lamports),
            *_network_legs(fee_lamports),
            Leg(Account.RENT, landed.rent_delta_lamports),
            Leg(Account.OUTSIDE, -lamports - fee_lamports - landed.rent_delta_lamports),
        )
    )


def legs_of_brought(cost_lamports: int) -> tuple[Leg, ...]:
    """The legs of tokens that such a transaction brought: what it gave to the outside is what they had cost."""
    return _without_zeros((Leg(Account.OUTSIDE, -cost_lamports), Leg(Account.TOKENS, cost_lamports)))


def at_cost(legs: Sequence[Leg], *, cost_lamports: int, held_raw: int, sold_raw: int) -> tuple[Leg, ...]:
    """The legs of a fill with the market's leg divided into what the tokens had cost and the gain or loss on them.

    `cost_lamports` is what the account `TOKENS` of the position holds before the fill, for `held_raw` tokens. A buy
    sells none and its tokens cost what it paid. A sale takes its share of the cost, rounded down, and the last one all
    that is left, as positions do, even where it brought nothing at all; tokens that the books do not hold had cost
    nothing.
    """
    market_lamports = sum(leg.lamports for leg in legs if leg.account is Account.MARKET)
    others = [leg for leg in legs if leg.account is not Account.MARKET]
    if not sold_raw:
        return _without_zeros((*others, Leg(Account.TOKENS, market_lamports)))
    cost_sold = _share(cost_lamports, sold_raw, held_raw)
    return _without_zeros((*others, Leg(Account.TOKENS, -cost_sold), Leg(Account.RESULT, market_lamports + cost_sold)))


def reversing(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """The legs that undo these."""
    return tuple(Leg(leg.account, -leg.lamports) for leg in legs)


def legs_of_outside(lamports: int) -> tuple[Leg, ...]:
    """The legs of SOL that came into the wallet from outside, or left it where `lamports` is negative."""
    return _without_zeros((Leg(Account.WALLET, lamports), Leg(Account.OUTSIDE, -lamports)))


def legs_of_sold_outside(lamports: int, cost_lamports: int, *, held_raw: int, missing_raw: int) -> tuple[Leg, ...]:
    """The legs of tokens that somebody else's transaction sold for `lamports`, its fees apart, which came to the wallet."""
    cost_sold = _share(cost_lamports, missing_raw, held_raw)
    return _without_zeros(
        (
            Leg(Account.WALLET, lamports),
            Leg(Account.TOKENS, -cost_sold),
            Leg(Account.RESULT, cost_sold - lamports),
        )
    )


def legs_of_lost(cost_lamports: int, *, held_raw: int, missing_raw: int) -> tuple[Leg, ...]:
    """The legs of tokens that the chain no longer shows, of `held_raw` that stand in the books at `cost_lamports`."""
    cost_lost = _share(cost_lamports, missing_raw, held_raw)
    return _without_zeros((Leg(Account.TOKENS, -cost_lost), Leg(Account.LOST, cost_lost)))


def legs_of_moved(cost_lamports: int, *, held_raw: int, missing_raw: int) -> tuple[Leg, ...]:
    """The legs of tokens that were swept to their user's safe address: they go at what they had cost."""
    cost_moved = _share(cost_lamports, missing_raw, held_raw)
    return _without_zeros((Leg(Account.TOKENS, -cost_moved), Leg(Account.MOVED, cost_moved)))


def _share(cost_lamports: int, part_raw: int, held_raw: int) -> int:
    return cost_lamports * part_raw // held_raw if part_raw < held_raw else cost_lamports


def _network_legs(fee_lamports: int) -> tuple[Leg, Leg]:
    signature_lamports = min(fee_lamports, SIGNATURE_FEE_LAMPORTS)
    return (
        Leg(Account.NETWORK_FEE, signature_lamports),
        Leg(Account.PRIORITY_FEE, fee_lamports - signature_lamports),
    )


def _without_zeros(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    return tuple(leg for leg in legs if leg.lamports)
