"""What RPC methods work on: the chain and what of it is shown, history, faucet, faults, and the `context` of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from bot.localnet.chain import Chain, Commitment
from bot.localnet.faucet import Faucet
from bot.localnet.faults import FaultTable
from bot.localnet.records import TransactionStatus
from bot.localnet.rpc.account_encoding import encode_account
from bot.localnet.rpc.params import MIN_CONTEXT_SLOT_NOT_REACHED, Config, RpcError
from bot.localnet.rpc.view import View
from bot.localnet.store import Store
from bot.localnet.tokens import mint_decimals

API_VERSION = "4.1.2"


@dataclass(frozen=True, slots=True)
class RpcNode:
    """The parts of a node that methods read. It holds no state of its own."""

    chain: Chain
    store: Store
    faucet: Faucet
    faults: FaultTable
    view: View

    def checked_commitment(self, config: Config) -> Commitment:
        """The commitment of a request, after its `minContextSlot` was checked."""
        commitment = config.commitment()
        slot = self.view.slot_at(commitment)
        minimum = config.integer("minContextSlot")
        if minimum is not None and slot < minimum:
            raise RpcError(
                MIN_CONTEXT_SLOT_NOT_REACHED, "Minimum context slot has not been reached", {"contextSlot": slot}
            )
        return commitment

    def in_context(self, commitment: Commitment, value: Any) -> dict[str, Any]:
        """A value with the slot that it was read at."""
        return {"context": {"apiVersion": API_VERSION, "slot": self.view.slot_at(commitment)}, "value": value}

    def decimals_of(self, mint: Pubkey) -> int:
        """Decimals of a mint; 0 when it is unknown."""
        return mint_decimals(self.chain.accounts.get(mint))

    def encode(self, account: Account | None, config: Config, default_encoding: str = "base64") -> Any:
        """An account in the encoding and slice that a request asks for."""
        encoding = config.text("encoding", default_encoding)
        return encode_account(account, encoding, config.data_slice(), self.decimals_of)

    def confirmation_of(self, status: TransactionStatus) -> str:
        """The commitment level that a landed transaction has reached."""
        if status.slot <= self.view.slot_at("finalized"):
            return "finalized"
        return "confirmed" if status.slot <= self.view.slot_at("confirmed") else "processed"
