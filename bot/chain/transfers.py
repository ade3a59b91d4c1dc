"""Sending SOL out of a wallet: the one transaction of this bot that pays somebody without a trade, and who may be paid."""

from __future__ import annotations

from solders.hash import Hash
from solders.message import MessageV0, to_bytes_versioned

from bot.chain import addresses as at
from bot.chain.closings import build_closing
from bot.chain.instructions import budget, transfer
from bot.chain.transactions import compute_unit_price
from bot.chain.witnessed import WitnessedReads
from bot.ports import Blockhash, ClosingOrder, TransferOrder

# The budget's instructions and the transfer use 150 each.
UNITS = 1_000


def build_transfer(order: TransferOrder, blockhash: Hash) -> bytes:
    """The message bytes: the budget, and the transfer."""
    user = at.key_from(order.wallet_address)
    instructions = [
        *budget(UNITS, compute_unit_price(order.priority_fee_lamports, UNITS)),
        transfer(user, at.key_from(order.to_address), order.lamports),
    ]
    return to_bytes_versioned(MessageV0.try_compile(user, instructions, [], blockhash))


class Untraded:
    """The part of `Chain` for what is no trade."""

    _reads: WitnessedReads

    async def is_wallet(self, address: str) -> bool:
        key = at.key_from(address)
        _, accounts = await self._reads.accounts([str(key)], "confirmed")
        account = accounts[str(key)]
        return key.is_on_curve() if account is None else account.owner == str(at.SYSTEM_PROGRAM)

    def build_transfer(self, order: TransferOrder, blockhash: Blockhash) -> bytes:
        return build_transfer(order, Hash.from_string(blockhash.value))

    def build_closing(self, order: ClosingOrder, blockhash: Blockhash) -> bytes:
        return build_closing(order, Hash.from_string(blockhash.value))
