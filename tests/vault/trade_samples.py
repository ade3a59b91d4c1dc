"""Messages as the bot builds them, one of each kind, and ways to bend them: what the vault's policy is tried with."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import pool_transactions, transactions
from bot.chain.instructions import close_token_account, create_token_account, reads, signs, tip, unwrap_sol, wrap_sol
from bot.chain.jupiter_check import EVENT_AUTHORITY, PROGRAM, ROUTE_V2, SHARED_ACCOUNTS_ROUTE_V2
from bot.ports import Signing, SwapOrder
from bot.trading.curve import Curve
from bot.trading.intent import Side
from bot.trading.pool import Pool, PoolFees
from bot.trading.units import LAMPORTS_PER_SOL as SOL
from bot.vault.policy import TIP_ACCOUNTS

WALLET = Keypair.from_seed(bytes(range(32)))
USER = WALLET.pubkey()
ADDRESS = str(USER)
THIEF = Keypair.from_seed(bytes(range(1, 33))).pubkey()
MINT, CREATOR, FEE, BUYBACK, OTHER_MINT = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3, 4, 5))
TIP = Pubkey.from_string(TIP_ACCOUNTS[0])
SPEND, FEE_LAMPORTS, TIP_LAMPORTS = SOL // 2, 60_000, 100_000
CURVE = Curve(1_073 * 10**12, 30 * SOL, 793_100 * 10**9, 0, False, str(CREATOR), 1)
RECIPIENTS = transactions.Recipients(FEE, BUYBACK)
BLOCKHASH = Hash.default()


def order(side: Side, venue: Curve | Pool, **changes: object) -> SwapOrder:
    """An order of the wallet with a tip; a sale closes its account."""
    made = SwapOrder(
        ADDRESS,
        str(MINT),
        side,
        venue,
        SPEND if side is Side.BUY else 0,
        77_000_000,
        66,
        120_000,
        FEE_LAMPORTS,
        close_account=side is Side.SELL,
        tip_lamports=TIP_LAMPORTS,
        tip_account=str(TIP),
    )
    return replace(made, **changes)


def on_curve(side: Side, **changes: object) -> bytes:
    """A trade on the launchpad's curve."""
    facts = transactions.CoinFacts(at.TOKEN_2022_PROGRAM, is_mayhem=False)
    return transactions.build_message(order(side, CURVE, **changes), facts, RECIPIENTS, BLOCKHASH)


def in_pool(side: Side, *, cashback: bool = False, **changes: object) -> bytes:
    """A trade in the coin's pool."""
    pool = Pool(10**15, 80 * SOL, 0, 10**15, PoolFees(20, 93, 30), str(CREATOR), 1)
    facts = pool_transactions.PoolFacts(at.TOKEN_2022_PROGRAM, is_mayhem=False, is_cashback=cashback)
    recipients = pool_transactions.Recipients(FEE, BUYBACK)
    return pool_transactions.build_message(order(side, pool, **changes), facts, recipients, BLOCKHASH)


def swap(side: Side, *, shared: bool = False, amount: int | None = None, fee_bps: int = 0) -> Instruction:
    """The aggregator's own instruction."""
    own, wrapped = at.token_account(USER, MINT, at.TOKEN_2022_PROGRAM), at.wrapped_sol(USER)
    source, target = (wrapped, own) if side is Side.BUY else (own, wrapped)
    mints = (at.WRAPPED_SOL_MINT, MINT) if side is Side.BUY else (MINT, at.WRAPPED_SOL_MINT)
    numbers = struct.pack("<2Q3H", amount or (SPEND if side is Side.BUY else 77_000_000), 1_000, 100, fee_bps, 0)
    programs = [reads(at.TOKEN_PROGRAM), reads(at.TOKEN_2022_PROGRAM)]
    ends = [reads(EVENT_AUTHORITY), reads(PROGRAM), AccountMeta(FEE, is_signer=False, is_writable=True)]
    if shared:
        accounts = [reads(FEE), signs(USER), reads(source), reads(FEE), reads(BUYBACK), reads(target)]
        accounts += [reads(mints[0]), reads(mints[1]), *programs, *ends]
        return Instruction(PROGRAM, SHARED_ACCOUNTS_ROUTE_V2 + b"\x07" + numbers + b"\x00" * 4, accounts)
    accounts = [signs(USER), reads(source), reads(target), reads(mints[0]), reads(mints[1]), *programs]
    return Instruction(PROGRAM, ROUTE_V2 + numbers + b"\x00" * 4, [*accounts, reads(PROGRAM), *ends])


