"""Transactions of one launchpad trade: which accounts stand where, what the budget costs, and the wire bytes.

A buy spends an exact amount for at least so many tokens (`buy_exact_quote_in_v2`), a sale gives exact tokens for at least
so many lamports (`sell_v2`). Both are v0 messages without lookup tables, signed by the wallet alone. Account order:
interface description of SDK 2.0.0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from bot.chain import addresses as at
from bot.chain import layouts
from bot.chain.instructions import budget, close_token_account, create_token_account, reads, signs, tip, writes
from bot.errors import DecodeError, SendRejected
from bot.ports import SwapOrder
from bot.trading.intent import Side

PACKET_BYTES = 1232
MICRO_LAMPORTS = 1_000_000
TRIAL_UNITS = 1_000_000  # of the 1,400,000 that one transaction may have
BUDGET_INSTRUCTIONS = 2  # stand before the instructions of every order

_MAX_U32 = 2**32 - 1


@dataclass(frozen=True, slots=True)
class CoinFacts:
    """What a transaction needs to know of a coin and never changes: the owner of its mint, and whether mayhem mode is on."""

    token_program: Pubkey
    is_mayhem: bool


@dataclass(frozen=True, slots=True)
class Recipients:
    """The fee accounts that one trade names."""

    protocol: Pubkey
    buyback: Pubkey


def pick_recipients(config: layouts.GlobalAccount, mint: Pubkey, *, is_mayhem: bool) -> Recipients:
    """One of the accounts that the launchpad allows, the same for the same mint; many, so that trades run in parallel.

    Raises DecodeError for a Global account that names none.
    """
    protocol = config.reserved_fee_recipients if is_mayhem else config.fee_recipients
    return draw_recipients(protocol, config.buyback_fee_recipients, mint)


def draw_recipients(protocol: Sequence[Pubkey], buyback: Sequence[Pubkey], mint: Pubkey) -> Recipients:
    """One of each, the same for the same mint; raises DecodeError where there is none."""
    if not protocol or not buyback:
        raise DecodeError("the program's configuration names no fee recipient")
    draw = int.from_bytes(bytes(mint)[:8], "little")
    return Recipients(protocol[draw % len(protocol)], buyback[draw // len(protocol) % len(buyback)])


def compute_unit_price(priority_fee_lamports: int, compute_unit_limit: int) -> int:
    """Micro-lamports per unit, so that the runtime's `ceil(price * limit / 10**6)` never exceeds the given lamports."""
    return priority_fee_lamports * MICRO_LAMPORTS // compute_unit_limit


def build_message(order: SwapOrder, facts: CoinFacts, recipients: Recipients, blockhash: Hash) -> bytes:
    """The message bytes of one trade, to be signed by the wallet; raises SendRejected for an order that fits no packet."""
    user, mint = at.key_from(order.wallet_address), at.key_from(order.mint)
    if order.side is Side.BUY:
        instructions = [
            create_token_account(user, mint, facts.token_program),
            _trade(order, user, mint, facts, recipients),
        ]
    else:
        instructions = [_trade(order, user, mint, facts, recipients)]
        if order.close_account:
            instructions.append(close_token_account(user, mint, facts.token_program))
    return compile_message(order, user, instructions, blockhash)


def build_round_trip(
    order: SwapOrder, facts: CoinFacts, recipients: Recipients, blockhash: Hash, receive_lamports: int
) -> tuple[bytes, int]:
    """A buy and behind it the sale of the least that it brings, for at least `receive_lamports`, to be simulated only.

    The message bytes, and the index of the sale among the message's instructions. Raises SendRejected as `build_message`.
    """
    user, mint = at.key_from(order.wallet_address), at.key_from(order.mint)
    sale = sale_behind(order, receive_lamports)
    instructions = [
        create_token_account(user, mint, facts.token_program),
        _trade(order, user, mint, facts, recipients),
        _trade(sale, user, mint, facts, recipients),
    ]
    return compile_message(trial_of(order), user, instructions, blockhash), BUDGET_INSTRUCTIONS + 2


def sale_behind(order: SwapOrder, receive_lamports: int) -> SwapOrder:
    """The sale of the least that a buy brings."""
    return replace(order, side=Side.SELL, token_raw=order.limit_raw, limit_raw=receive_lamports)


def trial_of(order: SwapOrder) -> SwapOrder:
    """The order with units for both ways, and without a fee or a tip: what is only simulated pays nobody."""
    return replace(order, compute_unit_limit=TRIAL_UNITS, priority_fee_lamports=0, tip_lamports=0)


