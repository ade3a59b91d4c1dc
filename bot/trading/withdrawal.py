"""Withdrawals: how much SOL may leave a wallet for its user's own address, and what a transaction that took it must show."""

from __future__ import annotations

from bot.trading.fill import EvidenceError, LandedTransaction
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.risk_gate import LEAST_BALANCE_LAMPORTS, Refused, kept_for_exits
from bot.trading.units import counted, format_sol

# A transfer is small and somebody waits for it.
PRIORITY_FEE_LAMPORTS = 20_000
FEE_LAMPORTS = SIGNATURE_FEE_LAMPORTS + PRIORITY_FEE_LAMPORTS


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


def check_withdrawn(landed: LandedTransaction, lamports: int) -> None:
    """Raise EvidenceError unless a transaction took just this and its fee from its wallet, and moved no token of it."""
    gone = -landed.wallet_delta_lamports - landed.network_fee_lamports
    if landed.error is not None or gone != lamports or landed.token_delta_raw or landed.closed:
        raise EvidenceError(f"{landed.signature} took {gone} lamports beside its fee, not {lamports}")
