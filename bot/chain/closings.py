"""Closing emptied token accounts: which are empty, proven by two endpoints and a simulation, and the transaction that does it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import wire
from bot.chain.endpoints import Endpoints
from bot.chain.instructions import budget, close_token_account
from bot.chain.outcome import failed_instruction, failure_of
from bot.chain.rpc import AccountData, RpcClient
from bot.chain.token_accounts import why_kept
from bot.chain.transactions import BUDGET_INSTRUCTIONS, compute_unit_price, unsigned_wire
from bot.chain.witnessed import WitnessedReads
from bot.errors import SendRejected
from bot.ports import ClosingOrder
from bot.trading.closing import CLOSES_AT_ONCE, EmptyAccount

# Both token programs use less than half of it for closing an account, the budget's own instructions 150 each.
UNITS_A_CLOSE = 10_000
UNITS_BESIDE = 1_000
# An account whose closing fails in a simulation is left out, so many times in a row.
LEFT_OUT_AT_MOST = 3

log = structlog.get_logger()


async def closable(
    endpoints: Endpoints, reads: WitnessedReads, address: str, mints: Sequence[str]
) -> tuple[EmptyAccount, ...]:
    """See `Chain.closable`. Only associated accounts are looked at: a wallet of ours has no others from this bot."""
    owner = at.key_from(address)
    places = {
        str(at.token_account(owner, key, program)): (mint, key, program)
        for mint in mints
        for key in (at.key_from(mint),)
        for program in at.TOKEN_PROGRAMS
    }
    looks = await reads.twice(list(places))
    found: list[EmptyAccount] = []
    for place, (mint, key, program) in places.items():
        accounts = [look.get(place) for look in looks]
        rent_lamports = _rent_of(accounts, owner, key, mint)
        if rent_lamports is not None:
            found.append(EmptyAccount(mint, place, str(program), rent_lamports))
    return await _that_would_close(endpoints, address, found[:CLOSES_AT_ONCE])


def _rent_of(accounts: Sequence[AccountData | None], owner: Pubkey, key: Pubkey, mint: str) -> int | None:
    """What is in an account that everybody shows empty; None where anybody does not."""
    rents: list[int] = []
    for account in accounts:
        if account is None:
            return None
        if (reason := why_kept(account, owner, key)) is not None:
            log.info("emptied_account_kept", wallet=str(owner), mint=mint, reason=reason)
            return None
        rents.append(account.lamports)
    return min(rents)


async def _that_would_close(
    endpoints: Endpoints, address: str, accounts: Sequence[EmptyAccount]
) -> tuple[EmptyAccount, ...]:
    """Those that a simulation closes together; whoever is in the way is left out."""
    left = tuple(accounts)
    for _ in range(LEFT_OUT_AT_MOST + 1):
        if not left:
            return ()
        raw = unsigned_wire(build_closing(ClosingOrder(address, left, 0), Hash.default()))
        simulated = await endpoints.first(partial(_simulate, raw))
        failure = failure_of(simulated.err)
        if failure is None:
            return left
        place = (failed_instruction(simulated.err) or 0) - BUDGET_INSTRUCTIONS
        if not 0 <= place < len(left):
            raise SendRejected("simulation", f"a closing would fail: {failure.text}")
        log.info("emptied_account_kept", wallet=address, mint=left[place].mint, reason=failure.text)
        left = left[:place] + left[place + 1 :]
    return ()


async def _simulate(raw: bytes, client: RpcClient) -> wire.Simulation:
    return await client.simulate(raw)


def build_closing(order: ClosingOrder, blockhash: Hash) -> bytes:
    """The message bytes: the budget, then each account's closing, all rent to the wallet."""
    user = at.key_from(order.wallet_address)
    units = UNITS_BESIDE + UNITS_A_CLOSE * len(order.accounts)
    instructions: list[Instruction] = [
        *budget(units, compute_unit_price(order.priority_fee_lamports, units)),
        *(
            close_token_account(user, at.key_from(account.mint), at.key_from(account.program))
            for account in order.accounts
        ),
    ]
    return to_bytes_versioned(MessageV0.try_compile(user, instructions, [], blockhash))
