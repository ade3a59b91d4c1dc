"""Withdrawals: how much may leave a wallet for its user's own address, and what a transaction that took it must show."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.fill import EvidenceError, LandedTransaction
from bot.trading.intent import TradeRequest
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.risk_gate import LEAST_BALANCE_LAMPORTS, TOKEN_ACCOUNT_RENT_LAMPORTS, Refused, kept_for_exits
from bot.trading.units import counted, format_sol

# A transfer is small and somebody waits for it.
PRIORITY_FEE_LAMPORTS = 20_000
FEE_LAMPORTS = SIGNATURE_FEE_LAMPORTS + PRIORITY_FEE_LAMPORTS
# What is kept for each token that is still to be swept: its fee, and the account that is opened for it at the safe address.
TOKEN_SWEEP_LAMPORTS = FEE_LAMPORTS + TOKEN_ACCOUNT_RENT_LAMPORTS
# An account of a token with extensions is larger than most, and never so much.
OPENING_MAX_LAMPORTS = 2 * TOKEN_ACCOUNT_RENT_LAMPORTS


@dataclass(frozen=True, slots=True)
class TokenParcel:
    """All that a wallet's own account holds of a token, as it can be sent. Addresses are base58, `program` is its token program.

    `opening_lamports` is what the receiver's account costs where it is not there yet; `may_close` says that the emptied account
    can be closed behind it.
    """

    mint: str
    program: str
    decimals: int
    token_raw: int
    opening_lamports: int
    may_close: bool


def reserved_lamports(request: TradeRequest) -> int:
    """What a withdrawal or a sweep takes at most, its fee and the account that it may open among it."""
    return request.spend_lamports + (TOKEN_SWEEP_LAMPORTS if request.mint else FEE_LAMPORTS)


def withdrawable_lamports(wallet_lamports: int, reserved_lamports: int, open_positions: int) -> int:
    """The most that may be sent, its own fee paid besides: all but what orders on their way and exits of positions need.

    It may be below zero. A wallet without positions may be emptied.
    """
    kept = kept_for_exits(open_positions) if open_positions else 0
    return wallet_lamports - reserved_lamports - kept - FEE_LAMPORTS


def refuse_withdrawal(
    lamports: int, *, wallet_lamports: int, reserved_lamports: int, open_positions: int
) -> Refused | None:
    """Why so much cannot be sent now; None where it can. The network lets no account keep less than its rent but nothing."""
    most = withdrawable_lamports(wallet_lamports, reserved_lamports, open_positions)
    if lamports > most:
        kept = []
        if reserved_lamports:
            kept.append(f"{format_sol(reserved_lamports)} SOL for orders on their way")
        if open_positions:
            kept.append(
                f"{format_sol(kept_for_exits(open_positions))} SOL for the exits of {counted(open_positions, 'position')}"
            )
        why = f"; {' and '.join(kept)} are kept" if kept else ""
        return Refused("funds", f"at most {format_sol(max(0, most))} SOL can be withdrawn now, its fee apart{why}")
    if not reserved_lamports and not open_positions and 0 < most - lamports < LEAST_BALANCE_LAMPORTS:
        least = format_sol(LEAST_BALANCE_LAMPORTS)
        return Refused("dust", f"the network lets a wallet keep nothing or at least {least} SOL; withdraw all, or less")
    return None


def refuse_dust(lamports: int, target_lamports: int) -> Refused | None:
    """Why so much cannot be sent to an address that holds `target_lamports`; None where it can.

    A transfer that leaves less than an account's rent there lands with an error, and costs its fee and a code.
    """
    if target_lamports + lamports >= LEAST_BALANCE_LAMPORTS:
        return None
    least = format_sol(LEAST_BALANCE_LAMPORTS - target_lamports)
    return Refused("dust", f"the network takes no account of less than its rent; send at least {least} SOL there")


def check_withdrawn(landed: LandedTransaction, request: TradeRequest) -> None:
    """Raise EvidenceError unless a transaction took just what was asked for and its fee from its wallet, and nothing else.

    A token takes what its receiver's account cost to open, and closing its own brings back what was in that.
    """
    gone = -landed.wallet_delta_lamports - landed.network_fee_lamports - landed.rent_delta_lamports
    if request.mint:
        is_it = landed.token_delta_raw == -request.token_raw and 0 <= gone <= OPENING_MAX_LAMPORTS
        is_it = is_it and set(landed.closed) <= {request.mint}
    else:
        is_it = gone == request.spend_lamports and not landed.token_delta_raw and not landed.closed
    if landed.error is not None or not is_it:
        wanted = f"{request.token_raw} of {request.mint}" if request.mint else f"{request.spend_lamports} lamports"
        raise EvidenceError(
            f"{landed.signature} took {gone} lamports and {-landed.token_delta_raw} tokens beside its fee, not {wanted}"
        )
