"""Sending SOL and tokens out of a wallet: what pays somebody without a trade, who may be paid, and what can be sent."""

from __future__ import annotations

from solders.hash import Hash
from solders.message import MessageV0, to_bytes_versioned

from bot.chain import addresses as at
from bot.chain.closings import build_closing
from bot.chain.instructions import budget, close_token_account, open_token_account, send_tokens, transfer
from bot.chain.mints import decode_mint
from bot.chain.token_accounts import ACCOUNT_LENGTH, AMOUNT, INITIALIZED, why_unclosable
from bot.chain.transactions import compute_unit_price
from bot.chain.witnessed import WitnessedReads
from bot.ports import Blockhash, ClosingOrder, TransferOrder
from bot.trading.withdrawal import TokenParcel

# The budget's instructions and the transfer use 150 each.
UNITS = 1_000
# Opening an account costs up to 40,000 where its address is far to seek, sending and closing less than 20,000 together.
TOKEN_UNITS = 90_000
DECIMALS_AT, STATE_AT = 44, 108


def build_transfer(order: TransferOrder, blockhash: Hash) -> bytes:
    """The message bytes: the budget, and the transfer; of a token with the account that takes it, and the end of its own."""
    user, target, parcel = at.key_from(order.wallet_address), at.key_from(order.to_address), order.parcel
    units = UNITS if parcel is None else TOKEN_UNITS
    instructions = budget(units, compute_unit_price(order.priority_fee_lamports, units))
    if parcel is None:
        instructions.append(transfer(user, target, order.lamports))
    else:
        mint, program = at.key_from(parcel.mint), at.key_from(parcel.program)
        if parcel.opening_lamports:
            instructions.append(open_token_account(user, target, mint, program))
        raw, decimals = parcel.token_raw, parcel.decimals
        instructions.append(send_tokens(user, target, mint, program, token_raw=raw, decimals=decimals))
        if parcel.may_close:
            instructions.append(close_token_account(user, mint, program))
    return to_bytes_versioned(MessageV0.try_compile(user, instructions, [], blockhash))


class Untraded:
    """The part of `Chain` for what is no trade."""

    _reads: WitnessedReads

    async def is_wallet(self, address: str) -> bool:
        key = at.key_from(address)
        _, accounts = await self._reads.accounts([str(key)], "confirmed")
        account = accounts[str(key)]
        return key.is_on_curve() if account is None else account.owner == str(at.SYSTEM_PROGRAM)

    async def sendable(self, address: str, mint: str, to_address: str) -> TokenParcel | None:
        key, owner, target = at.key_from(mint), at.key_from(address), at.key_from(to_address)
        own, theirs = (
            {str(program): str(at.token_account(one, key, program)) for program in at.TOKEN_PROGRAMS}
            for one in (owner, target)
        )
        _, accounts = await self._reads.accounts([mint, *own.values(), *theirs.values()], "confirmed")
        minted = accounts[mint]
        if minted is None or minted.owner not in own or (held := accounts[own[minted.owner]]) is None:
            return None
        decode_mint(minted.data)
        is_one = held.owner == minted.owner and len(held.data) >= ACCOUNT_LENGTH and held.data[STATE_AT] == INITIALIZED
        token_raw = int.from_bytes(held.data[AMOUNT], "little")
        if not is_one or not token_raw:
            return None
        return TokenParcel(
            mint,
            minted.owner,
            minted.data[DECIMALS_AT],
            token_raw,
            opening_lamports=held.lamports if accounts[theirs[minted.owner]] is None else 0,
            may_close=why_unclosable(held, owner, key) is None,
        )

    def build_transfer(self, order: TransferOrder, blockhash: Blockhash) -> bytes:
        return build_transfer(order, Hash.from_string(blockhash.value))

    def build_closing(self, order: ClosingOrder, blockhash: Blockhash) -> bytes:
        return build_closing(order, Hash.from_string(blockhash.value))
