"""Whoever else has the key of a wallet, and a wait for ledgers that explain everything."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams, transfer

from bot.ports import Chain, SwapOrder, Wallet
from bot.trading.intent import Side
from bot.tree import TradingBot
from tests.vault.vault_samples import sign_by_hand
from tests.whole.virtual import MASTER_KEY, World, until

AWAY = str(Pubkey.from_bytes(bytes(range(32))))
VERSIONED = bytes([0x80])  # what comes before a message of version 0
NO_OLDER_LOOK_MS = 2_000


@dataclass(slots=True)
class Owner:
    """The owner of a wallet at another program that has his key."""

    world: World
    wallet: Wallet

    async def sends(self, lamports: int) -> str:
        """Move SOL out of the wallet, past the bot; the signature."""
        chain, key = self.world.chain, await self.world.store.sealed_key(self.wallet.id)
        params = TransferParams(
            from_pubkey=Pubkey.from_string(self.wallet.address), to_pubkey=Pubkey.from_string(AWAY), lamports=lamports
        )
        blockhash = Hash.from_string(chain.call("getLatestBlockhash")["value"]["blockhash"])
        message = VERSIONED + bytes(MessageV0.try_compile(params["from_pubkey"], [transfer(params)], [], blockhash))
        signature = sign_by_hand(MASTER_KEY, self.wallet, key, message)
        raw = bytes([1]) + signature + message
        chain.call("sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True})
        chain.step(2)
        return str(Signature.from_bytes(signature))

    async def sells(self, chain: Chain, mint: str, token_raw: int, *, part: bool = False) -> tuple[bytes, str]:
        """Sell tokens, all or a part, by a transaction of which no book knows; its bytes and its signature."""
        key = await self.world.store.sealed_key(self.wallet.id)
        sale = SwapOrder(
            wallet_address=self.wallet.address,
            mint=mint,
            side=Side.SELL,
            venue=await chain.venue(mint),
            spend_lamports=0,
            token_raw=token_raw,
            limit_raw=1,
            compute_unit_limit=200_000,
            priority_fee_lamports=10_000,
            close_account=not part,
        )
        message = chain.build(sale, await chain.latest_blockhash())
        raw, signature = chain.assemble(message, sign_by_hand(MASTER_KEY, self.wallet, key, message))
        await chain.send(raw)
        return raw, signature


async def exact(bot: TradingBot, world: World, *, within_s: float = 120) -> None:
    """Wait until every wallet was compared after this moment and found exact."""
    since_ms, wallets = world.clock.now_ms(), len(await world.store.wallets())

    def all_exact() -> bool:
        state = bot.reconciler.ledgers()
        return state.exact == wallets and (state.checked_at_ms or 0) > since_ms + NO_OLDER_LOOK_MS

    await until(all_exact, within_s=within_s)
