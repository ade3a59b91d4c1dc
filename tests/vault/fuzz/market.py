"""A small market for the fuzz: a wallet that holds a coin of each kind, a thief, and what the bot would sign there.

The chain is the local one in this process, with its real token programs, so that whether a signed message moves value is
seen by carrying it out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.chain import addresses as at
from bot.chain.closings import build_closing
from bot.chain.instructions import create_token_account
from bot.localnet import elsewhere
from bot.localnet.accounts import Account
from bot.localnet.inprocess import InProcessChain
from bot.ports import ClosingOrder, Signing
from bot.trading.closing import EmptyAccount
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL as SOL
from bot.vault.policy import TIP_ACCOUNTS
from tests.chain.chain_scenario import World, virtual_world
from tests.chain.test_chain_pools import migrated

TIPPED: dict[str, Any] = {"tip_lamports": 50_000, "tip_account": TIP_ACCOUNTS[1]}


@dataclass(frozen=True, slots=True)
class Market:
    """`honest` are the messages of a bot; `mints` the coins on a curve, in a pool and elsewhere."""

    net: InProcessChain
    wallet: Keypair
    thief: Keypair
    mints: tuple[Pubkey, ...]
    honest: tuple[Signing, ...]

    def account(self, key: Pubkey) -> Account | None:
        return self.net.cluster.chain.accounts.get(key)

    def outcome(self, message: bytes) -> dict[Pubkey, Account] | None:
        """The accounts that a signed message would leave behind, None where it fails."""
        raw = b"\x01" + bytes(64) + message
        try:
            transaction = VersionedTransaction.from_bytes(raw)
        except ValueError:
            return None
        simulation = self.net.cluster.chain.simulate(transaction, check_age=False)
        return None if simulation.error is not None else simulation.post_accounts


async def open_market(seed: int) -> Market:
    """Make the market; its chain stands still from then on."""
    net = InProcessChain(seed=seed)
    draw = random.Random(seed)
    async with virtual_world(net, routed=True, fresh=lambda: Keypair.from_seed(draw.randbytes(32))) as world:
        pooled, wallet = await migrated(world)
        creator, thief = await world.funded(10 * SOL), await world.funded(10 * SOL)
        curved = await world.launched(creator)
        await world.landed(wallet, await world.buy_order(wallet, curved, 2 * SOL))
        await world.landed(wallet, await world.buy_order(wallet, pooled, SOL))
        away = str(elsewhere.MINT)
        await world.landed(wallet, await world.offered_order(wallet, away, Side.BUY, SOL))
        mints = tuple(Pubkey.from_string(mint) for mint in (curved, pooled, away))
        await _opened_for(world, thief, mints)
        honest = await _honest(world, wallet, mints)
    return Market(net, wallet, thief, mints, tuple(honest))


async def _opened_for(world: World, thief: Keypair, mints: tuple[Pubkey, ...]) -> None:
    """Accounts of the thief's in which stolen tokens could arrive."""
    instructions: list[Instruction] = []
    for mint in (*mints, at.WRAPPED_SOL_MINT):
        owner = await world.rpc("getAccountInfo", str(mint), {"encoding": "base64", "commitment": "processed"})
        program = Pubkey.from_string(owner["value"]["owner"])
        instructions.append(create_token_account(thief.pubkey(), mint, program))
    blockhash = Hash.from_string((await world.chain.latest_blockhash()).value)
    message = Message.new_with_blockhash(instructions, thief.pubkey(), blockhash)
    transaction = VersionedTransaction(message, [thief])
    await world.chain.send(bytes(transaction))
    await world.settled(str(transaction.signatures[0]))


async def _honest(world: World, wallet: Keypair, mints: tuple[Pubkey, ...]) -> list[Signing]:
    """What the bot would have signed: every kind of trade, and a closing."""
    blockhash = await world.chain.latest_blockhash()
    found: list[Signing] = []
    for place, mint in enumerate(str(mint) for mint in mints):
        held = await world.held(wallet, mint)
        if place < 2:
            orders = [
                await world.buy_order(wallet, mint, SOL // 4, limit_raw=1),
                await world.buy_order(wallet, mint, SOL // 2, limit_raw=1, **TIPPED),
                await world.sell_order(wallet, mint, held, limit_raw=0, close_account=True, **TIPPED),
                await world.sell_order(wallet, mint, held // 3, limit_raw=0),
            ]
        else:
            orders = [
                await world.offered_order(wallet, mint, Side.BUY, SOL // 4),
                await world.offered_order(wallet, mint, Side.SELL, held // 2),
            ]
        for number, order in enumerate(orders):
            message = world.chain.build(order, blockhash)
            found.append(Signing(f"intent {place}.{number}", mint, message))
    address = str(wallet.pubkey())
    emptied = EmptyAccount(str(mints[0]), address, str(at.TOKEN_2022_PROGRAM), 0)
    closing = build_closing(ClosingOrder(address, (emptied,), 1_000), Hash.from_string(blockhash.value))
    return [*found, Signing("closing", "", closing)]