def compile_message(
    order: SwapOrder,
    user: Pubkey,
    instructions: Sequence[Instruction],
    blockhash: Hash,
    tables: Sequence[AddressLookupTableAccount] = (),
) -> bytes:
    """A message with the order's budget before its instructions and its tip after them.

    Accounts that stand in `tables` are named by their index there. Raises SendRejected for one that fits no packet.
    """
    if not 0 < order.compute_unit_limit <= _MAX_U32:
        raise SendRejected("invalid", f"a compute unit limit of {order.compute_unit_limit} is none")
    price = compute_unit_price(order.priority_fee_lamports, order.compute_unit_limit)
    budgeted = [*budget(order.compute_unit_limit, price), *instructions]
    if order.tip_lamports:
        budgeted.append(tip(user, at.key_from(order.tip_account), order.tip_lamports))
    message = to_bytes_versioned(MessageV0.try_compile(user, budgeted, list(tables), blockhash))
    if 1 + Signature.LENGTH + len(message) > PACKET_BYTES:
        raise SendRejected("invalid", f"the transaction has more than the {PACKET_BYTES} bytes of one packet")
    return message


def assemble(message: bytes, signature: bytes) -> tuple[bytes, str]:
    """Wire bytes and base58 signature of a message that its fee payer signed.

    Raises SendRejected when the signature is not the fee payer's, or is not the only one that the message asks for.
    """
    parsed = from_bytes_versioned(message)
    if parsed.header.num_required_signatures != 1:
        raise SendRejected(
            "invalid", f"the message asks for {parsed.header.num_required_signatures} signatures, not one"
        )
    if len(signature) != Signature.LENGTH:
        raise SendRejected("invalid", f"a signature has {Signature.LENGTH} bytes, this one {len(signature)}")
    signed = Signature.from_bytes(signature)
    if not signed.verify(parsed.account_keys[0], message):
        raise SendRejected("invalid", "the signature is not the wallet's, or is of another message")
    return unsigned_wire(message)[:1] + signature + message, str(signed)


def payer_of(message: bytes) -> str:
    """The address that pays for a message and signs it."""
    return str(from_bytes_versioned(message).account_keys[0])


def blockhash_of(raw: bytes) -> str:
    """The blockhash that signed bytes stand on; raises DecodeError for bytes that are no transaction."""
    try:
        return str(VersionedTransaction.from_bytes(raw).message.recent_blockhash)
    except ValueError:
        raise DecodeError(f"{len(raw)} bytes are no transaction") from None


def unsigned_wire(message: bytes) -> bytes:
    """Wire bytes with an empty signature, which is what a simulation takes."""
    return b"\x01" + bytes(Signature.LENGTH) + message


def _trade(order: SwapOrder, user: Pubkey, mint: Pubkey, facts: CoinFacts, recipients: Recipients) -> Instruction:
    """The launchpad's own instruction: two u64 after the discriminator, 27 accounts for a buy, 26 for a sale."""
    if order.side is Side.BUY:
        data = layouts.BUY_EXACT_QUOTE_IN_V2 + struct.pack("<2Q", order.spend_lamports, order.limit_raw)
    else:
        data = layouts.SELL_V2 + struct.pack("<2Q", order.token_raw, order.limit_raw)
    return Instruction(at.PUMP_PROGRAM, data, _trade_accounts(order, user, mint, facts, recipients))


def _trade_accounts(
    order: SwapOrder, user: Pubkey, mint: Pubkey, facts: CoinFacts, recipients: Recipients
) -> list[AccountMeta]:
    """The accounts in the program's order; those of the quote mint are named for coins quoted in SOL too, but unused."""
    curve = at.bonding_curve(mint)
    vault = at.creator_vault(at.key_from(order.venue.creator))
    volume = at.user_volume_accumulator(user)
    accounts = [
        reads(at.GLOBAL),
        reads(mint),
        reads(at.WRAPPED_SOL_MINT),
        reads(facts.token_program),
        reads(at.TOKEN_PROGRAM),
        reads(at.ATA_PROGRAM),
        writes(recipients.protocol),
        writes(at.wrapped_sol(recipients.protocol)),
        writes(recipients.buyback),
        writes(at.wrapped_sol(recipients.buyback)),
        writes(curve),
        writes(at.token_account(curve, mint, facts.token_program)),
        writes(at.wrapped_sol(curve)),
        signs(user),
        writes(at.token_account(user, mint, facts.token_program)),
        writes(at.wrapped_sol(user)),
        writes(vault),
        writes(at.wrapped_sol(vault)),
        reads(at.sharing_config(mint)),
    ]
    if order.side is Side.BUY:
        accounts.append(reads(at.GLOBAL_VOLUME_ACCUMULATOR))
    return [
        *accounts,
        writes(volume),
        writes(at.wrapped_sol(volume)),
        reads(at.FEE_CONFIG),
        reads(at.FEES_PROGRAM),
        reads(at.SYSTEM_PROGRAM),
        reads(at.EVENT_AUTHORITY),
        reads(at.PUMP_PROGRAM),
    ]