def by_route(side: Side, *, tables: bool = False, **changes: bool | int) -> bytes:
    """A trade by the aggregator's offer, as the chain builds it round its swap."""
    made = order(side, CURVE)
    instructions = wrap_sol(USER, SPEND if side is Side.BUY else 0)
    if side is Side.BUY:
        instructions.append(create_token_account(USER, MINT, at.TOKEN_2022_PROGRAM))
    instructions += [swap(side, **changes), unwrap_sol(USER)]
    known = [MINT, at.WRAPPED_SOL_MINT, EVENT_AUTHORITY, FEE, BUYBACK, at.TOKEN_2022_PROGRAM]
    table = AddressLookupTableAccount(Pubkey(bytes([9]) * 32), known)
    return transactions.compile_message(made, USER, instructions, BLOCKHASH, (table,) if tables else ())


TRADES: dict[str, Callable[[], bytes]] = {
    "buy on the curve": lambda: on_curve(Side.BUY),
    "sale on the curve": lambda: on_curve(Side.SELL),
    "buy in the pool": lambda: in_pool(Side.BUY),
    "sale in the pool": lambda: in_pool(Side.SELL),
    "buy of a cashback coin": lambda: in_pool(Side.BUY, cashback=True),
    "sale of a cashback coin": lambda: in_pool(Side.SELL, cashback=True),
    "routed buy": lambda: by_route(Side.BUY),
    "routed sale": lambda: by_route(Side.SELL),
    "routed buy with tables": lambda: by_route(Side.BUY, tables=True),
    "routed sale with tables": lambda: by_route(Side.SELL, tables=True),
    "shared buy": lambda: by_route(Side.BUY, shared=True),
    "shared sale": lambda: by_route(Side.SELL, shared=True),
}


def asked(message: bytes, intent_id: str = "intent", mint: Pubkey = MINT) -> Signing:
    """The message, of an intent on the token."""
    return Signing(intent_id, str(mint), message)


def compiled(instructions: Sequence[Instruction], payer: Pubkey = USER) -> bytes:
    """Any instructions as a message."""
    return to_bytes_versioned(MessageV0.try_compile(payer, list(instructions), [], BLOCKHASH))


def instructions_of(message: bytes) -> list[Instruction]:
    """The instructions of a message without tables, to be bent and compiled again."""
    parsed = MessageV0.from_bytes(message[1:])
    keys = parsed.account_keys
    return [
        Instruction(
            keys[one.program_id_index],
            bytes(one.data),
            [
                AccountMeta(keys[place], is_signer=place == 0, is_writable=parsed.is_maybe_writable(place))
                for place in one.accounts
            ],
        )
        for one in parsed.instructions
    ]


def transfer(to: Pubkey, lamports: int) -> Instruction:
    """SOL from the wallet."""
    return tip(USER, to, lamports)


def close_into(target: Pubkey) -> Instruction:
    """The wallet's token account closed, its rent to somebody."""
    made = close_token_account(USER, MINT, at.TOKEN_2022_PROGRAM)
    accounts = [made.accounts[0], AccountMeta(target, is_signer=False, is_writable=True), made.accounts[2]]
    return Instruction(made.program_id, made.data, accounts)
