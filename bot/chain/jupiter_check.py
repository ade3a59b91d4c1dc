"""What an aggregator proposes, held against what it was asked for. Of a proposal only the swap instruction is ever used.

Everything around it, wrapping, token accounts, budget and tip, is built here as for every other trade; what the proposal
names there is looked at all the same, because who slips in a transfer is to be found out and not only ignored. Instruction
layouts: the interface description of the aggregator's program (`route_v2`, `shared_accounts_route_v2`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.jupiter_client import Instructions, Quote, RawInstruction
from bot.errors import SendRejected
from bot.trading.units import BPS, bps_floor

PROGRAM = Pubkey.from_string("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4")
EVENT_AUTHORITY = Pubkey.find_program_address([b"__event_authority"], PROGRAM)[0]

ROUTE_V2 = bytes.fromhex("bb64facc31c4af14")
SHARED_ACCOUNTS_ROUTE_V2 = bytes.fromhex("d19853937cfed8e9")
_NUMBERS = struct.Struct("<2Q3H")  # amount in, quoted amount out, slippage, platform fee, positive slippage

MAX_ACCOUNTS = 64
_SYSTEM_TRANSFER = (2).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One trade as it was asked for: exactly `amount_raw` of one mint for at least `least_raw` of the other."""

    wallet: Pubkey
    mint_in: Pubkey
    mint_out: Pubkey
    program_in: Pubkey
    program_out: Pubkey
    amount_raw: int
    least_raw: int

    @property
    def source(self) -> Pubkey:
        """The wallet's own account that pays."""
        return at.token_account(self.wallet, self.mint_in, self.program_in)

    @property
    def target(self) -> Pubkey:
        """The wallet's own account that receives."""
        return at.token_account(self.wallet, self.mint_out, self.program_out)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in the instruction's accounts the named ones stand, and how long the data is before the numbers."""

    numbers: int
    authority: int
    source: int
    target: int
    mint_in: int
    mint_out: int
    program_in: int
    program_out: int
    events: int
    program: int


_PLACES = {
    ROUTE_V2: _Places(8, 0, 1, 2, 3, 4, 5, 6, 8, 9),
    SHARED_ACCOUNTS_ROUTE_V2: _Places(9, 1, 2, 5, 6, 7, 8, 9, 10, 11),
}
_OPTIONAL_TARGET = 7  # of route_v2: where else the tokens go; the target again, or the program itself for none


def untrusted(what: str) -> SendRejected:
    """The refusal of a proposal."""
    return SendRejected(
        "untrusted", f"Jupiter proposed another trade than it was asked for: {what}; nothing was signed"
    )


def check_quote(quote: Quote, mint_in: str, mint_out: str, amount: int, slippage_bps: int) -> int:
    """The amount that a quote promises; raises SendRejected unless it answers exactly this question."""
    if (quote.input_mint, quote.output_mint) != (mint_in, mint_out):
        raise untrusted("the quote is for other tokens")
    if quote.swap_mode != "ExactIn" or quote.in_amount != str(amount) or quote.slippage_bps != slippage_bps:
        raise untrusted("the quote is for another amount or slippage")
    if quote.platform_fee:
        raise untrusted("the quote takes a fee for somebody")
    promised, least = _whole(quote.out_amount), _whole(quote.other_amount_threshold)
    if least > promised or least < bps_floor(promised, BPS - slippage_bps):
        raise untrusted("the quote's minimum is not that of its slippage")
    return promised


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise untrusted("an amount that is no whole number")
    return int(text)


def checked_swap(proposed: Instructions, wanted: Wanted) -> Instruction:
    """The swap instruction of a proposal that does exactly what was asked for; raises SendRejected with what does not."""
    extra = proposed.other_instructions
    if extra or proposed.tip_instruction is not None or proposed.token_ledger_instruction is not None:
        raise untrusted("an instruction that nobody asked for")
    for setup in proposed.setup_instructions:
        if not _is_setup(setup, wanted):
            raise untrusted(f"a setup instruction of {_short(setup.program_id)} that nobody asked for")
    if proposed.cleanup_instruction is not None and not _is_cleanup(proposed.cleanup_instruction, wanted):
        raise untrusted("a cleanup that does more than close the wallet's wrapped SOL")
    if any(one.program_id != str(at.COMPUTE_BUDGET_PROGRAM) for one in proposed.compute_budget_instructions):
        raise untrusted("a budget instruction of another program")
    return _swap(proposed.swap_instruction, wanted)


