"""What the local chain's tests share: funded wallets, signed transactions, coins."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet import launchpad
from bot.localnet.addresses import bonding_curve
from bot.localnet.inprocess import InProcessChain
from bot.localnet.launchpad import Curve, decode_curve

SOL = 1_000_000_000


def wallet(chain: InProcessChain, lamports: int = 100 * SOL) -> Keypair:
    keypair = Keypair()
    chain.cluster.fund(keypair.pubkey(), lamports)
    return keypair


def blockhash(chain: InProcessChain, commitment: str = "confirmed") -> tuple[Hash, int]:
    value = chain.call("getLatestBlockhash", {"commitment": commitment})["value"]
    return Hash.from_string(value["blockhash"]), value["lastValidBlockHeight"]


def signed(
    chain: InProcessChain, instructions: Sequence[Instruction], *signers: Keypair, on: Hash | None = None
) -> VersionedTransaction:
    recent = on or blockhash(chain)[0]
    return VersionedTransaction(MessageV0.try_compile(signers[0].pubkey(), instructions, [], recent), signers)


def encoded(transaction: VersionedTransaction) -> str:
    return base64.b64encode(bytes(transaction)).decode()


def send(chain: InProcessChain, transaction: VersionedTransaction, *, preflight: bool = True) -> str:
    options = {"encoding": "base64", "skipPreflight": not preflight, "maxRetries": 0}
    return chain.call("sendTransaction", encoded(transaction), options)


def status(chain: InProcessChain, signature: str, *, search: bool = True) -> dict[str, Any] | None:
    return chain.call("getSignatureStatuses", [signature], {"searchTransactionHistory": search})["value"][0]


def pay(
    chain: InProcessChain, payer: Keypair, to: Pubkey, lamports: int, on: Hash | None = None
) -> VersionedTransaction:
    params = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports)
    return signed(chain, [transfer(params)], payer, on=on)


@dataclass
class Coin:
    """A launched coin and its creator."""

    chain: InProcessChain
    creator: Keypair
    mint: Keypair = field(default_factory=Keypair)

    @classmethod
    def launched(cls, chain: InProcessChain) -> Coin:
        coin = cls(chain, wallet(chain))
        create = launchpad.create_v2(
            coin.mint.pubkey(), coin.creator.pubkey(), name="Coin", symbol="COIN", uri="https://coin.invalid"
        )
        send(chain, signed(chain, [create], coin.creator, coin.mint))
        chain.step(2)
        return coin

    def buy(self, user: Keypair, spend_lamports: int, min_token_raw: int = 0) -> VersionedTransaction:
        mint, creator = self.mint.pubkey(), self.creator.pubkey()
        instructions = [
            launchpad.create_associated_token(user.pubkey(), user.pubkey(), mint),
            launchpad.buy_exact_quote_in_v2(
                mint, user.pubkey(), creator, spend_lamports=spend_lamports, min_token_raw=min_token_raw
            ),
        ]
        return signed(self.chain, instructions, user)

    def sell(self, user: Keypair, token_raw: int, min_receive_lamports: int = 0) -> VersionedTransaction:
        instruction = launchpad.sell_v2(
            self.mint.pubkey(),
            user.pubkey(),
            self.creator.pubkey(),
            token_raw=token_raw,
            min_receive_lamports=min_receive_lamports,
        )
        return signed(self.chain, [instruction], user)

    @property
    def curve(self) -> Curve:
        curve = decode_curve(self.chain.cluster.chain.accounts.get(bonding_curve(self.mint.pubkey())))
        assert curve is not None
        return curve