def _swap(proposed: RawInstruction, wanted: Wanted) -> Instruction:
    if proposed.program_id != str(PROGRAM):
        raise untrusted(f"the swap is of program {_short(proposed.program_id)}")
    data = proposed.payload
    places = _PLACES.get(data[:8])
    if places is None or len(data) < places.numbers + _NUMBERS.size:
        raise untrusted("the swap is of a kind that is not known here")
    _check_numbers(data, places, wanted)
    keys = [_key(account.pubkey) for account in proposed.accounts]
    if not places.program < len(keys) <= MAX_ACCOUNTS:
        raise untrusted(f"the swap names {len(keys)} accounts")
    _check_accounts(keys, places, wanted)
    if any(account.is_signer and account.pubkey != str(wanted.wallet) for account in proposed.accounts):
        raise untrusted("somebody else's signature")
    metas = [
        AccountMeta(key, is_signer=account.is_signer, is_writable=account.is_writable)
        for key, account in zip(keys, proposed.accounts, strict=True)
    ]
    return Instruction(PROGRAM, data, metas)


def _check_numbers(data: bytes, places: _Places, wanted: Wanted) -> None:
    """The program itself holds the trade to these: what arrives is at least the quoted amount less the slippage."""
    amount, quoted, slippage_bps, platform_bps, positive_bps = _NUMBERS.unpack_from(data, places.numbers)
    if amount != wanted.amount_raw:
        raise untrusted("the swap takes another amount")
    if platform_bps or positive_bps:
        raise untrusted("the swap takes a fee for somebody")
    if slippage_bps > BPS or bps_floor(quoted, BPS - slippage_bps) < wanted.least_raw:
        raise untrusted("the swap allows a worse price than was asked for")


def _check_accounts(keys: list[Pubkey], places: _Places, wanted: Wanted) -> None:
    named = (
        (places.authority, wanted.wallet, "the swap is another wallet's"),
        (places.source, wanted.source, "the swap takes from another account"),
        (places.target, wanted.target, "the swap pays into another account"),
        (places.mint_in, wanted.mint_in, "the swap is of other tokens"),
        (places.mint_out, wanted.mint_out, "the swap is of other tokens"),
        (places.program_in, wanted.program_in, "the swap is by another token program"),
        (places.program_out, wanted.program_out, "the swap is by another token program"),
        (places.events, EVENT_AUTHORITY, "the swap is told to somebody else"),
        (places.program, PROGRAM, "the swap is of another program"),
    )
    for place, key, trouble in named:
        if keys[place] != key:
            raise untrusted(trouble)
    if places.authority == 0 and keys[_OPTIONAL_TARGET] not in {wanted.target, PROGRAM}:
        raise untrusted("the swap pays into another account")


def _is_setup(proposed: RawInstruction, wanted: Wanted) -> bool:
    """Opening one of the two accounts of the trade for the wallet, or wrapping exactly what a buy spends."""
    accounts, data = [account.pubkey for account in proposed.accounts], proposed.payload
    wallet, wrapped = str(wanted.wallet), str(at.wrapped_sol(wanted.wallet))
    if proposed.program_id == str(at.ATA_PROGRAM):
        own = {(str(wanted.source), str(wanted.mint_in)), (str(wanted.target), str(wanted.mint_out))}
        opens = len(accounts) >= 4 and accounts[0] == wallet == accounts[2] and (accounts[1], accounts[3]) in own
        return opens and data in {b"", b"\x00", b"\x01"}
    if proposed.program_id == str(at.SYSTEM_PROGRAM):
        exactly = _SYSTEM_TRANSFER + wanted.amount_raw.to_bytes(8, "little")
        return wanted.mint_in == at.WRAPPED_SOL_MINT and accounts == [wallet, wrapped] and data == exactly
    return proposed.program_id == str(at.TOKEN_PROGRAM) and accounts[:1] == [wrapped] and data == b"\x11"


def _is_cleanup(proposed: RawInstruction, wanted: Wanted) -> bool:
    accounts, wallet = [account.pubkey for account in proposed.accounts], str(wanted.wallet)
    closes = accounts[:3] == [str(at.wrapped_sol(wanted.wallet)), wallet, wallet]
    return proposed.program_id == str(at.TOKEN_PROGRAM) and closes and proposed.payload == b"\x09"


def _key(text: str) -> Pubkey:
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise untrusted("an account that is no address") from None


def _short(program: str) -> str:
    return program[:12] if program.isascii() and program.isalnum() else "no address"
